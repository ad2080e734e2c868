//! Which addresses may be dialled.
//!
//! The ranges are those of the special-purpose registries (RFC 6890 and its
//! updates). Of IPv6 only the global unicast space 2000::/3 is public
//! (RFC 4291, 2.4); addresses that carry an IPv4 address are judged by it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::{Host, Refusal};

const fn v4(a: u8, b: u8, c: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// Not public in IPv4.
const DENIED_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 8),       // this network
    v4(10, 0, 0, 8),      // private
    v4(100, 64, 0, 10),   // carriers' and tailnets' (RFC 6598)
    v4(127, 0, 0, 8),     // loopback
    v4(169, 254, 0, 16),  // link-local, metadata of clouds
    v4(172, 16, 0, 12),   // private
    v4(192, 0, 0, 24),    // protocol assignments
    v4(192, 0, 2, 24),    // documentation
    v4(192, 88, 99, 24),  // relays of 6to4
    v4(192, 168, 0, 16),  // private
    v4(198, 18, 0, 15),   // benchmarks
    v4(198, 51, 100, 24), // documentation
    v4(203, 0, 113, 24),  // documentation
    v4(224, 0, 0, 4),     // multicast
    v4(240, 0, 0, 4),     // reserved, broadcast
];

/// The part of IPv6 that can be public.
const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 0, 3);

/// Not public within [`GLOBAL_UNICAST`].
const DENIED_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 0, 23),      // protocol assignments, Teredo, ORCHID
    v6(0x2001, 0x0db8, 0, 32), // documentation
    v6(0x2002, 0, 0, 16),      // 6to4
    v6(0x3fff, 0, 0, 20),      // documentation
];

/// The IPv4 addresses behind a translator (RFC 6052, 2.1).
const NAT64: Ipv6Net = v6(0x0064, 0xff9b, 0, 96);

/// The address that a packet arrives at: the IPv4 address in an IPv4-mapped
/// or NAT64 address, any other as it is.
#[must_use]
pub fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return v4.into();
    }
    if NAT64.contains(&v6) {
        let [.., a, b, c, d] = v6.octets();
        return Ipv4Addr::new(a, b, c, d).into();
    }
    address
}

fn is_public(address: IpAddr) -> bool {
    match unwrapped(address) {
        IpAddr::V4(v4) => !DENIED_V4.iter().any(|range| range.contains(&v4)),
        IpAddr::V6(v6) => {
            GLOBAL_UNICAST.contains(&v6) && !DENIED_V6.iter().any(|range| range.contains(&v6))
        }
    }
}

/// Public addresses may be dialled, others may not, unless a person excepted
/// them for one host.
#[derive(Debug, Clone, Default)]
pub struct AddressRules {
    denied: Vec<IpNet>,
    excepted: Vec<(Host, IpNet)>,
}

impl AddressRules {
    /// Public addresses alone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Denies addresses that are public otherwise, such as the hub's own.
    /// This wins over every exception.
    #[must_use]
    pub fn deny(mut self, network: IpNet) -> Self {
        self.denied.push(network);
        self
    }

    /// Lets one host have addresses that are not public. No other name gets to
    /// them, also none that resolves to them.
    #[must_use]
    pub fn except(mut self, host: Host, network: IpNet) -> Self {
        self.excepted.push((host, network));
        self
    }

    /// Lets a host of the configuration have whatever address it resolves to,
    /// such as a search engine in the home network.
    #[must_use]
    pub fn trust(self, host: &Host) -> Self {
        let all_v4 = IpNet::V4(Ipv4Net::default());
        let all_v6 = IpNet::V6(Ipv6Net::default());
        self.except(host.clone(), all_v4).except(host.clone(), all_v6)
    }

    /// Whether `address` may be dialled for `host`.
    ///
    /// # Errors
    /// [`Refusal::PrivateAddress`].
    pub fn check(&self, host: &Host, address: IpAddr) -> Result<(), Refusal> {
        let inner = unwrapped(address);
        let within = |network: &IpNet| network.contains(&address) || network.contains(&inner);
        let excepted = || self.excepted.iter().any(|(own, network)| own == host && within(network));
        if !self.denied.iter().any(within) && (is_public(address) || excepted()) {
            return Ok(());
        }
        Err(Refusal::PrivateAddress { host: host.clone() })
    }
}
