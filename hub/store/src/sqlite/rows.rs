//! From rows to the domain and back.

use std::fmt::Display;
use std::str::FromStr;

use agentos_domain::{
    Entry, Fence, FileEntry, Manifest, NanoUsd, Priority, Proposal, RelPath, Schedule,
    SessionEpoch, Slot, SlotOutcome, Step, Task, Timestamp, Timing, ToolGrant,
};
use rusqlite::types::Type;
use rusqlite::{Error, Result, Row, RowIndex};
use serde::de::DeserializeOwned;

use crate::{AuditRecord, EdgeRecord, KeyRecord, ProviderKeyRecord, SealedKey};

/// SQLite's integers are signed; nothing that is counted here gets near.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The way back.
pub(super) fn uint(row: &Row<'_>, column: impl RowIndex) -> Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|error| unreadable("of a count", error))
}

pub(super) fn uint_opt(row: &Row<'_>, column: &str) -> Result<Option<u64>> {
    let value: Option<i64> = row.get(column)?;
    value.map(|value| u64::try_from(value).map_err(|error| unreadable(column, error))).transpose()
}

pub(super) fn unreadable(column: &str, error: impl Display) -> Error {
    Error::FromSqlConversionFailure(0, Type::Text, format!("column {column}: {error}").into())
}

pub(super) fn parsed<T>(row: &Row<'_>, column: &str) -> Result<T>
where
    T: FromStr,
    T::Err: Display,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error| unreadable(column, error))
}

pub(super) fn parsed_opt<T>(row: &Row<'_>, column: &str) -> Result<Option<T>>
where
    T: FromStr,
    T::Err: Display,
{
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse().map_err(|error| unreadable(column, error))).transpose()
}

pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| unreadable(column, error))
}

fn json_opt<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| serde_json::from_str(&text).map_err(|error| unreadable(column, error)))
        .transpose()
}

pub(super) fn time(row: &Row<'_>, column: &str) -> Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

pub(super) fn time_opt(row: &Row<'_>, column: &str) -> Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column).map(|millis| millis.map(Timestamp::from_millis))
}

/// From a row of `tasks`.
pub(super) fn task(row: &Row<'_>) -> Result<Task> {
    Ok(Task {
        task_id: parsed(row, "task_id")?,
        workspace_id: parsed(row, "workspace_id")?,
        user_input: row.get("user_input")?,
        status: parsed(row, "status")?,
        agent_type: parsed(row, "agent_name")?,
        model_used: row.get("model_used")?,
        output: row.get("output")?,
        error: json_opt(row, "error")?,
        input_tokens: uint(row, "input_tokens")?,
        output_tokens: uint(row, "output_tokens")?,
        execution_time_ms: uint_opt(row, "execution_time_ms")?,
        tool_calls: row.get("tool_calls")?,
        context_sources: json(row, "context_sources")?,
        created_at: time(row, "created_at")?,
        started_at: time_opt(row, "started_at")?,
        completed_at: time_opt(row, "completed_at")?,
        cost: NanoUsd(row.get("cost_nano_usd")?),
        idempotency_key: row.get("idempotency_key")?,
        session: parsed_opt(row, "session_id")?,
        priority: Priority::of_rank(row.get("priority")?),
        on_edge_lost: parsed(row, "on_edge_lost")?,
        privacy: parsed(row, "privacy")?,
        steps: uint(row, "steps")?,
    })
}

/// From a row of `steps`.
pub(super) fn step(row: &Row<'_>) -> Result<Step> {
    Ok(Step {
        task_id: parsed(row, "task_id")?,
        seq: uint(row, "seq")?,
        fence: Fence(uint(row, "fence")?),
        recorded_at: time(row, "recorded_at")?,
        entry: json::<Entry>(row, "entry")?,
    })
}

/// From a row of `edges`.
pub(super) fn edge(row: &Row<'_>) -> Result<EdgeRecord> {
    Ok(EdgeRecord {
        edge_id: parsed(row, "edge_id")?,
        name: row.get("name")?,
        joined_at: time(row, "joined_at")?,
        revoked_at: time_opt(row, "revoked_at")?,
        draining_since: time_opt(row, "draining_since")?,
        last_seen_at: time_opt(row, "last_seen_at")?,
        version: row.get("version")?,
        session_epoch: uint_opt(row, "session_epoch")?.map(SessionEpoch),
    })
}

/// From a row of `api_keys`.
pub(super) fn key(row: &Row<'_>) -> Result<KeyRecord> {
    Ok(KeyRecord {
        key_id: parsed(row, "key_id")?,
        name: row.get("name")?,
        prefix: row.get("prefix")?,
        hash: row.get("hash")?,
        workspace_id: parsed(row, "workspace_id")?,
        scopes: json(row, "scopes")?,
        created_at: time(row, "created_at")?,
        last_used_at: time_opt(row, "last_used_at")?,
        expires_at: time_opt(row, "expires_at")?,
        revoked_at: time_opt(row, "revoked_at")?,
    })
}

/// From a row of `provider_keys`.
pub(super) fn provider_key(row: &Row<'_>) -> Result<ProviderKeyRecord> {
    Ok(ProviderKeyRecord {
        provider: parsed(row, "provider")?,
        key: SealedKey {
            master_key: row.get("master_key")?,
            sealed: row.get("sealed")?,
            hint: row.get("hint")?,
        },
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

/// From a row of `approval_queue`.
pub(super) fn proposal(row: &Row<'_>) -> Result<Proposal> {
    Ok(Proposal {
        proposal_id: parsed(row, "proposal_id")?,
        workspace_id: parsed(row, "workspace_id")?,
        kind: parsed(row, "type")?,
        status: parsed(row, "status")?,
        title: row.get("title")?,
        rationale: row.get("rationale")?,
        reasons: json(row, "reasons")?,
        task_id: parsed(row, "task_id")?,
        agent: parsed(row, "agent_name")?,
        call: json(row, "call")?,
        class: json(row, "class")?,
        content_hash: parsed(row, "content_hash")?,
        idempotency_key: row.get("idempotency_key")?,
        called_at: time_opt(row, "called_at")?,
        decision: json_opt(row, "decision")?,
        reviewer: row.get("reviewer")?,
        reviewer_notes: row.get("reviewer_notes")?,
        created_at: time(row, "created_at")?,
        reviewed_at: time_opt(row, "reviewed_at")?,
        applied_at: time_opt(row, "applied_at")?,
        expires_at: time_opt(row, "expires_at")?,
    })
}

/// From a row of `tool_grants`.
pub(super) fn tool_grant(row: &Row<'_>) -> Result<ToolGrant> {
    Ok(ToolGrant {
        agent: parsed(row, "agent_name")?,
        tool: parsed(row, "tool")?,
        proposal_id: parsed(row, "proposal_id")?,
        granted_by: row.get("granted_by")?,
        granted_at: time(row, "granted_at")?,
    })
}

/// From a row of `audit`.
pub(super) fn audit(row: &Row<'_>) -> Result<AuditRecord> {
    Ok(AuditRecord {
        seq: uint(row, "seq")?,
        at: time(row, "at")?,
        actor: row.get("actor")?,
        action: row.get("action")?,
        subject: row.get("subject")?,
        detail: row.get("detail")?,
    })
}

/// From a row of `schedules`.
pub(super) fn schedule(row: &Row<'_>) -> Result<Schedule> {
    let cron: Option<String> = row.get("cron")?;
    Ok(Schedule {
        schedule_id: parsed(row, "schedule_id")?,
        workspace_id: parsed(row, "workspace_id")?,
        name: parsed(row, "name")?,
        timing: match cron {
            Some(cron) => Timing::Cron { cron },
            None => Timing::Once { at: time(row, "at")? },
        },
        timezone: row.get("timezone")?,
        task: json(row, "task")?,
        enabled: row.get("enabled")?,
        next_slot: time_opt(row, "next_slot")?,
        held_up: row.get("held_up")?,
        created_by: row.get("created_by")?,
        created_at: time(row, "created_at")?,
    })
}

/// From a row of `schedule_slots`.
pub(super) fn slot(row: &Row<'_>) -> Result<Slot> {
    let status: String = row.get("status")?;
    let outcome = match status.as_str() {
        "run" => SlotOutcome::Run { task_id: parsed(row, "task_id")? },
        "missed" => SlotOutcome::Missed,
        "failed" => SlotOutcome::Failed { reason: row.get("reason")? },
        other => return Err(unreadable("status", format!("`{other}` is unknown"))),
    };
    Ok(Slot {
        schedule_id: parsed(row, "schedule_id")?,
        slot_at: time(row, "slot_at")?,
        outcome,
        recorded_at: time(row, "recorded_at")?,
    })
}

/// From rows with `path`, `hash`, `size` and `modified_at`.
pub(super) fn manifest(rows: &mut rusqlite::Rows<'_>) -> Result<Manifest> {
    let mut manifest = Manifest::default();
    while let Some(row) = rows.next()? {
        let path: RelPath = parsed(row, "path")?;
        let entry = FileEntry {
            hash: parsed(row, "hash")?,
            size: uint(row, "size")?,
            modified: time(row, "modified_at")?,
        };
        manifest.files.insert(path, entry);
    }
    Ok(manifest)
}
