//! Agents that change while the program runs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::agents::{AgentSet, Contents, LoadedAgent, contents, parse_all};
use crate::error::ConfigErrors;

/// The agents after a change.
#[derive(Debug, Clone)]
pub struct AgentUpdate {
    /// All that are in effect: of a file that is broken now, the agent that
    /// it last was.
    pub agents: Vec<LoadedAgent>,
    /// What is wrong with the broken files.
    pub errors: ConfigErrors,
}

/// Looks at the files of a folder of agents and says when they have changed.
/// It compares what is in them, so it needs no notifications of the file
/// system, which network shares and containers do not have.
#[derive(Debug)]
pub struct Watch {
    folder: PathBuf,
    interval: Duration,
    seen: Contents,
    good: BTreeMap<PathBuf, LoadedAgent>,
}

impl Watch {
    /// Watches a folder that was read as `set`, every `interval`.
    #[must_use]
    pub fn new(folder: PathBuf, interval: Duration, set: &AgentSet) -> Self {
        let good = set.agents.iter().map(|agent| (agent.file.clone(), agent.clone())).collect();
        Self { folder, interval, seen: set.contents.clone(), good }
    }

    /// Looks once. `None` means that nothing has changed since the last look.
    pub fn poll(&mut self) -> Option<AgentUpdate> {
        let now = contents(&self.folder);
        if now == self.seen {
            return None;
        }
        let folder_lost = now.contains_key(&self.folder);
        let mut errors = Vec::new();
        let mut good = BTreeMap::new();
        for (path, parsed) in parse_all(&now) {
            match parsed {
                Ok(agent) => {
                    good.insert(path, agent);
                }
                Err(found) => {
                    errors.extend(found);
                    if let Some(old) = self.good.remove(&path) {
                        good.insert(path, old);
                    }
                }
            }
        }
        self.seen = now;
        if !folder_lost {
            self.good = good;
        }
        let agents = self.good.values().cloned().collect();
        Some(AgentUpdate { agents, errors: ConfigErrors::sorted(errors) })
    }

    /// Waits for the next change. Dropping the future loses none.
    pub async fn changed(&mut self) -> AgentUpdate {
        loop {
            tokio::time::sleep(self.interval).await;
            if let Some(update) = self.poll() {
                return update;
            }
        }
    }
}
