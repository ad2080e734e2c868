//! A task's events as one gapless stream: durable steps from the store, live
//! events from the edge.

use std::collections::VecDeque;
use std::sync::Arc;

use agentos_domain::{Task, TaskId, WorkspaceId};
use futures::Stream;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::engine::Shared;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::types::{EventId, LiveEvent, LiveKind};

/// Steps that are read from the store at once.
const PAGE: u32 = 500;

impl EngineHandle {
    /// Follows a task after the event `after` (the default is the beginning).
    /// The first event is the task's present status, unless it has ended; the
    /// last is its final one. Steps and live events come in order, none missing, none twice; a
    /// step supersedes the live events before it.
    ///
    /// # Errors
    /// Where the workspace has no such task. Errors of the store end the
    /// stream.
    pub async fn watch(
        &self,
        workspace: &WorkspaceId,
        id: &TaskId,
        after: EventId,
    ) -> Result<impl Stream<Item = Result<LiveEvent, EngineError>> + Send + 'static, EngineError>
    {
        // Followed first and read afterwards: what happens in between is seen.
        let events = self.shared.events.subscribe(id);
        let task = self.task(workspace, id).await?;
        let mut watcher = Watcher {
            shared: Arc::clone(&self.shared),
            workspace: workspace.clone(),
            id: id.clone(),
            events,
            last: after,
            ready: VecDeque::new(),
            ended: false,
        };
        if !task.status.is_final() {
            watcher.ready.push_back(status_event(&task, after));
        }
        watcher.catch_up(&task).await?;
        Ok(futures::stream::unfold(watcher, |mut watcher| async move {
            let item = watcher.next().await?;
            Some((item, watcher))
        }))
    }
}

fn status_event(task: &Task, id: EventId) -> LiveEvent {
    LiveEvent { id, kind: LiveKind::Status(Box::new(task.clone())) }
}

struct Watcher {
    shared: Arc<Shared>,
    workspace: WorkspaceId,
    id: TaskId,
    events: broadcast::Receiver<LiveEvent>,
    /// The last event handed out, apart from statuses.
    last: EventId,
    ready: VecDeque<LiveEvent>,
    ended: bool,
}

impl Watcher {
    /// Reads what happened after `self.last`.
    async fn catch_up(&mut self, task: &Task) -> Result<(), EngineError> {
        loop {
            let steps =
                self.shared.store.steps(&self.workspace, &self.id, self.last.seq, PAGE).await?;
            let full = steps.len() == PAGE as usize;
            for step in steps {
                self.last = EventId { seq: step.seq, fence: step.fence, index: 0 };
                let kind = LiveKind::Step(Box::new(step));
                self.ready.push_back(LiveEvent { id: self.last, kind });
            }
            if !full {
                break;
            }
        }
        for event in self.shared.events.live(&self.id) {
            if event.id > self.last && event.id.seq == self.last.seq {
                self.last = event.id;
                self.ready.push_back(event);
            }
        }
        if task.status.is_final() {
            self.ready.push_back(status_event(task, self.last));
        }
        Ok(())
    }

    async fn next(&mut self) -> Option<Result<LiveEvent, EngineError>> {
        if self.ended {
            return None;
        }
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.ended = self.ready.is_empty() && is_final(&event);
                return Some(Ok(event));
            }
            if let Err(error) = self.wait().await {
                self.ended = true;
                return Some(Err(error));
            }
        }
    }

    /// Waits for something new and puts it into `ready`.
    async fn wait(&mut self) -> Result<(), EngineError> {
        let Ok(event) =
            tokio::time::timeout(self.shared.config.look_again, self.events.recv()).await
        else {
            return self.read_again().await;
        };
        match event {
            Ok(event) => self.take(event).await,
            Err(RecvError::Lagged(_)) => self.read_again().await,
            Err(RecvError::Closed) => {
                self.events = self.shared.events.subscribe(&self.id);
                self.read_again().await
            }
        }
    }

    async fn take(&mut self, mut event: LiveEvent) -> Result<(), EngineError> {
        if let LiveKind::Status(task) = &event.kind {
            // A status tells of steps too: those before it come first.
            let is_final = task.status.is_final();
            if is_final || task.steps > self.last.seq {
                self.read_again().await?;
            }
            if is_final {
                return Ok(());
            }
            event.id = self.last;
            self.ready.push_back(event);
            return Ok(());
        }
        if event.id <= self.last {
            return Ok(());
        }
        let is_step = matches!(event.kind, LiveKind::Step(_));
        let expected = if is_step { self.last.seq + 1 } else { self.last.seq };
        if event.id.seq != expected {
            return self.read_again().await;
        }
        self.last = event.id;
        self.ready.push_back(event);
        Ok(())
    }

    async fn read_again(&mut self) -> Result<(), EngineError> {
        let task = self.shared.store.task(&self.workspace, &self.id).await?;
        let task = task.ok_or_else(|| EngineError::NotFound(format!("task {}", self.id)))?;
        self.catch_up(&task).await
    }
}

fn is_final(event: &LiveEvent) -> bool {
    matches!(&event.kind, LiveKind::Status(task) if task.status.is_final())
}
