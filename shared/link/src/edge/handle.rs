//! What the rest of the edge sees of the link.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::SessionEpoch;
use tokio::sync::{Notify, watch};

use crate::channel::LinkChannel;
use crate::error::LinkError;
use crate::serve::Transport;
use crate::tls::Current;

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

/// How the link stands.
pub(crate) struct Standing {
    state: watch::Sender<LinkState>,
    channel: Current<Option<LinkChannel>>,
    /// Wakes those who wait for the link, in the order in which they came.
    up: Notify,
}

impl Standing {
    pub(crate) fn new() -> Arc<Self> {
        let state = watch::Sender::new(LinkState::Connecting { last_error: None });
        Arc::new(Self { state, channel: Current::new(None), up: Notify::new() })
    }

    pub(crate) fn state(&self) -> LinkState {
        self.state.borrow().clone()
    }

    pub(crate) fn connected(
        &self,
        epoch: SessionEpoch,
        transport: Transport,
        channel: LinkChannel,
    ) {
        self.channel.set(Some(channel));
        self.state.send_replace(LinkState::Connected { epoch, transport });
        self.up.notify_waiters();
    }

    /// There is no link now.
    pub(crate) fn lost(&self, state: LinkState) {
        self.channel.set(None);
        self.state.send_replace(state);
    }
}

/// Access to the running link. Clones are the same link.
#[derive(Clone)]
pub struct EdgeLinkHandle {
    pub(crate) standing: Arc<Standing>,
}

impl EdgeLinkHandle {
    /// The state and its changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.standing.state.subscribe()
    }

    /// For calls to the hub's services, while connected.
    #[must_use]
    pub fn channel(&self) -> Option<LinkChannel> {
        self.standing.channel.get().filter(|channel| !channel.is_closed())
    }

    /// Waits for the link.
    ///
    /// # Errors
    /// [`LinkError::NotConnected`] after `deadline`.
    pub async fn connected(&self, deadline: Duration) -> Result<LinkChannel, LinkError> {
        let wait = async {
            loop {
                let mut up = std::pin::pin!(self.standing.up.notified());
                up.as_mut().enable();
                if let Some(channel) = self.channel() {
                    return channel;
                }
                up.await;
            }
        };
        tokio::time::timeout(deadline, wait).await.map_err(|_| {
            let reason = match self.standing.state() {
                LinkState::Connecting { last_error } => last_error,
                LinkState::Refused { reason } => Some(reason),
                LinkState::Connected { .. } => None,
            };
            let reason = reason.unwrap_or_else(|| "no try has ended yet".to_owned());
            LinkError::NotConnected { waited: deadline, reason }
        })
    }
}
