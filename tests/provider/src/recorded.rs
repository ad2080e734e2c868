//! What was asked, and how each connection ended.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Requests that are kept, if nothing else is said.
const KEPT: usize = 4096;

/// A request, and what became of its answer.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The path that was asked for.
    pub path: String,
    /// The headers of the request.
    pub headers: HeaderMap,
    /// The body; null if it is no JSON.
    pub body: Value,
    /// How the answer ended.
    pub ending: Ending,
    /// Chunks of content that were handed to the connection. 0 where the answer
    /// is not streamed.
    pub chunks: u64,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It has not ended.
    Open,
    /// All of it was handed to the connection.
    Completed,
    /// The mock ended it early: by a fault, or because it was stopped.
    CutOff,
    /// The client went away before the end.
    ClientLeft,
}

impl Ending {
    /// A word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Completed => "completed",
            Self::CutOff => "cut_off",
            Self::ClientLeft => "client_left",
        }
    }
}

/// All requests.
pub(crate) struct Ledger {
    book: Mutex<Book>,
    /// Told whenever an answer ends.
    ended: Notify,
    /// Cancelled when the mock stops.
    stop: CancellationToken,
}

struct Book {
    /// Since it was cleared.
    count: u64,
    /// Answers that have not ended.
    open: u64,
    /// The number of the next request, never used twice.
    next: u64,
    /// The last requests; the last one's number is `next - 1`.
    kept: VecDeque<Kept>,
    most: usize,
}

struct Kept {
    path: String,
    headers: HeaderMap,
    body: Bytes,
    ending: Ending,
    chunks: Arc<AtomicU64>,
}

impl Ledger {
    pub(crate) fn new(stop: CancellationToken) -> Self {
        let kept = VecDeque::new();
        let book = Book { count: 0, open: 0, next: 0, kept, most: KEPT };
        Self { book: Mutex::new(book), ended: Notify::new(), stop }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self) -> u64 {
        self.book().count
    }

    pub(crate) fn clear(&self) {
        let mut book = self.book();
        book.count = 0;
        book.kept.clear();
    }

    pub(crate) fn keep(&self, most: usize) {
        let mut book = self.book();
        book.most = most;
        let surplus = book.kept.len().saturating_sub(most);
        book.kept.drain(..surplus);
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        let book = self.book();
        book.kept.iter().map(Kept::recorded).collect()
    }

    /// Waits until every answer has ended.
    pub(crate) async fn settled(&self) {
        loop {
            let ended = self.ended.notified();
            if self.book().open == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Writes a request down. What is returned follows its answer.
    pub(crate) fn begin(self: &Arc<Self>, path: &str, headers: &HeaderMap, body: &Bytes) -> Entry {
        let chunks = Arc::new(AtomicU64::new(0));
        let mut book = self.book();
        let number = book.next;
        book.next += 1;
        book.count += 1;
        book.open += 1;
        if book.most > 0 {
            if book.kept.len() >= book.most {
                book.kept.pop_front();
            }
            book.kept.push_back(Kept {
                path: path.to_owned(),
                headers: headers.clone(),
                body: body.clone(),
                ending: Ending::Open,
                chunks: chunks.clone(),
            });
        }
        Entry { ledger: self.clone(), number, chunks, ended: false }
    }

    fn end(&self, number: u64, ending: Ending) {
        let mut book = self.book();
        book.open = book.open.saturating_sub(1);
        // How far from the end; what was cleared or dropped is not there.
        let back = usize::try_from(book.next - number).unwrap_or(usize::MAX);
        let index = book.kept.len().checked_sub(back);
        if let Some(kept) = index.and_then(|index| book.kept.get_mut(index)) {
            kept.ending = ending;
        }
        drop(book);
        self.ended.notify_waiters();
    }
}

impl Kept {
    fn recorded(&self) -> Recorded {
        Recorded {
            path: self.path.clone(),
            headers: self.headers.clone(),
            body: serde_json::from_slice(&self.body).unwrap_or(Value::Null),
            ending: self.ending,
            chunks: self.chunks.load(Ordering::Relaxed),
        }
    }
}

/// A request whose answer is under way. If it is dropped before its end was
/// told, the client went away, or the mock is being stopped: nobody else drops
/// an answer.
pub(crate) struct Entry {
    ledger: Arc<Ledger>,
    number: u64,
    chunks: Arc<AtomicU64>,
    ended: bool,
}

impl Entry {
    /// One more chunk of content was handed over.
    pub(crate) fn count(&self) {
        self.chunks.fetch_add(1, Ordering::Relaxed);
    }

    /// The answer has ended, or nothing but its end is left. What is told first
    /// counts.
    pub(crate) fn end(&mut self, ending: Ending) {
        if !self.ended {
            self.ended = true;
            self.ledger.end(self.number, ending);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let stopped = self.ledger.stop.is_cancelled();
        self.end(if stopped { Ending::CutOff } else { Ending::ClientLeft });
    }
}
