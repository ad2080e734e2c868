//! Schedules: tasks that are to be made at certain times, and what became of
//! each of those times.
//!
//! ```text
//!               the newest that is due           ┌─► run: its task exists
//!  next_slot ───────────────────────────────────►┤
//!      │                                         └─► failed: no task could be made
//!      └── older ones that are due, after the hub was away ──► missed
//! ```

use serde::{Deserialize, Serialize};

use crate::{
    AgentName, OnEdgeLost, Priority, Privacy, ScheduleId, ScheduleName, SessionId, TaskId, Tier,
    Timestamp, ToolName, WorkspaceId,
};

/// When a schedule's slots are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Timing {
    /// Again and again.
    Cron {
        /// Five fields: minute, hour, day of the month, month, weekday.
        cron: String,
    },
    /// One time only.
    Once {
        /// That time.
        at: Timestamp,
    },
}

/// What a schedule asks for at each of its slots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduledTask {
    /// What is to be done.
    pub input: String,
    /// Who is to do it; the default agent where absent.
    pub agent: Option<AgentName>,
    /// Which kind of model; the agent's own where absent.
    pub tier: Option<Tier>,
    /// A tool that the first model call must call.
    pub tool_choice: Option<ToolName>,
    /// The conversation that all its tasks belong to.
    pub session: Option<SessionId>,
    /// The most tokens of each answer of the model.
    pub max_tokens: Option<u32>,
    /// Overrides the agent's; 0 to 2.
    pub temperature: Option<f32>,
    /// Makes sampling repeatable.
    pub seed: Option<u64>,
    /// Which of the workspace's waiting tasks is first.
    pub priority: Priority,
    /// What becomes of its tasks where an edge is lost; as their agent has it
    /// where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_edge_lost: Option<OnEdgeLost>,
    /// Where what its tasks say may go; as their agent has it where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<Privacy>,
}

/// A task that is to be made at certain times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its id.
    pub schedule_id: ScheduleId,
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// Its name; no other schedule of the workspace has it.
    pub name: ScheduleName,
    /// When its slots are.
    #[serde(flatten)]
    pub timing: Timing,
    /// The IANA name of the time zone by whose clocks they are.
    pub timezone: String,
    /// What it asks for.
    pub task: ScheduledTask,
    /// False while it is paused.
    pub enabled: bool,
    /// The first slot that is not recorded; none while it is paused and when
    /// all are over.
    pub next_slot: Option<Timestamp>,
    /// Why that slot has no task although it is due; it is tried again.
    pub held_up: Option<String>,
    /// Who made the schedule.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What became of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum SlotOutcome {
    /// Its task was made.
    Run {
        /// The task.
        task_id: TaskId,
    },
    /// The hub was away, and when it came back a newer slot was due.
    Missed,
    /// No task could be made.
    Failed {
        /// Why, and what to do about it.
        reason: String,
    },
}

impl SlotOutcome {
    /// The word that stands for it in the API and the database.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Missed => "missed",
            Self::Failed { .. } => "failed",
        }
    }
}

/// One of the times of a schedule, and what became of it. There is one for
/// each time that has passed while the schedule was not paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The schedule.
    pub schedule_id: ScheduleId,
    /// When its task was to be made.
    pub slot_at: Timestamp,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: SlotOutcome,
    /// When that was recorded.
    pub recorded_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let task = ScheduledTask {
            input: "report".into(),
            agent: None,
            tier: None,
            tool_choice: None,
            session: None,
            max_tokens: Some(5),
            temperature: Some(0.5),
            seed: Some(u64::MAX),
            priority: Priority::High,
            on_edge_lost: None,
            privacy: None,
        };
        let cron = Timing::Cron { cron: "0 6 * * *".into() };
        for timing in [cron, Timing::Once { at: Timestamp::from_millis(60_000) }] {
            let schedule = Schedule {
                schedule_id: ScheduleId::generate(),
                workspace_id: WorkspaceId::default(),
                name: "daily_report".parse().unwrap(),
                timing,
                timezone: "UTC".into(),
                task: task.clone(),
                enabled: true,
                next_slot: Some(Timestamp::from_millis(1)),
                held_up: None,
                created_by: "me".into(),
                created_at: Timestamp::from_millis(0),
            };
            let json = serde_json::to_value(&schedule).unwrap();
            assert_eq!(json.get("cron").is_some(), json.get("at").is_none());
            assert_eq!(serde_json::from_value::<Schedule>(json).unwrap(), schedule);
        }
        let outcomes = [
            SlotOutcome::Run { task_id: TaskId::generate() },
            SlotOutcome::Missed,
            SlotOutcome::Failed { reason: "why".into() },
        ];
        for outcome in outcomes {
            let (schedule_id, time) = (ScheduleId::generate(), Timestamp::from_millis(1));
            let slot = Slot { schedule_id, slot_at: time, outcome, recorded_at: time };
            let json = serde_json::to_value(&slot).unwrap();
            assert_eq!(json["status"], slot.outcome.as_str());
            assert_eq!(serde_json::from_value::<Slot>(json).unwrap(), slot);
        }
    }
}
