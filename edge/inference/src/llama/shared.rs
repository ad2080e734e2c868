//! What the engine's handle and its thread share.

use agentos_generation::{EngineError, GenerateEvent, GenerateRequest};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::queue::FairQueue;

/// The thread looks whether it should stop at least this often.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// How many calls the speed is measured over.
const RECENT_CALLS: usize = 8;

/// A queued call.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request: GenerateRequest,
    pub(super) cancel: CancellationToken,
    pub(super) events: mpsc::Sender<Result<GenerateEvent, EngineError>>,
}

impl Job {
    /// Whether nobody wants its answer any more.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled() || self.events.is_closed()
    }

    /// The channel has room for every event of a call, so this fails only
    /// where the reader is gone; the next check of the job sees that.
    pub(super) fn send(&self, event: Result<GenerateEvent, EngineError>) {
        let _ = self.events.try_send(event);
    }
}

/// What the thread does next.
#[derive(Debug)]
pub(super) enum Work {
    Generate(Box<Job>),
    Forget(String),
    Stop,
}

#[derive(Debug)]
pub(super) struct Shared {
    inner: Mutex<Inner>,
    wake: Condvar,
    /// The thread is to end.
    stop: CancellationToken,
    /// The thread has freed the model.
    finished: CancellationToken,
}

#[derive(Debug)]
struct Inner {
    queue: FairQueue<Option<String>, Job>,
    forget: Vec<String>,
    /// Tokens and seconds of the last calls.
    speeds: VecDeque<(u32, Duration)>,
}

impl Shared {
    pub(super) fn new(queue_limit: usize) -> Self {
        let inner = Inner {
            queue: FairQueue::new(queue_limit),
            forget: Vec::new(),
            speeds: VecDeque::new(),
        };
        Self {
            inner: Mutex::new(inner),
            wake: Condvar::new(),
            stop: CancellationToken::new(),
            finished: CancellationToken::new(),
        }
    }

    /// Queues a call.
    pub(super) fn push(&self, job: Job) -> Result<(), EngineError> {
        let mut inner = self.inner();
        if self.is_stopped() {
            return Err(EngineError::Stopped);
        }
        if inner.queue.is_full() {
            inner.queue.retain(|job| !job.is_cancelled());
        }
        let key = job.request.conversation.clone();
        let queued = inner.queue.len();
        inner.queue.push(key, job).map_err(|_| EngineError::Busy { queued })?;
        self.wake.notify_all();
        Ok(())
    }

    /// Has a conversation forgotten before the next call is served.
    pub(super) fn forget(&self, key: &str) {
        let mut inner = self.inner();
        if !self.is_stopped() && !inner.forget.iter().any(|known| known == key) {
            inner.forget.push(key.to_owned());
            self.wake.notify_all();
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.inner().queue.len()
    }

    pub(super) fn record_speed(&self, tokens: u32, time: Duration) {
        let mut inner = self.inner();
        inner.speeds.push_back((tokens, time));
        if inner.speeds.len() > RECENT_CALLS {
            inner.speeds.pop_front();
        }
    }

    /// 0 before the first call.
    #[expect(clippy::cast_precision_loss, reason = "a rate to look at")]
    pub(super) fn tokens_per_second(&self) -> f32 {
        let inner = self.inner();
        let tokens: u32 = inner.speeds.iter().map(|(tokens, _)| tokens).sum();
        let time: Duration = inner.speeds.iter().map(|(_, time)| time).sum();
        if time.is_zero() { 0.0 } else { tokens as f32 / time.as_secs_f32() }
    }

    /// Waits for work, on the engine's thread.
    pub(super) fn next(&self) -> Work {
        let mut inner = self.inner();
        loop {
            if self.is_stopped() {
                return Work::Stop;
            }
            if let Some(key) = inner.forget.pop() {
                return Work::Forget(key);
            }
            if let Some(job) = inner.queue.pop() {
                return Work::Generate(Box::new(job));
            }
            let waited = self.wake.wait_timeout(inner, LONGEST_WAIT);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Tells the thread to end.
    pub(super) fn stop(&self) {
        // Under the lock, so that the thread cannot miss it between look and wait.
        let _inner = self.inner();
        self.stop.cancel();
        self.wake.notify_all();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until the thread has freed the model.
    pub(super) async fn finished(&self) {
        self.finished.cancelled().await;
    }

    /// On the thread, when it has freed everything (or panicked): answers who
    /// still waits, and lets nobody wait after that.
    pub(super) fn finish(&self) {
        self.stop();
        let mut inner = self.inner();
        while let Some(job) = inner.queue.pop() {
            job.send(Err(EngineError::Stopped));
        }
        drop(inner);
        self.finished.cancel();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
