//! The one decision that every connection passes.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::contact::{Answer, Contact, Gate, MethodClass, OpenGate, Subject};
use crate::resolver::Resolver;
use crate::{AddressRules, AllowList, Host, Refusal};

/// How long a name may take to be resolved.
const RESOLVING: Duration = Duration::from_secs(10);

/// A host that passed every check, with the addresses that did. Only
/// [`EgressPolicy::admit`] makes one, and only it can be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    host: Host,
    port: u16,
    addresses: Vec<SocketAddr>,
}

impl Target {
    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its addresses, all of them checked; at least one.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

/// What may be reached: the hosts of a list, at public addresses, after a
/// person's consent where the host is new.
#[derive(Clone)]
pub struct EgressPolicy {
    allow: AllowList,
    addresses: AddressRules,
    resolver: Arc<dyn Resolver>,
    gate: Arc<dyn Gate>,
    hold: Duration,
}

impl fmt::Debug for EgressPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EgressPolicy")
            .field("allow", &self.allow)
            .field("addresses", &self.addresses)
            .field("hold", &self.hold)
            .finish_non_exhaustive()
    }
}

impl EgressPolicy {
    /// Without a gate: who is on the list is reached.
    #[must_use]
    pub fn new(allow: AllowList, addresses: AddressRules, resolver: Arc<dyn Resolver>) -> Self {
        Self { allow, addresses, resolver, gate: Arc::new(OpenGate), hold: Duration::ZERO }
    }

    /// Asks `gate` about every contact, and waits for a person's decision for
    /// at most `hold`.
    #[must_use]
    pub fn gated(mut self, gate: Arc<dyn Gate>, hold: Duration) -> Self {
        (self.gate, self.hold) = (gate, hold);
        self
    }

    /// Decides about a connection. The name is resolved after the decision, for
    /// a question to a name server tells somebody something too, and it is
    /// resolved once.
    ///
    /// # Errors
    /// See [`Refusal`]. One private address among others refuses the name.
    pub async fn admit(
        &self,
        subject: &Subject,
        host: &Host,
        port: u16,
        method: MethodClass,
    ) -> Result<Target, Refusal> {
        if !self.allow.permits(host, port) {
            return Err(Refusal::HostNotAllowed { host: host.clone(), port });
        }
        if let Host::Address(address) = host {
            self.addresses.check(host, *address)?;
        }
        self.ask(Contact { subject: subject.clone(), host: host.clone(), port, method }).await?;
        let found = self.resolve(host).await?;
        for address in &found {
            self.addresses.check(host, *address)?;
        }
        let addresses = found.into_iter().map(|address| SocketAddr::new(address, port)).collect();
        Ok(Target { host: host.clone(), port, addresses })
    }

    async fn ask(&self, contact: Contact) -> Result<(), Refusal> {
        let host = contact.host.clone();
        let mut open = None;
        let decided = async {
            loop {
                match self.gate.decide(&contact).await {
                    Answer::Allow => return Ok(()),
                    Answer::Deny { reason, approval } => {
                        return Err(Refusal::Denied { host: host.clone(), reason, approval });
                    }
                    Answer::Pending { approval } => {
                        self.gate.changed(open.insert(approval)).await;
                    }
                }
            }
        };
        match timeout(self.hold, decided).await {
            Ok(decision) => decision,
            Err(_) => Err(Refusal::Pending { host, approval: open }),
        }
    }

    async fn resolve(&self, host: &Host) -> Result<Vec<IpAddr>, Refusal> {
        let name = match host {
            Host::Address(address) => return Ok(vec![*address]),
            Host::Name(name) => name,
        };
        match timeout(RESOLVING, self.resolver.resolve(name)).await {
            Ok(Ok(found)) if !found.is_empty() => Ok(found),
            _ => Err(Refusal::NotFound { host: host.clone() }),
        }
    }
}
