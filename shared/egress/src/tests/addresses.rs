//! The address check against ranges that are written down a second time, as
//! first and last address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::support::{host, net};
use crate::*;

/// First and last addresses that are not public.
const V4: [(&str, &str); 15] = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.255"),
];

/// The same of IPv6, whatever carries an IPv4 address left out.
const V6: [(&str, &str); 7] = [
    ("::", "::fffe:ffff:ffff"),
    ("::1:0:0:0", "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("64:ff9b::1:0:0", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
];
const V6_LAST: (&str, &str) = ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
/// What carries an IPv4 address in its last 32 bits.
const CARRIERS: [&str; 2] = ["::ffff:0:0", "64:ff9b::"];

fn number4(text: &str) -> u32 {
    text.parse::<Ipv4Addr>().unwrap().to_bits()
}

fn number6(text: &str) -> u128 {
    text.parse::<Ipv6Addr>().unwrap().to_bits()
}

fn public4(address: u32) -> bool {
    !V4.iter().any(|(first, last)| (number4(first)..=number4(last)).contains(&address))
}

fn public6(address: u128) -> bool {
    if CARRIERS.iter().any(|carrier| number6(carrier) >> 32 == address >> 32) {
        return public4(address as u32);
    }
    let mut ranges = V6.iter().chain([&V6_LAST]);
    !ranges.any(|(first, last)| (number6(first)..=number6(last)).contains(&address))
}

fn passes(address: IpAddr) -> bool {
    AddressRules::new().check(&host("example.org"), address).is_ok()
}

fn agree4(address: u32) {
    let address4 = Ipv4Addr::from_bits(address);
    assert_eq!(passes(address4.into()), public4(address), "{address4}");
    assert_eq!(passes(address4.to_ipv6_mapped().into()), public4(address), "mapped {address4}");
}

fn agree6(address: u128) {
    let address6 = Ipv6Addr::from_bits(address);
    assert_eq!(passes(address6.into()), public6(address), "{address6}");
}

#[test]
fn the_edges_of_every_range_are_right() {
    for (first, last) in V4 {
        let (first, last) = (number4(first), number4(last));
        for address in [first.wrapping_sub(1), first, last, last.wrapping_add(1)] {
            agree4(address);
            for carrier in CARRIERS {
                agree6(number6(carrier) | u128::from(address));
            }
        }
    }
    for (first, last) in V6.iter().chain([&V6_LAST]) {
        let (first, last) = (number6(first), number6(last));
        for address in [first.wrapping_sub(1), first, last, last.wrapping_add(1)] {
            agree6(address);
        }
    }
    for (address, public) in [
        ("8.8.8.8", true),
        ("2606:4700::1111", true),
        ("::ffff:8.8.8.8", true),
        ("64:ff9b::808:808", true),
        ("64:ff9b:1::808:808", false),
        ("::8.8.8.8", false),
        ("fd00::1", false),
        ("fe80::1", false),
        ("ff02::1", false),
        ("2002:7f00:1::", false),
        ("2001:0:1::", false),
    ] {
        assert_eq!(passes(address.parse().unwrap()), public, "{address}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_ipv4_address_is_judged_alike(address: u32) {
        agree4(address);
    }

    #[test]
    fn any_ipv6_address_is_judged_alike(
        low: u64,
        high in prop_oneof![
            any::<u64>(),
            // Where the ranges are.
            (0x2000_u64..0x2010, any::<u64>()).prop_map(|(first, rest)| first << 48 | rest >> 16),
            (0x3ff0_u64..0x4001, any::<u64>()).prop_map(|(first, rest)| first << 48 | rest >> 16),
            Just(0), Just(0x0064_ff9b_0000_0000), Just(0x0064_ff9b_0001_0000),
        ],
        carried in any::<bool>(),
    ) {
        let low = if carried { 0xffff_0000_0000 | low & 0xffff_ffff } else { low };
        agree6(u128::from(high) << 64 | u128::from(low));
        agree6(u128::from(high) << 64 | u128::from(low & 0xffff_ffff));
    }
}

#[test]
fn an_exception_is_for_one_host_and_a_denial_for_all() {
    let at = |text: &str| text.parse::<IpAddr>().unwrap();
    let rules = AddressRules::new()
        .except(host("search.home"), net("192.168.1.5/32"))
        .deny(net("192.0.3.7/32"))
        .deny(net("192.168.1.9/32"))
        .trust(&host("trusted.home"));
    assert!(rules.check(&host("search.home"), at("192.168.1.5")).is_ok());
    assert!(rules.check(&host("search.home"), at("::ffff:192.168.1.5")).is_ok());
    assert!(rules.check(&host("search.home"), at("192.168.1.6")).is_err());
    assert!(rules.check(&host("evil.test"), at("192.168.1.5")).is_err());
    assert!(rules.check(&host("trusted.home"), at("10.1.1.1")).is_ok());
    assert!(rules.check(&host("trusted.home"), at("fd00::1")).is_ok());
    // The hub's own addresses: also public, mapped and excepted ones.
    for address in ["192.0.3.7", "::ffff:192.0.3.7", "64:ff9b::192.0.3.7"] {
        assert!(rules.check(&host("evil.test"), at(address)).is_err(), "{address}");
        assert!(rules.check(&host("trusted.home"), at(address)).is_err(), "{address}");
    }
    assert!(rules.check(&host("trusted.home"), at("192.168.1.9")).is_err());
}
