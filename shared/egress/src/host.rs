//! The name or address of a host, parsed once: what is decided about is what
//! is dialled.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::Url;

/// The longest name, in characters (RFC 1035, 2.3.4, without the final dot).
const MAX_NAME: usize = 253;
/// The longest label of a name (RFC 1035, 2.3.4).
const MAX_LABEL: usize = 63;

/// Why a text names no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Characters that parsers read differently: NUL, line ends, `%`, spaces …
    #[error("the host has a character that no host has: write letters, digits, dots and hyphens")]
    Character,
    /// Everything else.
    #[error("this is no name of a host: write one such as `www.example.org`")]
    Malformed,
}

/// A name such as `www.example.org`: lower-case ASCII, without a final dot.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(String);

/// Where a connection is to go.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// By name.
    Name(HostName),
    /// By address, in whichever of its many spellings it was written.
    Address(IpAddr),
}

impl HostName {
    /// From what the URL standard's parser left of a name: international names
    /// are in ASCII already, and it is no address.
    fn from_parsed(text: &str) -> Result<Self, HostError> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-')) {
            return Err(HostError::Character);
        }
        let labels_fit = name.split('.').all(|label| (1..=MAX_LABEL).contains(&label.len()));
        // The system would read a number at the end as a part of an address.
        let number = name.rsplit('.').next().is_some_and(|label| {
            label.bytes().all(|byte| byte.is_ascii_digit()) || label.starts_with("0x")
        });
        if name.len() > MAX_NAME || !labels_fit || number {
            return Err(HostError::Malformed);
        }
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its labels, the most general one first: `org`, `example`, `www`.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.rsplit('.')
    }
}

impl Host {
    /// The host of a URL.
    ///
    /// # Errors
    /// It has none, or one that only some parsers accept.
    pub fn of(url: &Url) -> Result<Self, HostError> {
        Self::from_url_host(url.host().ok_or(HostError::Malformed)?)
    }

    fn from_url_host<S: AsRef<str>>(host: url::Host<S>) -> Result<Self, HostError> {
        match host {
            url::Host::Domain(name) => HostName::from_parsed(name.as_ref()).map(Self::Name),
            url::Host::Ipv4(address) => Ok(Self::Address(address.into())),
            url::Host::Ipv6(address) => Ok(Self::Address(address.into())),
        }
    }
}

impl FromStr for Host {
    type Err = HostError;

    /// Reads a name, an address in any spelling that the URL standard knows,
    /// or an IPv6 address with or without brackets.
    fn from_str(text: &str) -> Result<Self, HostError> {
        let strange = |c: char| c.is_control() || c.is_whitespace() || c == '%';
        if text.chars().any(strange) {
            return Err(HostError::Character);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let parsed = url::Host::parse(text).map_err(|_| HostError::Malformed)?;
        Self::from_url_host(parsed)
    }
}

/// A host and its port, as in `example.org:443` or `[2001:db8::1]:443`.
pub(crate) fn with_port(authority: &str) -> Result<(Host, u16), HostError> {
    let (host, port) = authority.rsplit_once(':').ok_or(HostError::Malformed)?;
    let bare_v6 = host.contains(':') && !host.starts_with('[');
    if bare_v6 || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HostError::Malformed);
    }
    let port = port.parse().ok().filter(|port| *port > 0).ok_or(HostError::Malformed)?;
    Ok((host.parse()?, port))
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
