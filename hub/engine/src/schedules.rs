//! Schedules: tasks that are made when their time has come.
//!
//! One loop sleeps until the next slot, and makes its task as if a user had
//! asked for it. Where the hub was away (it slept, or was not running), the
//! newest of the slots that have passed is run and the older ones are missed.
//! Where the queue of the workspace is full, the slot is tried again until the
//! next one is due, and has failed then. What became of a slot and the task are
//! written in one transaction: wherever the hub is killed, a slot is recorded
//! with its task, or is due still.

use std::time::Duration;

use agentos_calendar::Calendar;
use agentos_domain::{
    RequestId, Schedule, ScheduleId, Slot, TaskId, Timestamp, Timing, WorkspaceId,
};
use agentos_store::{Settle, Settled, SlotAction, SlotRun, StoreError};

use crate::engine::Shared;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::types::{ScheduleRequest, Submission, When};

#[cfg(test)]
mod tests;

/// Before a slot is tried again whose task the queue had no room for, and after
/// a failure of the store.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// How many schedules are looked at before it is asked again which are due.
const AT_ONCE: u32 = 64;
/// The most slots that one transaction records or removes.
const BATCH: u32 = 500;
/// A single time may be over by so much when it is asked for: clocks differ.
const LEEWAY: Duration = Duration::from_secs(60);

impl EngineHandle {
    /// Keeps a new schedule. When this returns, it is durable.
    ///
    /// # Errors
    /// Where its times or its task are invalid, the workspace has a schedule of
    /// this name or as many as it may, or the store fails.
    pub async fn create_schedule(&self, request: ScheduleRequest) -> Result<Schedule, EngineError> {
        let calendar = match &request.when {
            When::Cron(expression) => Calendar::cron(expression, &request.timezone),
            When::At(at) => Calendar::once(at, &request.timezone),
        };
        let calendar = calendar.map_err(|error| EngineError::Invalid(error.to_string()))?;
        let now = self.shared.clock.now();
        let since = match calendar.timing() {
            Timing::Cron { .. } => now,
            Timing::Once { .. } => before(now, LEEWAY),
        };
        let schedule = Schedule {
            schedule_id: ScheduleId::generate(),
            workspace_id: request.workspace_id,
            name: request.name,
            timing: calendar.timing(),
            timezone: calendar.timezone().to_owned(),
            task: request.task,
            enabled: true,
            next_slot: Some(calendar.next_after(since).ok_or_else(|| over(&calendar))?),
            held_up: None,
            created_by: request.created_by,
            created_at: now,
        };
        // Whoever asks is told now of what would fail at every slot.
        self.shared.prepare(submission(&schedule, now))?;
        self.shared.store.create_schedule(&schedule, self.shared.config.schedule_limit).await?;
        self.shared.schedules_changed.notify_one();
        Ok(schedule)
    }

    /// A schedule.
    ///
    /// # Errors
    /// Where the workspace has no such schedule.
    pub async fn schedule(
        &self,
        workspace: &WorkspaceId,
        id: &ScheduleId,
    ) -> Result<Schedule, EngineError> {
        let schedule = self.shared.store.schedule(workspace, id).await?;
        schedule.ok_or_else(|| missing(id))
    }

    /// A page of schedules, newest first: those made before `before`.
    ///
    /// # Errors
    /// Where `before` is no schedule of the workspace.
    pub async fn schedules(
        &self,
        workspace: &WorkspaceId,
        before: Option<&ScheduleId>,
        limit: u32,
    ) -> Result<Vec<Schedule>, EngineError> {
        Ok(self.shared.store.schedules(workspace, before, limit).await?)
    }

    /// A page of a schedule's slots, newest first: those before `before`.
    ///
    /// # Errors
    /// Where the workspace has no such schedule.
    pub async fn slots(
        &self,
        workspace: &WorkspaceId,
        id: &ScheduleId,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<Slot>, EngineError> {
        self.schedule(workspace, id).await?;
        Ok(self.shared.store.slots(workspace, id, before, limit).await?)
    }

    /// Ends a schedule and forgets its slots. Its tasks stay as they are.
    ///
    /// # Errors
    /// Where the workspace has no such schedule.
    pub async fn delete_schedule(
        &self,
        workspace: &WorkspaceId,
        id: &ScheduleId,
    ) -> Result<(), EngineError> {
        if !self.shared.store.delete_schedule(workspace, id).await? {
            return Err(missing(id));
        }
        // Its slots are removed by and by.
        self.shared.schedules_changed.notify_one();
        Ok(())
    }

    /// Pauses a schedule: from now on it has no slots. Those that are due and
    /// have not run are missed. One that is paused already stays as it is.
    ///
    /// # Errors
    /// Where the workspace has no such schedule.
    pub async fn pause_schedule(
        &self,
        workspace: &WorkspaceId,
        id: &ScheduleId,
    ) -> Result<Schedule, EngineError> {
        loop {
            let schedule = self.schedule(workspace, id).await?;
            let now = self.shared.clock.now();
            if !schedule.enabled {
                return Ok(schedule);
            }
            if schedule.next_slot.is_some_and(|next| next <= now) {
                self.shared.settle(&schedule, now, false).await?;
            } else {
                // Unless a slot was recorded meanwhile.
                self.shared.store.pause_schedule(workspace, id, schedule.next_slot).await?;
            }
        }
    }

    /// Lets a paused schedule go on with its first slot from now. One that is
    /// not paused stays as it is.
    ///
    /// # Errors
    /// Where the workspace has no such schedule, or all its slots are over.
    pub async fn resume_schedule(
        &self,
        workspace: &WorkspaceId,
        id: &ScheduleId,
    ) -> Result<Schedule, EngineError> {
        let schedule = self.schedule(workspace, id).await?;
        if schedule.enabled {
            return Ok(schedule);
        }
        let calendar = Calendar::of(&schedule.timing, &schedule.timezone)
            .map_err(|error| EngineError::Invalid(error.to_string()))?;
        let next = calendar.next_after(self.shared.clock.now()).ok_or_else(|| over(&calendar))?;
        self.shared.store.resume_schedule(workspace, id, next).await?;
        self.shared.schedules_changed.notify_one();
        self.schedule(workspace, id).await
    }
}

fn missing(id: &ScheduleId) -> EngineError {
    EngineError::NotFound(format!("schedule {id} in this workspace"))
}

/// For a schedule that has no slots from now on.
fn over(calendar: &Calendar) -> EngineError {
    EngineError::Invalid(match calendar.timing() {
        Timing::Once { at } => format!("at: {at} is over: make a schedule with a later time"),
        Timing::Cron { cron } => format!("cron: `{cron}` has no time that lies ahead"),
    })
}

fn before(time: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(time.millis().saturating_sub(by))
}

/// What a schedule asks for at one of its slots.
fn submission(schedule: &Schedule, slot: Timestamp) -> Submission {
    let task = schedule.task.clone();
    Submission {
        agent: task.agent.map(String::from),
        tier: task.tier,
        first_tool: task.tool_choice,
        session: task.session,
        idempotency_key: Some(format!("{}/{slot}", schedule.schedule_id)),
        max_tokens: task.max_tokens,
        temperature: task.temperature,
        seed: task.seed,
        priority: task.priority,
        on_edge_lost: task.on_edge_lost,
        privacy: task.privacy,
        request_id: Some(RequestId::generate()),
        ..Submission::new(schedule.workspace_id.clone(), task.input)
    }
}

/// Makes the tasks of schedules, for ever.
pub(crate) async fn keep_schedules(shared: &Shared) {
    let longest = shared.config.look_again;
    loop {
        let pause = match turn(shared).await {
            Ok(next) => next.map_or(longest, |next| next.since(shared.clock.now())),
            Err(error) => {
                tracing::warn!(%error, "could not look at the schedules; trying again");
                TRY_AGAIN
            }
        };
        tokio::select! {
            () = shared.schedules_changed.notified() => {}
            () = tokio::time::sleep(pause.min(longest)) => {}
        }
    }
}

/// Does what is to be done now; returns when the next schedule is due.
pub(crate) async fn turn(shared: &Shared) -> Result<Option<Timestamp>, StoreError> {
    loop {
        let now = shared.clock.now();
        let due = shared.store.due_schedules(now, AT_ONCE).await?;
        if due.is_empty() {
            break;
        }
        // A schedule with many slots is due again, after the others.
        let mut failed = None;
        for schedule in &due {
            if let Err(error) = shared.settle(schedule, now, true).await {
                tracing::warn!(schedule = %schedule.schedule_id, %error, "could not record slots");
                failed = Some(error);
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
    }
    while shared.store.purge_schedules(BATCH).await? {}
    shared.store.next_due().await
}

/// Slots of a schedule that are due, as many as one transaction takes.
struct Due {
    /// Oldest first.
    missed: Vec<Timestamp>,
    /// The newest of all that are due, where it is among them.
    newest: Option<Timestamp>,
    /// The slot after these.
    next: Option<Timestamp>,
}

/// The slots from `first`, which is due, up to `now`.
fn due(calendar: &Calendar, first: Timestamp, now: Timestamp) -> Due {
    let mut missed = Vec::new();
    let mut slot = first;
    loop {
        match calendar.next_after(slot) {
            Some(next) if next <= now => {
                missed.push(slot);
                if missed.len() >= BATCH as usize {
                    return Due { missed, newest: None, next: Some(next) };
                }
                slot = next;
            }
            next => return Due { missed, newest: Some(slot), next },
        }
    }
}

impl Shared {
    /// Records slots of a schedule that are due at `now`, at most as many as
    /// one transaction takes; the newest is run, or missed as the others.
    async fn settle(
        &self,
        schedule: &Schedule,
        now: Timestamp,
        run: bool,
    ) -> Result<(), StoreError> {
        let Some(expected) = schedule.next_slot.filter(|next| *next <= now) else { return Ok(()) };
        let (mut due, unreadable) = match Calendar::of(&schedule.timing, &schedule.timezone) {
            Ok(calendar) => (due(&calendar, expected, now), None),
            // Only where this program knows less than the one that wrote it.
            Err(error) => {
                let due = Due { missed: Vec::new(), newest: Some(expected), next: None };
                (due, Some(error.to_string()))
            }
        };
        if !run {
            due.missed.extend(due.newest.take());
        }
        let newest = due.newest.map(|slot| match &unreadable {
            Some(reason) => (slot, SlotAction::Fail { reason: reason.clone() }),
            None => (slot, self.slot_action(schedule, slot, now)),
        });
        let (schedule_id, missed, next) = (schedule.schedule_id.clone(), due.missed, due.next);
        let older = missed.len();
        let settle = Settle { schedule_id, expected, missed, newest, next, now };
        let settled = self.store.settle_slots(settle).await?;
        self.tell(schedule, older, &settled);
        Ok(())
    }

    fn slot_action(&self, schedule: &Schedule, slot: Timestamp, now: Timestamp) -> SlotAction {
        match self.prepare(submission(schedule, slot)) {
            Ok((task, request_hash)) => SlotAction::Run(Box::new(SlotRun {
                task_id: TaskId::generate(),
                task,
                request_hash,
                queue_limit: self.config.queue_limit,
                retry_at: now.plus(TRY_AGAIN),
            })),
            Err(error) => SlotAction::Fail { reason: error.to_string() },
        }
    }

    /// Has the rest of the hub know what became of slots.
    fn tell(&self, schedule: &Schedule, missed: usize, settled: &Settled) {
        let id = &schedule.schedule_id;
        match settled {
            Settled::Ran(task) => {
                tracing::info!(schedule = %id, task = %task.task_id, missed, "a slot is run");
                self.wake.notify_one();
            }
            Settled::Recorded => tracing::info!(schedule = %id, missed, "slots are recorded"),
            Settled::HeldUp { reason } if schedule.held_up.is_none() => {
                tracing::warn!(schedule = %id, missed, reason, "a slot has to wait");
            }
            Settled::HeldUp { .. } | Settled::Moved => {}
        }
    }
}
