//! What the rest of the edge sees of the link.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::SessionEpoch;
use tokio::sync::watch;

use super::run::Core;
use crate::channel::LinkChannel;
use crate::error::LinkError;
use crate::serve::Transport;

/// State of the edge's link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// Not connected; it is being tried.
    Connecting {
        /// Why the last try failed or the last session ended.
        last_error: Option<String>,
    },
    /// In session with the hub.
    Connected {
        /// The session's number.
        epoch: SessionEpoch,
        /// How the edge is connected.
        transport: Transport,
    },
    /// The hub does not accept this edge: it was revoked, or its certificate
    /// is not valid. It is tried again, slowly.
    Refused {
        /// What the hub said.
        reason: String,
    },
}

/// Access to the running link. Clones are the same link.
#[derive(Clone)]
pub struct EdgeLinkHandle {
    pub(super) core: Arc<Core>,
}

impl EdgeLinkHandle {
    /// The state and its changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.core.state.subscribe()
    }

    /// For calls to the hub's services, while connected.
    #[must_use]
    pub fn channel(&self) -> Option<LinkChannel> {
        self.core.channel.get().filter(|channel| !channel.is_closed())
    }

    /// Waits for the link.
    ///
    /// # Errors
    /// [`LinkError::NotConnected`] after `deadline`.
    pub async fn connected(&self, deadline: Duration) -> Result<LinkChannel, LinkError> {
        let mut state = self.state();
        let wait = async {
            loop {
                if let (LinkState::Connected { .. }, Some(channel)) =
                    (state.borrow_and_update().clone(), self.channel())
                {
                    return Some(channel);
                }
                state.changed().await.ok()?;
            }
        };
        let connected = tokio::time::timeout(deadline, wait).await.ok().flatten();
        connected.ok_or_else(|| {
            let reason = match self.core.state.borrow().clone() {
                LinkState::Connecting { last_error } => last_error,
                LinkState::Refused { reason } => Some(reason),
                LinkState::Connected { .. } => None,
            };
            let reason = reason.unwrap_or_else(|| "no try has ended yet".to_owned());
            LinkError::NotConnected { waited: deadline, reason }
        })
    }
}
