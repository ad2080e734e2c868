//! Which hosts a run may reach at all.

use crate::host::{self, Host, HostName};

/// The ports of a pattern that names none.
const USUAL_PORTS: [u16; 2] = [80, 443];

/// A pattern that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` allows no host: write a host (`example.org`), its sub-domains (`*.example.org`) or \
     any public host (`*`), with a port where it is neither 80 nor 443 (`example.org:8443`)"
)]
pub struct PatternError(pub String);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    /// Whatever the address check lets pass.
    Any,
    /// This one alone.
    Exactly(Host),
    /// The names below this one, without itself.
    Below(HostName),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    hosts: Hosts,
    /// `None` stands for the usual ports.
    port: Option<u16>,
}

/// The hosts that are allowed. Without a pattern it allows nothing, and so it
/// does by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList {
    patterns: Vec<Pattern>,
}

impl AllowList {
    /// From patterns such as `example.org`, `*.example.org`, `*` and
    /// `example.org:8443`. Blank ones are left out.
    ///
    /// # Errors
    /// One of them is no pattern: nothing is allowed then.
    pub fn new<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Self, PatternError> {
        let patterns = patterns
            .into_iter()
            .filter(|text| !text.as_ref().trim().is_empty())
            .map(|text| Pattern::read(text.as_ref().trim()))
            .collect::<Result<_, _>>()?;
        Ok(Self { patterns })
    }

    /// Whether a connection to this port of this host is allowed.
    #[must_use]
    pub fn permits(&self, host: &Host, port: u16) -> bool {
        self.patterns.iter().any(|pattern| pattern.permits(host, port))
    }

    /// Whether it allows nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }
}

impl Pattern {
    fn read(text: &str) -> Result<Self, PatternError> {
        let fail = || PatternError(text.to_owned());
        let is_address = text.parse::<std::net::IpAddr>().is_ok();
        let has_port = !is_address && text.contains(':') && !text.ends_with(']');
        let (hosts, port) = if !has_port {
            (text, None)
        } else if let Some((hosts, port)) = text.rsplit_once(':') {
            let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(fail)?;
            (hosts, Some(port))
        } else {
            return Err(fail());
        };
        let hosts = if hosts == "*" {
            Hosts::Any
        } else if let Some(domain) = hosts.strip_prefix("*.") {
            match domain.parse() {
                Ok(Host::Name(name)) => Hosts::Below(name),
                _ => return Err(fail()),
            }
        } else {
            Hosts::Exactly(hosts.parse().map_err(|_: host::HostError| fail())?)
        };
        Ok(Self { hosts, port })
    }

    fn permits(&self, host: &Host, port: u16) -> bool {
        let port_fits = match self.port {
            Some(own) => own == port,
            None => USUAL_PORTS.contains(&port),
        };
        port_fits
            && match &self.hosts {
                Hosts::Any => true,
                Hosts::Exactly(own) => own == host,
                Hosts::Below(domain) => {
                    matches!(host, Host::Name(name) if lies_below(name, domain))
                }
            }
    }
}

/// Whether `name` has all labels of `domain`, in their places, and one more.
fn lies_below(name: &HostName, domain: &HostName) -> bool {
    let mut labels = name.labels();
    domain.labels().all(|label| labels.next() == Some(label)) && labels.next().is_some()
}
