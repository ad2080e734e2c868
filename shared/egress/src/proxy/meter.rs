//! How much a run may send to each host.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::{Host, Refusal};

/// What has been sent to each host, and the most that may be.
#[derive(Debug)]
pub(super) struct Uploads {
    most: u64,
    sent: Mutex<HashMap<Host, u64>>,
}

impl Uploads {
    pub(super) fn new(most: u64) -> Self {
        Self { most, sent: Mutex::default() }
    }

    /// Counts `bytes` that are about to be sent.
    pub(super) fn charge(&self, host: &Host, bytes: u64) -> Result<(), Refusal> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = sent.entry(host.clone()).or_default();
        if sum.saturating_add(bytes) > self.most {
            return Err(Refusal::UploadLimit { host: host.clone() });
        }
        *sum += bytes;
        Ok(())
    }
}

/// A request's body that is counted as it is sent.
pub(super) struct Metered {
    pub(super) body: Incoming,
    pub(super) host: Host,
    pub(super) uploads: Arc<Uploads>,
}

impl Body for Metered {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            Some(Ok(frame)) => frame,
        };
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        let charged = self.uploads.charge(&self.host, bytes);
        Poll::Ready(Some(charged.map(|()| frame).map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
