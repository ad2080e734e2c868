//! The times of the hub's own jobs, such as the daily report.
//!
//! ```text
//!            begin_slots                end_slot
//!  passed ─┬───────────► running ─────────────────► run, failed
//!          │                │ close_open_slots (the next start of the hub)
//!          │                └─────────────────────► failed
//!          └───────────► missed (all but the newest)
//! ```

use std::str::FromStr;

use agentos_domain::Timestamp;
use async_trait::async_trait;
use serde::Serialize;

use crate::StoreError;

/// What became of a time of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobSlotStatus {
    /// The job is under way.
    Running,
    /// The job was done.
    Run,
    /// It was not, or not all of it.
    Failed,
    /// The hub was away, and a later time was run instead.
    Missed,
}

impl JobSlotStatus {
    /// As it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Run => "run",
            Self::Failed => "failed",
            Self::Missed => "missed",
        }
    }
}

impl FromStr for JobSlotStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Running, Self::Run, Self::Failed, Self::Missed];
        let found = all.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is no status of a slot"))
    }
}

/// A time of a job that has passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobSlot {
    /// When it was due.
    pub slot: Timestamp,
    /// What became of it.
    pub status: JobSlotStatus,
    /// When it was settled: begun, or found to be missed.
    pub started_at: Timestamp,
    /// When that had ended.
    pub ended_at: Option<Timestamp>,
    /// What went wrong.
    pub error: Option<String>,
}

/// What is kept of the hub's own jobs. Each verb is one transaction.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// Since when the times of a job count; of one that is new, since now.
    async fn job_since(&self, job: &str, now: Timestamp) -> Result<Timestamp, StoreError>;

    /// The job is switched off: its times count no more until it is asked for
    /// again. What became of those before stays.
    async fn forget_job(&self, job: &str) -> Result<(), StoreError>;

    /// Settles times that have passed, the oldest first: the last is running,
    /// the others are missed. From now on only later ones count. One that was
    /// settled before stays as it is.
    async fn begin_slots(
        &self,
        job: &str,
        slots: Vec<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Closes a time that is running: as failed where there is an error.
    async fn end_slot(
        &self,
        job: &str,
        slot: Timestamp,
        error: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// At the hub's start: those that are running belong to a process that is
    /// gone. Each is closed as failed. How many there were.
    async fn close_open_slots(&self, error: &str, now: Timestamp) -> Result<u64, StoreError>;

    /// What became of the newest times of a job, the newest first.
    async fn job_slots(&self, job: &str, limit: u32) -> Result<Vec<JobSlot>, StoreError>;
}
