//! The shapes of answers about schedules; see `schemas`.
#![expect(dead_code, reason = "only the derived schemas are used")]

use serde::Serialize;
use utoipa::ToSchema;

use super::{OnEdgeLost, Priority, Privacy};
use crate::tasks::WantedTier;

/// What a schedule asks for at each of its slots.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScheduledTask {
    /// What is to be done.
    input: String,
    /// Who is to do it; null is the default agent.
    #[schema(required)]
    agent: Option<String>,
    /// Which kind of model; null is the agent's own.
    #[schema(required)]
    tier: Option<WantedTier>,
    /// A tool that the first model call must call.
    #[schema(required)]
    tool_choice: Option<String>,
    /// The conversation that its tasks belong to.
    #[schema(required)]
    session: Option<String>,
    /// The most tokens of each answer of the model.
    #[schema(required)]
    max_tokens: Option<u32>,
    /// 0 is predictable, 2 is wild.
    #[schema(required)]
    temperature: Option<f32>,
    /// Makes sampling repeatable.
    #[schema(required)]
    seed: Option<u64>,
    /// Which of the workspace's waiting tasks is first.
    priority: Priority,
    /// What becomes of its tasks where an edge is lost; as their agent has it
    /// where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_edge_lost: Option<OnEdgeLost>,
    /// Where what its tasks say may go; as their agent has it where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    privacy: Option<Privacy>,
}

/// A task that is made at certain times. It has `cron` or `at`.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "schedule_id": "sched_0192f5e0a0007000800000000000abcd", "workspace_id": "default",
    "name": "daily_report", "cron": "0 6 * * MON-FRI", "timezone": "Europe/Berlin",
    "task": {
        "input": "What has changed in my files since yesterday?", "agent": null, "tier": null,
        "tool_choice": null, "session": null, "max_tokens": null, "temperature": null,
        "seed": null, "priority": "normal",
    },
    "enabled": true, "next_slot": "2026-11-23T05:00:00.000Z", "held_up": null,
    "created_by": "ann", "created_at": "2026-11-21T08:30:00.000Z",
}))]
pub(crate) struct Schedule {
    /// Its id.
    #[schema(pattern = "^sched_[0-9a-f]{32}$")]
    schedule_id: String,
    /// Whose it is.
    workspace_id: String,
    /// Its name.
    name: String,
    /// Again and again: minute, hour, day of the month, month, weekday.
    #[serde(skip_serializing_if = "Option::is_none")]
    cron: Option<String>,
    /// One time only.
    #[schema(format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// The time zone by whose clocks `cron` is.
    timezone: String,
    /// What it asks for.
    task: ScheduledTask,
    /// False while it is paused.
    enabled: bool,
    /// Its next time; null while it is paused, and where all are over.
    #[schema(format = DateTime, required)]
    next_slot: Option<String>,
    /// Why that time has no task although it has come; it is tried again.
    #[schema(required)]
    held_up: Option<String>,
    /// The name of the key that made it.
    created_by: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
}

/// A page of schedules, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct SchedulePage {
    /// The schedules.
    items: Vec<Schedule>,
    /// What to send as `cursor` for the page after this one; null on the last.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// What became of a time of a schedule.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SlotStatus {
    /// Its task was made.
    Run,
    /// The hub was away, and a newer one was due when it came back.
    Missed,
    /// No task could be made.
    Failed,
}

/// One of the times of a schedule.
#[derive(Serialize, ToSchema)]
pub(crate) struct Slot {
    /// The schedule.
    #[schema(pattern = "^sched_[0-9a-f]{32}$")]
    schedule_id: String,
    /// When its task was to be made.
    #[schema(format = DateTime)]
    slot_at: String,
    /// What became of it.
    status: SlotStatus,
    /// Its task, where it was run.
    #[schema(pattern = "^task_[0-9a-f]{32}$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When that was recorded.
    #[schema(format = DateTime)]
    recorded_at: String,
}

/// A page of slots, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct SlotPage {
    /// The slots.
    items: Vec<Slot>,
    /// What to send as `cursor` for the page after this one; null on the last.
    #[schema(required)]
    next_cursor: Option<String>,
}
