//! Open load: requests are sent when they are due, whatever became of those
//! before, and each latency counts from when its request was due.

use std::thread::sleep;
use std::time::Duration;

use agentos_domain::{Clock as _, SystemClock};
use anyhow::{Context as _, Result};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};

use crate::client::Client;
use crate::options::Pace;
use crate::request::Asked;
use crate::stats::Samples;

/// Before the first request is due.
const LEAD: Duration = Duration::from_millis(5);

/// What became of the requests of one load. Times are in microseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loaded {
    /// From when a request was due to all of its answer.
    pub(crate) total: Samples,
    /// To the first text of its answer.
    pub(crate) first: Samples,
    /// By how much this program sent requests too late.
    pub(crate) late: Samples,
    /// Requests that were not answered as they should be.
    pub(crate) errors: u64,
    /// Why, for the first of them.
    pub(crate) error: Option<String>,
}

impl Loaded {
    /// Adds what became of other requests.
    pub(crate) fn add(&mut self, other: &Self) {
        self.total.extend(&other.total);
        self.first.extend(&other.first);
        self.late.extend(&other.late);
        self.errors += other.errors;
        self.error = self.error.take().or_else(|| other.error.clone());
    }

    /// Notes a request that failed.
    pub(crate) fn failed(&mut self, error: &anyhow::Error) {
        self.errors += 1;
        self.error.get_or_insert_with(|| format!("{error:#}"));
    }
}

/// Sends requests at a pace, and waits for all answers.
pub(crate) async fn open(client: &Client, asked: &Asked, pace: Pace) -> Result<Loaded> {
    // A thread of its own: the timers of the runtime count whole milliseconds.
    let (due, mut dues) = mpsc::channel(pace.requests.max(1) as usize);
    let pacer = spawn_blocking(move || {
        let begin = SystemClock.monotonic() + LEAD;
        for index in 0..pace.requests {
            let at = begin + pace.due(index);
            sleep(at.saturating_sub(SystemClock.monotonic()));
            if due.blocking_send(at).is_err() {
                return;
            }
        }
    });
    let (mut requests, mut loaded) = (JoinSet::new(), Loaded::default());
    while let Some(at) = dues.recv().await {
        loaded.late.push(micros(SystemClock.monotonic().saturating_sub(at)));
        let (client, asked) = (client.clone(), asked.clone());
        requests.spawn(async move { (at, client.ask(&asked).await) });
    }
    pacer.await.context("the pacer")?;
    while let Some(done) = requests.join_next().await {
        match done.context("a request")? {
            (at, Ok(answered)) => {
                loaded.total.push(micros(answered.end.saturating_sub(at)));
                loaded.first.push(micros(answered.first.saturating_sub(at)));
            }
            (_, Err(error)) => loaded.failed(&error),
        }
    }
    Ok(loaded)
}

pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use agentos_mock_provider::{Fault, FaultKind, MockProvider, Script};

    use super::*;
    use crate::options::CHUNKS;
    use crate::request::Kind;

    async fn load(script: Script, kind: Kind, pace: Pace) -> (Loaded, u64) {
        let provider = MockProvider::start(script).await.unwrap();
        let address = provider.address();
        let asked = Asked::new(address, "key", "model", kind);
        let loaded = open(&Client::new(address), &asked, pace).await.unwrap();
        (loaded, provider.count())
    }

    #[tokio::test]
    async fn a_slow_answer_holds_no_later_request_back() {
        let mut script = Script::words(CHUNKS);
        script.delay = Duration::from_millis(200);
        let pace = Pace { rate: 200, requests: 20 };
        let (loaded, count) = load(script, Kind::Whole, pace).await;
        assert_eq!((loaded.errors, loaded.total.len(), count), (0, 20, 20), "{loaded:?}");
        // One after the other would make the last one wait for 4 s.
        assert!(loaded.total.percentile(100) < 2e6, "{loaded:?}");
        assert!(loaded.total.percentile(0) >= 200e3, "{loaded:?}");
    }

    #[tokio::test]
    async fn the_first_text_of_a_stream_comes_before_its_end() {
        let mut script = Script::words(CHUNKS);
        script.gap = Duration::from_millis(5);
        let pace = Pace { rate: 100, requests: 4 };
        let (loaded, _) = load(script, Kind::Stream, pace).await;
        assert_eq!(loaded.errors, 0, "{loaded:?}");
        assert!(loaded.first.p50() + 100e3 < loaded.total.p50(), "{loaded:?}");
    }

    #[tokio::test]
    async fn broken_answers_are_errors_and_no_latencies() {
        let script = Script::words(CHUNKS).with_fault(Fault::at_chunk(25, FaultKind::Close));
        let pace = Pace { rate: 200, requests: 6 };
        let (loaded, _) = load(script, Kind::Stream, pace).await;
        assert_eq!((loaded.errors, loaded.total.len()), (6, 0), "{loaded:?}");
        assert!(loaded.error.is_some());
    }
}
