//! First contacts: whether a person agrees that somebody talks to a host.

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentos_domain::{Clock, Timestamp};
use tokio::sync::Notify;

use crate::Host;

/// How long the gate of a foreign kind is left alone before it is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// The most contacts that a book remembers.
const MAX_CONTACTS: usize = 10_000;

/// On whose behalf a connection is made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The agent's name.
    pub agent: String,
    /// The tool's name, or the hash of the skill that runs.
    pub tool: String,
}

impl Subject {
    /// An agent's tool.
    pub fn new(agent: impl Into<String>, tool: impl Into<String>) -> Self {
        Self { agent: agent.into(), tool: tool.into() }
    }
}

/// What a connection can do there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MethodClass {
    /// Requests that only read: GET, HEAD, OPTIONS.
    Read,
    /// Any other request.
    Write,
    /// Anything: nobody sees into the connection.
    Tunnel,
}

impl MethodClass {
    /// What a request of this method can do.
    #[must_use]
    pub fn of(method: &http::Method) -> Self {
        match method.as_str() {
            "GET" | "HEAD" | "OPTIONS" => Self::Read,
            "CONNECT" => Self::Tunnel,
            _ => Self::Write,
        }
    }
}

impl fmt::Display for MethodClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Tunnel => "tunnel",
        })
    }
}

/// What is asked for: an answer holds for exactly this and nothing like it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Contact {
    /// Who.
    pub subject: Subject,
    /// Where.
    pub host: Host,
    /// At which port.
    pub port: u16,
    /// To do what.
    pub method: MethodClass,
}

/// What a gate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Go on.
    Allow,
    /// Never, or not now.
    Deny {
        /// For the model, in a few words.
        reason: String,
        /// The approval that was refused, where there was one.
        approval: Option<String>,
    },
    /// A person was asked.
    Pending {
        /// What the person decides about.
        approval: String,
    },
}

/// Decides about contacts. Whoever implements it asks for one approval per
/// contact, however often the contact is tried meanwhile.
#[async_trait::async_trait]
pub trait Gate: Send + Sync + 'static {
    /// What is known about a contact now.
    async fn decide(&self, contact: &Contact) -> Answer;

    /// Returns when it is worth asking again about an open approval. May return
    /// too early.
    async fn changed(&self, approval: &str) {
        let _ = approval;
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// Asks nobody: the list of hosts alone decides.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenGate;

#[async_trait::async_trait]
impl Gate for OpenGate {
    async fn decide(&self, _contact: &Contact) -> Answer {
        Answer::Allow
    }
}

#[derive(Debug, Clone)]
enum Entry {
    Open { approval: String },
    Allowed { until: Timestamp },
    Denied { reason: String, approval: String, until: Timestamp },
}

/// A gate that remembers in memory what was asked and decided.
pub struct ContactBook {
    clock: Arc<dyn Clock>,
    entries: Mutex<HashMap<Contact, Entry>>,
    news: Notify,
}

impl fmt::Debug for ContactBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContactBook").finish_non_exhaustive()
    }
}

impl ContactBook {
    /// Knows nobody.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, entries: Mutex::default(), news: Notify::new() }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Contact, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits for a person: approval and contact.
    #[must_use]
    pub fn pending(&self) -> Vec<(String, Contact)> {
        let entries = self.entries();
        let open = entries.iter().filter_map(|(contact, entry)| match entry {
            Entry::Open { approval } => Some((approval.clone(), contact.clone())),
            _ => None,
        });
        open.collect()
    }

    /// A person allows the contact of an approval, until then. Returns whether
    /// it was open.
    pub fn allow(&self, approval: &str, until: Timestamp) -> bool {
        self.settle(approval, Entry::Allowed { until })
    }

    /// A person refuses the contact of an approval; asked again after then.
    /// Returns whether it was open.
    pub fn deny(&self, approval: &str, reason: &str, until: Timestamp) -> bool {
        let approval = approval.to_owned();
        self.settle(&approval.clone(), Entry::Denied { reason: reason.to_owned(), approval, until })
    }

    fn settle(&self, approval: &str, decision: Entry) -> bool {
        let mut entries = self.entries();
        let entry = entries
            .values_mut()
            .find(|entry| matches!(entry, Entry::Open { approval: open } if open == approval));
        let found = entry.map(|entry| *entry = decision).is_some();
        drop(entries);
        self.news.notify_waiters();
        found
    }
}

#[async_trait::async_trait]
impl Gate for ContactBook {
    async fn decide(&self, contact: &Contact) -> Answer {
        let now = self.clock.now();
        let mut entries = self.entries();
        match entries.get(contact) {
            Some(Entry::Allowed { until }) if now < *until => return Answer::Allow,
            Some(Entry::Denied { reason, approval, until }) if now < *until => {
                return Answer::Deny { reason: reason.clone(), approval: Some(approval.clone()) };
            }
            Some(Entry::Open { approval }) => {
                return Answer::Pending { approval: approval.clone() };
            }
            _ => {}
        }
        entries.retain(|_, entry| match entry {
            Entry::Open { .. } => true,
            Entry::Allowed { until } | Entry::Denied { until, .. } => now < *until,
        });
        if entries.len() >= MAX_CONTACTS {
            let reason = "too many hosts wait for a decision".to_owned();
            return Answer::Deny { reason, approval: None };
        }
        let mut id = [0; 16];
        if getrandom::fill(&mut id).is_err() {
            let reason = "the system has no random numbers".to_owned();
            return Answer::Deny { reason, approval: None };
        }
        let approval = format!("contact_{}", hex::encode(id));
        entries.insert(contact.clone(), Entry::Open { approval: approval.clone() });
        Answer::Pending { approval }
    }

    async fn changed(&self, approval: &str) {
        let mut told = pin!(self.news.notified());
        // From here on nothing is missed.
        told.as_mut().enable();
        if self.pending().iter().any(|(id, _)| id == approval) {
            told.await;
        }
    }
}
