//! The times of the hub's own jobs.

use agentos_domain::Timestamp;
use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::fault::Fault;
use super::{SqliteStore, rows};
use crate::{JobSlot, JobSlotStatus, JobStore, StoreError};

#[async_trait]
impl JobStore for SqliteStore {
    async fn job_since(&self, job: &str, now: Timestamp) -> Result<Timestamp, StoreError> {
        let job = job.to_owned();
        self.write(move |tx| since(tx.conn, &job, now)).await
    }

    async fn forget_job(&self, job: &str) -> Result<(), StoreError> {
        let job = job.to_owned();
        self.write(move |tx| forget(tx.conn, &job)).await
    }

    async fn begin_slots(
        &self,
        job: &str,
        slots: Vec<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let job = job.to_owned();
        self.write(move |tx| begin(tx.conn, &job, &slots, now)).await
    }

    async fn end_slot(
        &self,
        job: &str,
        slot: Timestamp,
        error: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let job = job.to_owned();
        self.write(move |tx| end(tx.conn, &job, slot, error.as_deref(), now)).await
    }

    async fn close_open_slots(&self, error: &str, now: Timestamp) -> Result<u64, StoreError> {
        let error = error.to_owned();
        self.write(move |tx| close_open(tx.conn, &error, now)).await
    }

    async fn job_slots(&self, job: &str, limit: u32) -> Result<Vec<JobSlot>, StoreError> {
        let job = job.to_owned();
        self.read(move |conn| list(conn, &job, limit)).await
    }
}

fn since(conn: &Connection, job: &str, now: Timestamp) -> Result<Timestamp, Fault> {
    conn.prepare_cached("INSERT INTO jobs (job, since) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![job, now.millis()])?;
    let mut statement = conn.prepare_cached("SELECT since FROM jobs WHERE job = ?1")?;
    Ok(statement.query_row([job], |row| rows::time(row, "since"))?)
}

fn forget(conn: &Connection, job: &str) -> Result<(), Fault> {
    conn.prepare_cached("DELETE FROM jobs WHERE job = ?1")?.execute([job])?;
    Ok(())
}

fn begin(conn: &Connection, job: &str, slots: &[Timestamp], now: Timestamp) -> Result<(), Fault> {
    let Some((newest, older)) = slots.split_last() else { return Ok(()) };
    let mut insert = conn.prepare_cached(
        "INSERT INTO job_slots (job, slot, status, started_at, ended_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
    )?;
    for slot in older {
        let missed = JobSlotStatus::Missed.as_str();
        insert.execute(params![job, slot.millis(), missed, now.millis(), now.millis()])?;
    }
    let (running, never) = (JobSlotStatus::Running.as_str(), None::<i64>);
    insert.execute(params![job, newest.millis(), running, now.millis(), never])?;
    conn.prepare_cached("UPDATE jobs SET since = max(since, ?2) WHERE job = ?1")?
        .execute(params![job, newest.millis()])?;
    Ok(())
}

fn end(
    conn: &Connection,
    job: &str,
    slot: Timestamp,
    error: Option<&str>,
    now: Timestamp,
) -> Result<(), Fault> {
    let status = if error.is_some() { JobSlotStatus::Failed } else { JobSlotStatus::Run };
    conn.prepare_cached(
        "UPDATE job_slots SET status = ?3, ended_at = ?4, error = ?5
         WHERE job = ?1 AND slot = ?2 AND status = 'running'",
    )?
    .execute(params![job, slot.millis(), status.as_str(), now.millis(), error])?;
    Ok(())
}

fn close_open(conn: &Connection, error: &str, now: Timestamp) -> Result<u64, Fault> {
    let closed = conn
        .prepare_cached(
            "UPDATE job_slots SET status = 'failed', ended_at = max(?1, started_at), error = ?2
             WHERE status = 'running'",
        )?
        .execute(params![now.millis(), error])?;
    Ok(closed as u64)
}

fn list(conn: &Connection, job: &str, limit: u32) -> Result<Vec<JobSlot>, Fault> {
    let mut statement =
        conn.prepare_cached("SELECT * FROM job_slots WHERE job = ?1 ORDER BY slot DESC LIMIT ?2")?;
    let page = statement.query_map(params![job, limit], record)?;
    Ok(page.collect::<Result<_, _>>()?)
}

/// From a row of `job_slots`.
fn record(row: &Row<'_>) -> rusqlite::Result<JobSlot> {
    Ok(JobSlot {
        slot: rows::time(row, "slot")?,
        status: rows::parsed(row, "status")?,
        started_at: rows::time(row, "started_at")?,
        ended_at: rows::time_opt(row, "ended_at")?,
        error: row.get("error")?,
    })
}
