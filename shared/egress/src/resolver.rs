//! From names to addresses.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::HostName;

/// Asks for the addresses of a name.
#[async_trait::async_trait]
pub trait Resolver: Send + Sync + 'static {
    /// All addresses of a name, in the order in which to try them.
    ///
    /// # Errors
    /// There are none, or nobody can be asked.
    async fn resolve(&self, name: &HostName) -> io::Result<Vec<IpAddr>>;
}

/// The system's own.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait::async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &HostName) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// Answers as it was told, for tests: each answer to a name once, the last one
/// again and again.
#[derive(Debug, Default)]
pub struct ScriptedResolver {
    answers: Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>,
    asked: AtomicUsize,
}

impl ScriptedResolver {
    /// Knows no name.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an answer to a name.
    #[must_use]
    pub fn answer(self, name: &str, addresses: &[IpAddr]) -> Self {
        self.then(name, addresses);
        self
    }

    /// Adds an answer to a name, later.
    pub fn then(&self, name: &str, addresses: &[IpAddr]) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.entry(name.to_owned()).or_default().push_back(addresses.to_vec());
    }

    /// How often it was asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait::async_trait]
impl Resolver for ScriptedResolver {
    async fn resolve(&self, name: &HostName) -> io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = answers.get_mut(name.as_str());
        let answer = known.and_then(|queue| {
            if queue.len() > 1 { queue.pop_front() } else { queue.front().cloned() }
        });
        answer.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}
