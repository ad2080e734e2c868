//! Answers that are given again.
//!
//! An answer is kept only if it is complete, ended by itself, called no tools,
//! and was made at a low temperature. The key is everything that determines it,
//! and the workspace: nobody gets an answer that was made for another. While
//! one request of a key is answered, others of it wait for that answer; where
//! none comes of it, each asks by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentos_domain::WorkspaceId;
use moka::sync::Cache;
use tokio::sync::watch;

use crate::chat::ChatRequest;
use crate::event::{Answering, Ending};
use crate::piece::Delta;

/// At higher temperatures people want another answer each time.
const HIGHEST_TEMPERATURE: f64 = 0.5;
/// What a model takes where nobody says anything.
const USUAL_TEMPERATURE: f64 = 1.0;
/// Fields that do not change an answer.
const SILENT: &[&str] = &["user", "metadata", "store", "safety_identifier", "prompt_cache_key"];
/// What a piece takes besides its text, in bytes.
const PIECE: usize = 200;

/// How long to wait for an answer that is being made for another.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What an answer is kept under.
pub(crate) type Key = [u8; 32];

/// An answer that is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    pub(crate) answering: Answering,
    pub(crate) deltas: Vec<Delta>,
    pub(crate) ending: Ending,
}

/// The answers that are kept, and those that are being made.
pub(crate) struct AnswerCache {
    kept: Cache<Key, Arc<Kept>>,
    making: Mutex<HashMap<Key, watch::Receiver<()>>>,
}

/// Whether a request has an answer already.
pub(crate) enum Looked {
    /// It has.
    Kept(Arc<Kept>),
    /// It has not: whoever holds this makes it.
    Make(Recorder),
}

impl AnswerCache {
    /// Keeps answers for `ttl`, in at most so many bytes.
    pub(crate) fn new(ttl: Duration, bytes: u64) -> Self {
        let weigh = |_: &Key, kept: &Arc<Kept>| u32::try_from(kept.bytes()).unwrap_or(u32::MAX);
        let kept = Cache::builder().time_to_live(ttl).max_capacity(bytes).weigher(weigh).build();
        Self { kept, making: Mutex::default() }
    }

    /// The answer to a request, or the right to make it. Waits for one that is
    /// being made.
    pub(crate) async fn look(self: &Arc<Self>, key: Key) -> Looked {
        let mut waited = false;
        loop {
            if let Some(kept) = self.kept.get(&key) {
                return Looked::Kept(kept);
            }
            let making = {
                let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
                match making.get(&key) {
                    // Nothing came of the one before: this one does not wait again.
                    Some(_) if waited => return Looked::Make(Recorder::alone(self, key)),
                    Some(other) => other.clone(),
                    None => {
                        // Between the look above and here another may have ended.
                        if let Some(kept) = self.kept.get(&key) {
                            return Looked::Kept(kept);
                        }
                        let (done, others) = watch::channel(());
                        making.insert(key, others);
                        return Looked::Make(Recorder::first(self, key, done));
                    }
                }
            };
            waited = true;
            let mut making = making;
            // It never sends: it ends when the other has ended. Who is too slow for
            // that is not waited for.
            let _ = tokio::time::timeout(LONGEST_WAIT, making.changed()).await;
        }
    }

    fn keep(&self, key: Key, kept: Kept) {
        self.kept.insert(key, Arc::new(kept));
    }

    #[cfg(test)]
    fn is_making(&self) -> bool {
        !self.making.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        let deltas = self.deltas.iter().map(|delta| {
            let bytes = usize::try_from(delta.bytes()).unwrap_or(usize::MAX);
            let logprobs = delta.logprobs.as_ref().map_or(0, |value| value.to_string().len());
            bytes.saturating_add(PIECE).saturating_add(logprobs)
        });
        deltas.fold(PIECE, usize::saturating_add)
    }
}

/// Keeps the answer to one request, if it may be kept. Dropped without one, it
/// lets those who wait ask by themselves.
pub(crate) struct Recorder {
    cache: Arc<AnswerCache>,
    key: Key,
    /// Those who wait are told by its end.
    first: Option<watch::Sender<()>>,
    temperature: Option<f64>,
    answer: Option<(Answering, Vec<Delta>)>,
}

impl Recorder {
    fn first(cache: &Arc<AnswerCache>, key: Key, done: watch::Sender<()>) -> Self {
        let mut recorder = Self::alone(cache, key);
        recorder.first = Some(done);
        recorder
    }

    fn alone(cache: &Arc<AnswerCache>, key: Key) -> Self {
        Self { cache: Arc::clone(cache), key, first: None, temperature: None, answer: None }
    }

    /// The temperature that the client wants.
    pub(crate) fn at(mut self, temperature: Option<f64>) -> Self {
        self.temperature = temperature;
        self
    }

    /// Takes an answer, whose deployment takes this temperature unless the client
    /// wants another.
    pub(crate) fn note(
        &mut self,
        answering: &Answering,
        deltas: &[Delta],
        temperature: Option<f64>,
    ) {
        let temperature = self.temperature.or(temperature).unwrap_or(USUAL_TEMPERATURE);
        if temperature <= HIGHEST_TEMPERATURE {
            self.answer = Some((answering.clone(), deltas.to_vec()));
        }
    }

    /// Keeps the answer, if it ended well.
    pub(crate) fn keep(mut self, ending: &Ending) {
        let Some((answering, deltas)) = self.answer.take() else { return };
        let calls = deltas.iter().any(|delta| !delta.tool_calls.is_empty());
        let says = deltas.iter().any(|delta| delta.content.is_some());
        if ending.finish == "stop" && says && !calls {
            self.cache.keep(self.key, Kept { answering, deltas, ending: ending.clone() });
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some(done) = self.first.take() {
            let mut making = self.cache.making.lock().unwrap_or_else(PoisonError::into_inner);
            making.remove(&self.key);
            drop(done);
        }
    }
}

/// Under what the answer to a request is kept; none where it may not be.
/// `scope` is what else determines it, such as that nothing may leave the home
/// network.
pub(crate) fn key(workspace: &WorkspaceId, scope: &str, request: &ChatRequest) -> Option<Key> {
    if !request.tools.is_empty() {
        return None;
    }
    let mut request = request.clone();
    request.stream = false;
    request.stream_options = None;
    request.extra.retain(|name, _| !SILENT.contains(&name.as_str()));
    // Their order says nothing; that within a field may, as in a schema.
    request.extra.sort_keys();
    let body = serde_json::to_vec(&request).ok()?;
    let mut hasher = blake3::Hasher::new();
    for part in [workspace.as_str(), scope] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.update(&body);
    Some(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests;
