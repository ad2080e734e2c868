//! The kernel's records: runs of plugins, and what providers billed day by day.
//!
//! ```text
//!  begin_run                    end_run
//! ───────────► running ────────────────────────► success, failed, partial, skipped
//!                 │ close_open_runs (the next start of the hub)
//!                 └────────────────────────────► failed
//! ```
//!
//! A run that is not `running` records nothing any more, so what a process that
//! is gone had begun is either a whole day or nothing.

use std::fmt;
use std::str::FromStr;

use agentos_domain::{NanoUsd, Timestamp};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{Day, StoreError, Usd};

/// An execution of a plugin: a UUID that sorts by creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Uuid);

/// What was recorded for a provider's day: a UUID that sorts by creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResultId(Uuid);

macro_rules! uuid_text {
    ($($name:ident),+) => {$(
        impl $name {
            /// A new id, unique and later in order than those made before.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Uuid::try_parse(text).map(Self).map_err(|_| "expected a UUID".to_owned())
            }
        }
    )+};
}

uuid_text!(RunId, ResultId);

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It is under way.
    Running,
    /// It did all that it was to do.
    Success,
    /// It did nothing of it.
    Failed,
    /// It did some of it.
    Partial,
    /// There was nothing to do.
    Skipped,
}

impl RunStatus {
    /// Every status, in the order of a run.
    pub const ALL: [Self; 5] =
        [Self::Running, Self::Success, Self::Failed, Self::Partial, Self::Skipped];

    /// As it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Partial => "partial",
            Self::Skipped => "skipped",
        }
    }
}

impl FromStr for RunStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == text);
        let known = || Self::ALL.map(Self::as_str).join(", ");
        found.ok_or_else(|| format!("`{text}` is no status of a run: expected {}", known()))
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEnd {
    /// Where it stands now; `Running` is no end and is stored as `Failed`.
    pub status: RunStatus,
    /// What went wrong.
    pub error: Option<String>,
    /// What the plugin answered.
    pub data: Value,
    /// Counts and times.
    pub metadata: Map<String, Value>,
    /// The hub's time.
    pub now: Timestamp,
}

/// A run as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// The plugin.
    pub plugin_name: String,
    /// Where it stands.
    pub status: RunStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What went wrong.
    pub error: Option<String>,
    /// What the plugin answered; null where nothing.
    pub data: Value,
    /// Counts and times.
    pub metadata: Map<String, Value>,
}

/// Which runs are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFilter {
    /// Those with this status.
    pub status: Option<RunStatus>,
    /// Those of this plugin.
    pub plugin_name: Option<String>,
    /// Those that began before this one.
    pub before: Option<RunId>,
    /// At most so many.
    pub limit: u32,
}

/// What a provider billed for a day, as a collector read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BilledDay {
    /// The day.
    pub date: Day,
    /// All tokens of it.
    pub tokens: u64,
    /// What it cost.
    pub cost: Usd,
    /// What the provider answered, as JSON that the store does not look into.
    pub raw_json: String,
}

/// What is recorded of a provider's day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResultRecord {
    /// Its id; another one after each change.
    pub id: ResultId,
    /// The run that recorded it.
    pub run_id: RunId,
    /// The provider, such as `OpenAI`.
    pub provider: String,
    /// The day.
    pub date: Day,
    /// All tokens of it.
    pub tokens: u64,
    /// What it cost.
    pub cost: Usd,
    /// What the provider answered; only where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_json: Option<String>,
    /// When this was recorded.
    pub created_at: Timestamp,
    /// 1, and one more with each time that the provider changed the day.
    pub revision: u64,
}

/// What was recorded of a provider's day before it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplacedResult {
    /// What was recorded.
    pub result: ResultRecord,
    /// When it was replaced.
    pub replaced_at: Timestamp,
    /// The run that found the change.
    pub replaced_by: RunId,
}

/// What became of a day that was to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DayOutcome {
    /// Nothing was recorded of it before.
    Added,
    /// What is recorded of it is what was read.
    Unchanged,
    /// The provider changed it; this is what was recorded before.
    Replaced {
        /// All tokens of it before.
        tokens: u64,
        /// What it cost before.
        cost: Usd,
    },
}

/// In which order results come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultOrder {
    /// The newest day first, and of one day by provider.
    NewestFirst,
    /// The oldest day first, and of one day by provider.
    OldestFirst,
}

/// Which results are listed, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultFilter {
    /// Those of this provider, such as `OpenAI`.
    pub provider: Option<String>,
    /// Those of this day and later.
    pub from: Option<Day>,
    /// Those of this day and earlier.
    pub to: Option<Day>,
    /// Those that come after the one of this day and provider in the order.
    pub after: Option<(Day, String)>,
    /// At most so many.
    pub limit: u32,
    /// The order.
    pub order: ResultOrder,
    /// Whether the providers' answers are wanted too.
    pub raw_json: bool,
}

impl Default for ResultFilter {
    fn default() -> Self {
        Self {
            provider: None,
            from: None,
            to: None,
            after: None,
            limit: u32::MAX,
            order: ResultOrder::NewestFirst,
            raw_json: false,
        }
    }
}

/// What the hub metered of a provider's models on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeteredDay {
    /// Whose API it is, such as `openai`.
    pub provider: String,
    /// The day in which the calls began.
    pub date: Day,
    /// What they cost.
    pub cost: NanoUsd,
    /// How much of that are estimates, and reservations of calls that were lost.
    pub uncertain: NanoUsd,
    /// How many calls.
    pub calls: u64,
}

/// What the kernel has recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelCounts {
    /// The newest run's beginning.
    pub last_run: Option<Timestamp>,
    /// How many results.
    pub results: u64,
    /// How many runs.
    pub runs: u64,
}

/// What the kernel keeps. Each verb is one transaction, as those of
/// [`Store`](crate::Store) are. It belongs to the installation and to no
/// workspace.
#[async_trait]
pub trait KernelStore: Send + Sync + 'static {
    /// Records that a plugin is about to run.
    async fn begin_run(
        &self,
        id: RunId,
        plugin_name: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Closes a run. False where it was closed before; then nothing is changed.
    async fn end_run(&self, id: RunId, end: RunEnd) -> Result<bool, StoreError>;

    /// At the hub's start, before any run: those that are open belong to a
    /// process that is gone. Each is closed as failed. How many there were.
    async fn close_open_runs(&self, error: &str, now: Timestamp) -> Result<u64, StoreError>;

    /// A run.
    async fn run(&self, id: RunId) -> Result<Option<RunRecord>, StoreError>;

    /// Runs, the newest first.
    ///
    /// # Errors
    /// [`StoreError::UnknownCursor`] where `before` names none.
    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRecord>, StoreError>;

    /// Records days of a provider, all or none. A day whose tokens and cost are
    /// recorded already stays as it is; of one that changed, what was recorded
    /// goes to the history. What became of each, in their order.
    ///
    /// # Errors
    /// [`StoreError::RunClosed`].
    async fn record_days(
        &self,
        run: RunId,
        provider: &str,
        days: Vec<BilledDay>,
        now: Timestamp,
    ) -> Result<Vec<DayOutcome>, StoreError>;

    /// The days of a provider that are recorded, from one to another, both
    /// included, in their order.
    async fn recorded_days(
        &self,
        provider: &str,
        from: Day,
        to: Day,
    ) -> Result<Vec<Day>, StoreError>;

    /// The newest day of a provider that is recorded.
    async fn newest_day(&self, provider: &str) -> Result<Option<Day>, StoreError>;

    /// Results.
    async fn results(&self, filter: ResultFilter) -> Result<Vec<ResultRecord>, StoreError>;

    /// What was recorded of a day before, the oldest first, with the
    /// provider's answers.
    async fn result_history(
        &self,
        provider: &str,
        date: Day,
    ) -> Result<Vec<ReplacedResult>, StoreError>;

    /// What the hub metered from one day to another, both included, by day and
    /// provider. A call counts on the day on which it began; those that are
    /// under way do not count yet.
    async fn metered(&self, from: Day, to: Day) -> Result<Vec<MeteredDay>, StoreError>;

    /// How much there is.
    async fn kernel_counts(&self) -> Result<KernelCounts, StoreError>;
}
