//! Hundreds of ways to write a private address, against a listener that must
//! see none of them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use url::Url;

use super::support::{LOOPBACK, Proxied, Server, fetch, fetcher, page, policy, subject};
use crate::*;

fn octet(value: u32, base: usize) -> String {
    match base {
        0 => value.to_string(),
        1 => format!("0{value:o}"),
        2 => format!("0x{value:x}"),
        3 => format!("0X{value:X}"),
        _ => format!("000{value:o}"),
    }
}

/// The forms that `inet_aton` knows: one to four numbers, each in any base.
fn numeric(address: Ipv4Addr) -> Vec<String> {
    let bits = address.to_bits();
    let [a, b, c, d] = address.octets().map(u32::from);
    let mut found = Vec::new();
    for bases in 0..81 {
        let base = |place: u32| bases / 3_usize.pow(place) % 3;
        let parts = [octet(a, base(0)), octet(b, base(1)), octet(c, base(2)), octet(d, base(3))];
        found.push(parts.join("."));
    }
    for base in 0..5 {
        found.push(octet(bits, base));
        found.push(format!("{}.{}", octet(a, base), octet(bits & 0xff_ffff, base)));
        found.push(format!("{}.{}.{}", octet(a, base), octet(b, base), octet(bits & 0xffff, base)));
        let all = [a, b, c, d].map(|value| octet(value, base));
        found.push(all.join("."));
        found.push(format!("{}.", all.join(".")));
    }
    found
}

/// Other alphabets, which names are mapped from.
fn disguised(address: Ipv4Addr) -> Vec<String> {
    let plain = address.to_string();
    let map = |zero: u32, dot: char| -> String {
        let digit = |c: char| char::from_u32(zero + c.to_digit(10).unwrap_or(0)).unwrap();
        plain.chars().map(|c| if c == '.' { dot } else { digit(c) }).collect()
    };
    let circled: String = plain
        .chars()
        .map(|c| match c.to_digit(10) {
            None => '.',
            Some(0) => '⓪',
            Some(digit) => char::from_u32(0x245f + digit).unwrap(),
        })
        .collect();
    let percent: String = plain.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let mut found = vec![circled, percent];
    for zero in [0xff10, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6] {
        for dot in ['.', '。', '．', '｡'] {
            found.push(map(zero, dot));
        }
    }
    found
}

/// What carries the address in IPv6.
fn carried(address: Ipv4Addr) -> Vec<String> {
    let bits = address.to_bits();
    let (high, low) = (bits >> 16, bits & 0xffff);
    let carriers = [
        "::ffff:",
        "0:0:0:0:0:ffff:",
        "::FFFF:",
        "0000:0000:0000:0000:0000:ffff:",
        "64:ff9b::",
        "0064:ff9b:0:0:0:0:",
        "64:FF9B::",
        "64:ff9b:1::",
        "::",
        "::ffff:0:",
    ];
    let mut found = Vec::new();
    for carrier in carriers {
        found.push(format!("[{carrier}{address}]"));
        found.push(format!("[{carrier}{high:x}:{low:x}]"));
        found.push(format!("[{carrier}{high:04X}:{low:04X}]"));
    }
    found.push(format!("[2002:{high:x}:{low:x}::1]"));
    found.push(format!("[2002:{high:x}:{low:x}::]"));
    found
}

/// Names and addresses of what is private, one by one.
const MORE: [&str; 30] = [
    "0",
    "0.0.0.0",
    "0x0",
    "00",
    "127.127.127.127",
    "127.1",
    "127.0.1",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::0001]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[ff02::1]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "ｌocalhost",
    "metadata.test",
    "100.100.100.100",
    "172.31.255.255",
    "198.18.0.1",
    "255.255.255.255",
    "224.0.0.1",
    "[2001:db8::1]",
    "[100::1]",
    "[64:ff9b:1::1]",
    "[3fff::1]",
    "192.0.0.1",
];

/// Whole addresses around a host and a port.
const FORMS: [&str; 17] = [
    "http://allowed.test@HOST:PORT/",
    "http://allowed.test:80@HOST:PORT/",
    "http://a:b@HOST:PORT/",
    "http:\\\\HOST:PORT\\",
    "http:/HOST:PORT/",
    "http:HOST:PORT/",
    "http:////HOST:PORT/",
    "HTTP://HOST:PORT/",
    " http://HOST:PORT/ ",
    "ht\ntp://HO\tST:PORT/",
    "http://HOST:0PORT/",
    "http://HOST:PORT?allowed.test",
    "http://HOST:PORT#allowed.test",
    "http://HOST:PORT\\@allowed.test/",
    "http://@HOST:PORT/",
    "http://HOST:PORT/@allowed.test",
    "http://allowed.test#@HOST:PORT/",
];

/// Addresses of pages, all on one port, all meant for a private address.
fn spellings(port: u16) -> BTreeSet<String> {
    let mut hosts = Vec::new();
    for address in ["127.0.0.1", "169.254.169.254", "10.0.0.1", "192.168.1.1"] {
        let address: Ipv4Addr = address.parse().unwrap();
        hosts.extend(numeric(address));
        hosts.extend(disguised(address));
        hosts.extend(carried(address));
    }
    hosts.extend(MORE.map(str::to_owned));
    let mut found: BTreeSet<String> =
        hosts.iter().map(|host| format!("http://{host}:{port}/")).collect();
    for host in ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "localhost"] {
        for form in FORMS {
            // Taking a name apart is the parser's business: what it reads counts.
            let host = if form.contains("HO\tST") { host.split_at(1) } else { (host, "") };
            let text = form.replace("HO\tST", &format!("{}\t{}", host.0, host.1));
            found.insert(text.replace("HOST", host.0).replace("PORT", &port.to_string()));
        }
    }
    found
}

fn resolver() -> ScriptedResolver {
    let metadata: IpAddr = "169.254.169.254".parse().unwrap();
    ScriptedResolver::new()
        .answer("localhost", &[LOOPBACK])
        .answer("metadata.test", &[metadata])
        .answer("allowed.test", &[LOOPBACK])
}

#[tokio::test]
async fn no_spelling_of_a_private_address_is_dialled() {
    let server = Server::start(|_| page("secret")).await;
    let everything = format!("*:{}", server.port());
    let careful = fetcher(policy(&["*", &everything], AddressRules::new(), resolver()));
    let all = spellings(server.port());
    assert!(all.len() >= 500, "only {} spellings", all.len());
    let (mut tried, mut unreadable) = (0, 0);
    for text in &all {
        let Ok(url) = Url::parse(text) else {
            unreadable += 1;
            continue;
        };
        tried += 1;
        let refused = careful.fetch(&FetchRequest::new(url, subject())).await.unwrap_err();
        let code = agentos_domain::Classified::code(&refused);
        let expected = ["private_address", "user_info_in_url", "invalid_host", "host_not_allowed"];
        assert!(expected.contains(&code), "{text:?}: {code}");
    }
    assert!(tried >= 500, "only {tried} can be read, {unreadable} not");
    assert_eq!(server.connections(), 0);
    // The control: the same with an exception for what each is read as.
    let mut reached = 0;
    for text in &all {
        let Ok(url) = Url::parse(text) else { continue };
        let Ok(host) = Host::of(&url) else { continue };
        let here = match &host {
            Host::Name(name) => name.as_str() == "localhost",
            Host::Address(address) => match unwrapped(*address) {
                IpAddr::V4(v4) => v4.is_loopback() && *address == v4.to_canonical_or(*address),
                IpAddr::V6(_) => false,
            },
        };
        if !here || !url.username().is_empty() {
            continue;
        }
        let careless =
            fetcher(policy(&[&everything], AddressRules::new().trust(&host), resolver()));
        reached += usize::from(fetch(&careless, text).await.is_ok());
    }
    eprintln!(
        "{} spellings, {tried} readable, 0 connections; without the check {reached}",
        all.len()
    );
    assert_eq!(server.connections(), reached);
    assert!(reached >= 100, "the control reached the listener only {reached} times");
}

trait Dialable {
    fn to_canonical_or(self, address: IpAddr) -> IpAddr;
}

impl Dialable for Ipv4Addr {
    /// The address itself where the system would connect to it: plain or
    /// mapped, not behind a translator that this machine has none of.
    fn to_canonical_or(self, address: IpAddr) -> IpAddr {
        if address.to_canonical() == IpAddr::V4(self) { address } else { self.into() }
    }
}

#[tokio::test]
async fn no_spelling_passes_the_proxy() {
    let server = Server::start(|_| page("secret")).await;
    let everything = format!("*:{}", server.port());
    let proxy = Proxied::start(
        policy(&["*", &everything], AddressRules::new(), resolver()),
        ProxyLimits::default(),
    );
    let mut tried = 0;
    for text in spellings(server.port()) {
        let Some(authority) = text.strip_prefix("http://").and_then(|rest| rest.strip_suffix('/'))
        else {
            continue;
        };
        tried += 2;
        let (status, body) = proxy.tunnel(authority).await;
        assert!(matches!(status, 400 | 403), "CONNECT {authority}: {status} {body}");
        let (status, body) = proxy.get(&text).await;
        assert!(matches!(status, 400 | 403), "GET {text}: {status} {body}");
    }
    assert!(tried >= 1000, "{tried}");
    assert_eq!(server.connections(), 0);
    // The control: an excepted host at the same listener.
    let (rules, resolver) = super::support::public(&["allowed.test"]);
    let open = Proxied::start(policy(&[&everything], rules, resolver), ProxyLimits::default());
    let (status, body) = open.get(&format!("http://allowed.test:{}/", server.port())).await;
    assert_eq!((status, body.as_str()), (200, "secret"));
    assert_eq!(server.connections(), 1);
}
