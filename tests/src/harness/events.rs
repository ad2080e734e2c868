//! Live events of a task, followed through the loss of the connection.

use std::pin::Pin;

use agentos_domain::{Step, TaskId};
use anyhow::{Context as _, Result, bail, ensure};
use eventsource_stream::Eventsource as _;
use futures::{Stream, StreamExt as _};
use reqwest::Method;
use serde_json::Value;

use super::client::Client;
use super::wait::{DEADLINE, PAUSE};

/// The place of an event, as its id tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventPlace {
    /// Steps before it.
    pub seq: u64,
    /// The lease under which it happened.
    pub fence: u64,
    /// Its number among the attempt's live events; 0 for a step.
    pub index: u64,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its place.
    pub place: EventPlace,
    /// What kind it is: `status`, `step`, `token` …
    pub kind: String,
    /// What it says.
    pub data: Value,
}

impl Event {
    /// Whether the task has ended with it.
    #[must_use]
    pub fn is_final(&self) -> bool {
        let status = self.data["status"].as_str().unwrap_or_default();
        self.kind == "status" && ["completed", "failed", "cancelled"].contains(&status)
    }
}

type Stored = Pin<Box<dyn Stream<Item = Result<eventsource_stream::Event>> + Send>>;

async fn connect(request: reqwest::RequestBuilder) -> Result<Stored> {
    let reply = request.send().await?.error_for_status()?;
    ensure!(reply.headers()["content-type"] == "text/event-stream", "not a stream of events");
    Ok(Box::pin(reply.bytes_stream().eventsource().map(|event| Ok(event?))))
}

/// Follows a task. A broken connection is opened again with `Last-Event-ID`.
pub struct Watch {
    client: Client,
    task: TaskId,
    last_id: Option<String>,
    stream: Option<Stored>,
    /// All events so far.
    pub events: Vec<Event>,
}

impl Watch {
    pub(super) fn new(client: Client, task: TaskId) -> Self {
        Self { client, task, last_id: None, stream: None, events: Vec::new() }
    }

    /// Drops the connection; the next event comes over a new one.
    pub fn disconnect(&mut self) {
        self.stream = None;
    }

    /// The next event; `None` after the final one.
    ///
    /// # Errors
    /// If none comes in time.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        if self.events.last().is_some_and(Event::is_final) {
            return Ok(None);
        }
        let next = async {
            loop {
                match self.try_next().await {
                    Ok(event) => return event,
                    // The hub is away: it comes back, or the deadline comes.
                    Err(_) => self.disconnect(),
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let event = tokio::time::timeout(DEADLINE, next).await.context("no event in time")?;
        self.events.push(event.clone());
        Ok(Some(event))
    }

    async fn try_next(&mut self) -> Result<Event> {
        if self.stream.is_none() {
            let request = self.connection();
            self.stream = Some(connect(request).await?);
        }
        let stream = self.stream.as_mut().context("not connected")?;
        let event = stream.next().await.context("the stream ended")??;
        let parts: Vec<u64> = event.id.split('-').map(str::parse).collect::<Result<_, _>>()?;
        let [seq, fence, index] = parts[..] else { bail!("`{}` is no place", event.id) };
        self.last_id = Some(event.id);
        let data = serde_json::from_str(&event.data)?;
        Ok(Event { place: EventPlace { seq, fence, index }, kind: event.event, data })
    }

    fn connection(&self) -> reqwest::RequestBuilder {
        let path = format!("/api/tasks/{}/events", self.task);
        let request = self.client.request(Method::GET, &path);
        match &self.last_id {
            Some(last) => request.header("last-event-id", last),
            None => request,
        }
    }

    /// Reads on to the first event that fits.
    ///
    /// # Errors
    /// If the task ends before it.
    pub async fn until(&mut self, what: &str, fits: impl Fn(&Event) -> bool) -> Result<Event> {
        while let Some(event) = self.next().await? {
            if fits(&event) {
                return Ok(event);
            }
        }
        bail!("the task ended before {what}; events: {:#?}", self.events.last())
    }

    /// Reads on to a token of a model call after `steps` steps.
    ///
    /// # Errors
    /// If the task ends before it.
    pub async fn until_token(&mut self, steps: u64) -> Result<Event> {
        let what = format!("a token after step {steps}");
        self.until(&what, |event| event.kind == "token" && event.place.seq == steps).await
    }

    /// Reads on to the end.
    ///
    /// # Errors
    /// If it does not come.
    pub async fn to_end(&mut self) -> Result<()> {
        while self.next().await?.is_some() {}
        Ok(())
    }

    /// The places of all live events so far, in the order in which they came.
    #[must_use]
    pub fn live(&self) -> Vec<EventPlace> {
        self.events
            .iter()
            .filter(|event| event.place.index > 0 && event.kind != "status")
            .map(|event| event.place)
            .collect()
    }

    /// The texts of the tokens of the model call after `steps` steps.
    #[must_use]
    pub fn text_after(&self, steps: u64) -> String {
        let tokens =
            self.events.iter().filter(|event| event.kind == "token" && event.place.seq == steps);
        tokens.filter_map(|event| event.data["text"].as_str()).collect()
    }

    /// The steps that were told.
    ///
    /// # Errors
    /// If one of them is none.
    pub fn steps(&self) -> Result<Vec<Step>> {
        let steps = self.events.iter().filter(|event| event.kind == "step");
        steps.map(|event| Ok(serde_json::from_value(event.data.clone())?)).collect()
    }

    /// Checks that no live event of the model calls after `steps` steps is
    /// missing or came twice.
    ///
    /// # Errors
    /// With the first place that does not follow.
    pub fn check_gapless(&self, steps: u64) -> Result<()> {
        let live: Vec<_> = self.live().into_iter().filter(|place| place.seq == steps).collect();
        ensure!(!live.is_empty(), "no live event after step {steps}");
        gapless(&live)
    }
}

/// Numbers follow each other; those of a new lease begin anew.
fn gapless(live: &[EventPlace]) -> Result<()> {
    for pair in live.windows(2) {
        let [before, after] = [pair[0], pair[1]];
        let same_lease = before.fence == after.fence && before.index + 1 == after.index;
        let new_lease = before.fence < after.fence && after.index == 1;
        ensure!(same_lease || new_lease, "{after:?} came after {before:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_repetitions_are_noticed() {
        let places = |numbers: &[(u64, u64)]| {
            let place = |&(fence, index): &(u64, u64)| EventPlace { seq: 0, fence, index };
            gapless(&numbers.iter().map(place).collect::<Vec<_>>())
        };
        places(&[(1, 4), (1, 5), (2, 1), (2, 2)]).unwrap();
        for wrong in [[(1, 4), (1, 6)], [(1, 4), (1, 4)], [(1, 4), (1, 3)], [(2, 4), (1, 5)]] {
            assert!(places(&wrong).is_err(), "{wrong:?}");
        }
        assert!(places(&[(1, 4), (2, 2)]).is_err());
    }
}
