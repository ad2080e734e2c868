//! The load: clients that ask for tasks, follow them to their end, and try
//! again whenever the hub does not answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentos_domain::{Step, Task, TaskId, TaskStatus};
use anyhow::{Result, ensure};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::effects::Effects;
use super::history::{Asked, History};
use super::plan::{CAREFUL, FREE, Plan};
use super::random::Random;
use crate::harness::{Client, Reply};

/// How many tasks are in flight.
pub(crate) const IN_FLIGHT: u64 = 8;
/// How long the hub may take to answer before the client asks again.
const ANSWER: Duration = Duration::from_secs(3);
/// Between two requests of one client.
const PAUSE: Duration = Duration::from_millis(120);
/// A file is uploaded before each task whose number this divides: the run's
/// snapshot then has something that the edge lacks.
const UPLOADS: u64 = 4;

/// Tasks whose number this divides are also watched while they run.
const WATCHED: u64 = 3;

/// What all clients use.
#[derive(Clone)]
pub(crate) struct Shared {
    client: Client,
    /// The world.
    pub(crate) effects: Effects,
    history: Arc<Mutex<History>>,
    seed: u64,
    /// Whether clients end the tasks that run, so that cancellations happen.
    impatient: Arc<AtomicBool>,
    /// No new tasks from then on.
    pub(crate) enough: CancellationToken,
}

impl Shared {
    /// Clients of this hub.
    #[must_use]
    pub(crate) fn new(client: Client, effects: Effects, seed: u64) -> Self {
        let (history, impatient) = (Arc::default(), Arc::default());
        Self { client, effects, history, seed, impatient, enough: CancellationToken::new() }
    }

    /// Has clients end the tasks that run, or lets them run.
    pub(crate) fn set_impatient(&self, impatient: bool) {
        self.impatient.store(impatient, Ordering::Relaxed);
    }

    /// What happened so far.
    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request that can be sent.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, path)
    }

    /// The answer to a request; `None` where there is none in time.
    pub(crate) async fn answer(&self, request: RequestBuilder) -> Option<Reply> {
        let answer = tokio::time::timeout(ANSWER, self.client.send(request)).await;
        answer.ok()?.ok()
    }

    /// The answer to a request for something that there is.
    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        let reply = self.answer(self.request(Method::GET, path)).await?;
        (reply.status == StatusCode::OK).then(|| reply.json().ok())?
    }

    /// A task as it now is.
    pub(crate) async fn task(&self, id: &TaskId) -> Option<Task> {
        serde_json::from_value(self.get(&format!("/api/tasks/{id}")).await?).ok()
    }

    /// A task's journal.
    pub(crate) async fn steps(&self, id: &TaskId) -> Option<Vec<Step>> {
        let mut list = self.get(&format!("/api/tasks/{id}/steps")).await?;
        serde_json::from_value(list["items"].take()).ok()
    }

    fn note(&self, number: u64, change: impl FnOnce(&mut Asked)) {
        if let Some(asked) = self.history().asked.get_mut(&number) {
            change(asked);
        }
    }

    /// One client: tasks `first`, `first + IN_FLIGHT` …, one after the other.
    ///
    /// # Errors
    /// If the hub refuses what it should take.
    pub(crate) async fn ask(self, first: u64) -> Result<()> {
        for number in (first..).step_by(usize::try_from(IN_FLIGHT)?) {
            if self.enough.is_cancelled() {
                return Ok(());
            }
            let plan = Plan::of(self.seed, number);
            let key = format!("chaos-{}-{number}", self.seed);
            self.history().asked.insert(number, Asked::new(key.clone(), plan.clone()));
            if number.is_multiple_of(UPLOADS) {
                self.upload(number).await;
            }
            let id = self.submit(number, &key, &plan).await?;
            if number.is_multiple_of(WATCHED) {
                tokio::join!(self.follow(number, &id), self.watch(number, &id));
            } else {
                self.follow(number, &id).await;
            }
        }
        Ok(())
    }

    /// Repeating it does nothing more, so it is repeated until it is done.
    async fn upload(&self, number: u64) {
        let (path, content) = (format!("notes/{number}.txt"), format!("note {number}"));
        loop {
            let request = self.request(Method::PUT, &format!("/api/files/{path}"));
            let request = request.body(content.clone());
            if self.answer(request).await.is_some_and(|reply| reply.status.is_success()) {
                self.history().uploads.insert(path, content);
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks, with one key, until the hub says that it has the task; now and
    /// then once more.
    async fn submit(&self, number: u64, key: &str, plan: &Plan) -> Result<TaskId> {
        let mut random = Random::new(self.seed, 2_000_000 + number);
        let agent = if random.chance(35) { CAREFUL } else { FREE };
        let mut wanted = if random.chance(20) { 2 } else { 1 };
        let body = json!({ "input": plan.to_input(), "agent": agent });
        loop {
            let request = self.request(Method::POST, "/api/tasks");
            let request = request.header("prefer", "respond-async").header("idempotency-key", key);
            if let Some(reply) = self.answer(request.json(&body)).await {
                let taken = matches!(reply.status, StatusCode::ACCEPTED | StatusCode::OK);
                let may_pass =
                    reply.status.is_server_error() || reply.status == StatusCode::REQUEST_TIMEOUT;
                let said = String::from_utf8_lossy(&reply.body).into_owned();
                ensure!(taken || may_pass, "a task was refused: {} {said}", reply.status);
                if taken {
                    let task: Task = serde_json::from_value(reply.json()?)?;
                    let id = task.task_id.clone();
                    self.note(number, |asked| asked.acknowledged.push(task.task_id));
                    wanted -= 1;
                    if wanted == 0 {
                        return Ok(id);
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Looks at a task until it has ended, and now and then at its journal.
    async fn follow(&self, number: u64, id: &TaskId) {
        let mut random = Random::new(self.seed, 3_000_000 + number);
        let cancel_at = random.chance(15).then(|| random.between(0, 6));
        for look in 0_u64.. {
            if cancel_at == Some(look) {
                self.cancel(number, id).await;
            }
            let task = self.task(id).await;
            let runs = task.as_ref().is_some_and(|task| task.status == TaskStatus::Running);
            if runs && self.impatient.load(Ordering::Relaxed) {
                self.cancel(number, id).await;
            }
            if random.chance(30)
                && let Some(steps) = self.steps(id).await
            {
                self.note(number, |asked| asked.snapshots.push(steps));
            }
            if task.is_some_and(|task| task.status.is_final()) {
                self.note(number, |asked| asked.ended = true);
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Follows a task's events, over as many connections as it takes.
    async fn watch(&self, number: u64, id: &TaskId) {
        let mut watch = self.client.watch_id(id);
        let watched = watch.to_end().await;
        let live = watch.live();
        let in_order = live.is_sorted_by_key(|place| (place.fence, place.index));
        let distinct = live.windows(2).all(|pair| pair[0] != pair[1]);
        let error = match watched {
            Err(error) => Some(format!("{error:#}")),
            Ok(()) if in_order && distinct => None,
            Ok(()) => Some(format!("out of order: {live:?}")),
        };
        let told = watch.steps().ok();
        self.note(number, |asked| (asked.told, asked.watch_error) = (told, error));
    }

    async fn cancel(&self, number: u64, id: &TaskId) {
        self.note(number, |asked| asked.cancel_sent = true);
        let path = format!("/api/tasks/{id}/cancel");
        let request = self.request(Method::POST, &path).json(&json!({ "reason": "enough" }));
        let Some(reply) = self.answer(request).await else { return };
        let task = reply.json().ok().and_then(|body| serde_json::from_value::<Task>(body).ok());
        if task.is_some_and(|task| task.status == TaskStatus::Cancelled) {
            self.note(number, |asked| asked.cancel_acknowledged = true);
        }
    }
}
