//! Following a task's events across lost connections.

use std::time::Duration;

use agentos_domain::{Clock, SystemClock, Task, TaskId, TaskStatus};
use eventsource_stream::Eventsource;
use futures::StreamExt;
use reqwest::Method;
use serde_json::Value;

use crate::args::WatchArgs;
use crate::client::{Client, part};
use crate::error::{CliError, Exit};
use crate::live::{Live, RawEvent};
use crate::render::Renderer;
use crate::terminal::{Terminal, Tone};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A connection that lasted this long ends an outage even if nothing happened.
const STEADY: Duration = Duration::from_secs(5);

/// What to do with events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// Text for people.
    Text,
    /// One JSON document per event.
    Lines,
    /// Nothing: the caller shows the end.
    Nothing,
}

/// Follows the task until it ends, waits for a person, Ctrl-C or the deadline.
pub(crate) async fn watch(
    client: &Client,
    terminal: &mut Terminal,
    id: &TaskId,
    args: &WatchArgs,
    show: Show,
) -> Result<Exit, CliError> {
    let deadline = async {
        match args.timeout {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    let mut follower = Follower {
        client,
        id,
        show,
        reconnect: Duration::from_secs(args.reconnect),
        renderer: Renderer::default(),
        last_id: None,
        outage: None,
        pause: FIRST_PAUSE,
    };
    let exit = tokio::select! {
        exit = follower.run(terminal) => exit,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
        () = deadline => Ok(Exit::TimedOut),
    };
    follower.renderer.end_line(terminal)?;
    let goes_on = match &exit {
        Ok(exit) => matches!(exit, Exit::Interrupted | Exit::TimedOut),
        Err(error) => error.is_outage(),
    };
    if goes_on {
        terminal.say(Tone::Plain, "The task goes on without this terminal.")?;
        terminal.say(Tone::Plain, &format!("  watch it: agentos task watch {id}"))?;
        terminal.say(Tone::Plain, &format!("  end it:   agentos task cancel {id}"))?;
    }
    exit
}

struct Follower<'a> {
    client: &'a Client,
    id: &'a TaskId,
    show: Show,
    reconnect: Duration,
    renderer: Renderer,
    last_id: Option<String>,
    /// Since when the hub has been away.
    outage: Option<Duration>,
    pause: Duration,
}

impl Follower<'_> {
    async fn run(&mut self, terminal: &mut Terminal) -> Result<Exit, CliError> {
        loop {
            let connected = SystemClock.monotonic();
            let lost = match self.connection(terminal).await {
                Ok(Some(exit)) => return Ok(exit),
                Ok(None) => None,
                Err(error) if error.is_outage() => Some(error),
                Err(error) => return Err(error),
            };
            let now = SystemClock.monotonic();
            if self.outage.is_some() && now.saturating_sub(connected) >= STEADY && lost.is_none() {
                self.outage = None;
            }
            let since = self.lost(terminal, now)?;
            if now.saturating_sub(since) >= self.reconnect {
                let url = self.client.url().to_owned();
                let reason = "the connection was lost".to_owned();
                return Err(lost.unwrap_or(CliError::Unreachable { url, reason }));
            }
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Says once per outage that the hub is away; gives the outage's begin.
    fn lost(&mut self, terminal: &mut Terminal, now: Duration) -> Result<Duration, CliError> {
        if let Some(since) = self.outage {
            return Ok(since);
        }
        self.outage = Some(now);
        self.pause = FIRST_PAUSE;
        self.renderer.end_line(terminal)?;
        let text = format!(
            "[hub] connection lost: trying again for {} s; the task goes on",
            self.reconnect.as_secs()
        );
        terminal.note(Tone::Red, &text)?;
        Ok(now)
    }

    /// One connection, to its end. `None` where it ended before the task did.
    async fn connection(&mut self, terminal: &mut Terminal) -> Result<Option<Exit>, CliError> {
        let path = format!("/api/tasks/{}/events", part(&self.id.to_string()));
        let mut request = self.client.request(Method::GET, &path);
        request = request.header("accept", "text/event-stream");
        if let Some(id) = &self.last_id {
            request = request.header("last-event-id", id);
        }
        let response = self.client.send(request).await?;
        let mut events = response.bytes_stream().eventsource();
        while let Some(event) = events.next().await {
            let Ok(event) = event else { return Ok(None) };
            self.back(terminal)?;
            if !event.id.is_empty() {
                self.last_id = Some(event.id.clone());
            }
            let data: Value = serde_json::from_str(&event.data).map_err(|e| self.nonsense(&e))?;
            let event = RawEvent { id: event.id, event: event.event, data };
            if let Some(exit) = self.event(terminal, &event)? {
                return Ok(Some(exit));
            }
        }
        self.ended(terminal).await
    }

    /// The stream came to an orderly end: the task may have done so too.
    async fn ended(&mut self, terminal: &mut Terminal) -> Result<Option<Exit>, CliError> {
        let path = format!("/api/tasks/{}", part(&self.id.to_string()));
        let data: Value = self.client.get(&path).await?;
        let id = self.last_id.clone().unwrap_or_default();
        let event = RawEvent { id, event: "status".to_owned(), data };
        match event.parse() {
            Ok(Live::Status(task)) if exit_of(&task).is_some() => self.event(terminal, &event),
            Ok(_) => Ok(None),
            Err(error) => Err(self.nonsense(&error)),
        }
    }

    fn back(&mut self, terminal: &mut Terminal) -> Result<(), CliError> {
        if self.outage.take().is_some() {
            self.pause = FIRST_PAUSE;
            terminal.note(Tone::Dim, "[hub] connected again")?;
        }
        Ok(())
    }

    fn event(
        &mut self,
        terminal: &mut Terminal,
        event: &RawEvent,
    ) -> Result<Option<Exit>, CliError> {
        let live = event.parse().map_err(|error| self.nonsense(&error))?;
        match self.show {
            Show::Text => self.renderer.event(terminal, &live)?,
            Show::Lines => terminal.json_line(event)?,
            Show::Nothing => {}
        }
        let Live::Status(task) = live else { return Ok(None) };
        let exit = exit_of(&task);
        if let (Some(Exit::Failed), Show::Text) = (exit, self.show) {
            say_why(terminal, &task)?;
        }
        Ok(exit)
    }

    fn nonsense(&self, error: &serde_json::Error) -> CliError {
        CliError::Protocol { url: self.client.url().to_owned(), what: error.to_string() }
    }
}

/// How the command ends where the task stands so; `None` while it moves.
pub(crate) fn exit_of(task: &Task) -> Option<Exit> {
    match task.status {
        TaskStatus::Pending | TaskStatus::Running => None,
        TaskStatus::WaitingApproval => Some(Exit::WaitingApproval),
        TaskStatus::Completed => Some(Exit::Ok),
        TaskStatus::Failed | TaskStatus::Cancelled => Some(Exit::Failed),
    }
}

/// Why a task failed, and what to do.
fn say_why(terminal: &mut Terminal, task: &Task) -> Result<(), CliError> {
    if let Some(error) = &task.error {
        let hint = format!("agentos task show {} --steps", task.task_id);
        terminal.error(&format!("{} ({})", error.message, error.code), &hint)?;
    }
    Ok(())
}
