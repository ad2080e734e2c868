//! The daily report at its time, each day.
//!
//! One loop sleeps until the next time. Where the hub was away (it slept, or was
//! not running), the newest of the times that have passed is run and the older
//! ones are missed. Each is a row before the report begins, so one at which the
//! hub was killed is closed as failed, and is not run twice; the days that it
//! would have collected are made up for by the next.

use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;

use agentos_calendar::{Calendar, CalendarError};
use agentos_domain::{Clock, Timestamp};
use agentos_store::{JobSlot, JobStore, StoreError};
use tokio_util::sync::CancellationToken;

use crate::kernel::Kernel;
use crate::plugin::ProgressSink;

/// The job's name in the database.
const JOB: &str = "daily_report";
/// The longest sleep: the machine's clock may be set, and stands still while the
/// machine sleeps.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// The error of a time whose process is gone.
const INTERRUPTED: &str = "the hub ended during this report: the next makes up for its days";

/// Runs the daily report at its time.
pub struct DailySchedule {
    kernel: Arc<Kernel>,
    store: Arc<dyn JobStore>,
    clock: Arc<dyn Clock>,
    calendar: Calendar,
}

impl DailySchedule {
    /// Opens it; a report that a process before left open is closed as failed.
    /// `time` is such as `06:00`, by the clocks of the time zone.
    ///
    /// # Errors
    /// Where time or time zone are none, and those of the store.
    pub async fn open(
        kernel: Arc<Kernel>,
        store: Arc<dyn JobStore>,
        clock: Arc<dyn Clock>,
        (time, timezone): (&str, &str),
    ) -> Result<Self, DailyError> {
        let (hour, minute) = time.split_once(':').unwrap_or((time, ""));
        let calendar = Calendar::cron(&format!("{minute} {hour} * * *"), timezone)?;
        store.close_open_slots(INTERRUPTED, clock.now()).await?;
        Ok(Self { kernel, store, clock, calendar })
    }

    /// Forgets since when times count: for a schedule that is switched off.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn switched_off(store: &dyn JobStore, clock: &dyn Clock) -> Result<(), StoreError> {
        store.close_open_slots(INTERRUPTED, clock.now()).await?;
        store.forget_job(JOB).await
    }

    /// What became of the newest times, the newest first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn slots(&self, limit: u32) -> Result<Vec<JobSlot>, StoreError> {
        self.store.job_slots(JOB, limit).await
    }

    /// Runs what is due, until `cancel`.
    pub async fn run(&self, cancel: CancellationToken) {
        let each = async {
            loop {
                let pause = match self.look().await {
                    Ok(next) => next.since(self.clock.now()).min(LOOK_AGAIN),
                    Err(error) => {
                        tracing::error!(%error, "the daily report cannot be scheduled");
                        LOOK_AGAIN
                    }
                };
                tokio::time::sleep(pause).await;
            }
        };
        cancel.run_until_cancelled(each).await.unwrap_or(());
    }

    /// Runs what is due. When the next is.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn look(&self) -> Result<Timestamp, StoreError> {
        let now = self.clock.now();
        let since = self.store.job_since(JOB, now).await?;
        let first = self.calendar.next_after(since);
        let due: Vec<_> = successors(first, |slot| self.calendar.next_after(*slot))
            .take_while(|slot| *slot <= now)
            .collect();
        if let Some(newest) = due.last().copied() {
            if due.len() > 1 {
                tracing::warn!(missed = due.len() - 1, "daily reports were missed");
            }
            self.store.begin_slots(JOB, due, now).await?;
            let progress: ProgressSink = Arc::new(|_| ());
            let error = match self.kernel.daily_report(progress).await {
                Ok(report) => report.error(),
                Err(error) => Some(error.to_string()),
            };
            self.store.end_slot(JOB, newest, error, self.clock.now()).await?;
        }
        let next = self.calendar.next_after(self.clock.now().max(since));
        Ok(next.unwrap_or(Timestamp::from_millis(i64::MAX)))
    }
}

/// Why there is no daily report.
#[derive(Debug, thiserror::Error)]
pub enum DailyError {
    /// Its time is none.
    #[error("schedule.time, schedule.timezone: {0}")]
    Calendar(#[from] CalendarError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
