//! The approval queue: what waits for a person, and what was decided.

use agentos_domain::{
    AgentName, AskReason, Decision, Entry, ErrorInfo, Fence, GrantScope, Journal, Phase, Proposal,
    ProposalId, ProposalKind, ProposalStatus, Step, Task, TaskId, Timestamp, ToolCall, ToolClass,
    ToolGrant, ToolName, WorkspaceId, call_hash,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use super::rows;
use super::tasks::{self, Stored};
use super::{audit, journal};
use crate::{Append, ProposalFilter, Resolution, Resolved, StoreError};

/// Who decides where nobody did in time.
const NOBODY: &str = "system";

/// What an entry asks a person.
struct Question<'a> {
    kind: ProposalKind,
    call: &'a ToolCall,
    class: ToolClass,
    reasons: &'a [AskReason],
    idempotency_key: Option<&'a str>,
}

fn question<'a>(entry: &'a Entry, before: &'a Phase) -> Option<Question<'a>> {
    match (entry, before) {
        (Entry::ApprovalAsked { call, class, reasons }, _) => Some(Question {
            kind: ProposalKind::ToolCall,
            call,
            class: *class,
            reasons,
            idempotency_key: None,
        }),
        (Entry::ToolUnknown { .. }, Phase::Effect { call, class, idempotency_key }) => {
            Some(Question {
                kind: ProposalKind::UnknownOutcome,
                call,
                class: *class,
                reasons: &[],
                idempotency_key: Some(idempotency_key),
            })
        }
        _ => None,
    }
}

/// Puts the question of an entry into the queue. `before` is the phase that
/// the entry met.
pub(super) fn ask(
    conn: &Connection,
    task: &Task,
    entry: &Entry,
    before: &Phase,
    append: &Append,
) -> Result<Option<Proposal>, Fault> {
    let Some(asked) = question(entry, before) else { return Ok(None) };
    let (title, rationale, called_at) = match asked.kind {
        ProposalKind::ToolCall => {
            let title = format!("{} wants to call {}", task.agent_type, asked.call.name);
            (title, last_words(conn, &task.task_id)?, None)
        }
        ProposalKind::UnknownOutcome => {
            let title =
                format!("{} called {}; its result is lost", task.agent_type, asked.call.name);
            let rationale = "the call was announced, and its executor was lost before it \
                reported a result: the call may have had its effect, or not";
            (title, rationale.to_owned(), announced_at(conn, &task.task_id)?)
        }
    };
    let expires_at = append
        .approval_ttl
        .filter(|_| asked.kind == ProposalKind::ToolCall)
        .map(|ttl| append.now.plus(ttl).millis());
    let mut statement = conn.prepare_cached(
        "INSERT INTO approval_queue (proposal_id, workspace_id, type, status, title, rationale,
             task_id, agent_name, call, class, content_hash, idempotency_key, called_at,
             created_at, expires_at, reasons)
         VALUES (?1, ?2, ?3, 'pending', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
         RETURNING *",
    )?;
    let row = params![
        ProposalId::generate().to_string(),
        task.workspace_id.as_str(),
        asked.kind.as_str(),
        title,
        rationale,
        task.task_id.to_string(),
        task.agent_type.as_str(),
        serde_json::to_string(asked.call)?,
        serde_json::to_string(&asked.class)?,
        call_hash(asked.call).to_string(),
        asked.idempotency_key,
        called_at.map(Timestamp::millis),
        append.now.millis(),
        expires_at,
        serde_json::to_string(asked.reasons)?,
    ];
    Ok(Some(statement.query_row(row, rows::proposal)?))
}

/// What the model said when it asked for its last calls.
fn last_words(conn: &Connection, task: &TaskId) -> Result<String, Fault> {
    let entry: Option<Entry> = conn
        .prepare_cached(
            "SELECT entry FROM steps WHERE task_id = ?1 AND kind = 'model_reply'
             ORDER BY seq DESC LIMIT 1",
        )?
        .query_row([task.to_string()], |row| rows::json(row, "entry"))
        .optional()?;
    Ok(match entry {
        Some(Entry::ModelReply { text, .. }) => text,
        _ => String::new(),
    })
}

fn announced_at(conn: &Connection, task: &TaskId) -> Result<Option<Timestamp>, Fault> {
    let at: Option<i64> = conn
        .prepare_cached(
            "SELECT recorded_at FROM steps WHERE task_id = ?1 AND kind = 'tool_intent'
             ORDER BY seq DESC LIMIT 1",
        )?
        .query_row([task.to_string()], |row| row.get(0))
        .optional()?;
    Ok(at.map(Timestamp::from_millis))
}

/// Notes that what was approved for a task has come about.
pub(super) fn came_about(conn: &Connection, task: &TaskId, now: Timestamp) -> Result<(), Fault> {
    conn.prepare_cached(
        "UPDATE approval_queue SET status = 'applied', applied_at = ?2
         WHERE status = 'approved'
             AND position = (SELECT max(position) FROM approval_queue WHERE task_id = ?1)",
    )?
    .execute(params![task.to_string(), now.millis()])?;
    Ok(())
}

/// Closes what a task that ends leaves behind: a question that nobody answered,
/// and an approval that nothing came of. Nobody need be told: the task's end is.
pub(super) fn withdraw(conn: &Connection, task: &TaskId, now: Timestamp) -> Result<(), Fault> {
    conn.prepare_cached(
        "UPDATE approval_queue SET status = 'expired', told = 'expired', reviewer = ?2,
             reviewed_at = ?3, reviewer_notes = 'the task ended before anybody decided'
         WHERE task_id = ?1 AND status = 'pending'",
    )?
    .execute(params![task.to_string(), NOBODY, now.millis()])?;
    void(conn, task)
}

/// Closes an approval that nothing comes of.
pub(super) fn void(conn: &Connection, task: &TaskId) -> Result<(), Fault> {
    conn.prepare_cached(
        "UPDATE approval_queue SET status = 'expired', told = 'expired'
         WHERE task_id = ?1 AND status = 'approved'",
    )?
    .execute([task.to_string()])?;
    Ok(())
}

pub(super) fn list(
    conn: &Connection,
    ws: &WorkspaceId,
    filter: &ProposalFilter,
) -> Result<Vec<Proposal>, Fault> {
    let before: i64 = match &filter.before {
        None => i64::MAX,
        Some(id) => conn
            .prepare_cached(
                "SELECT position FROM approval_queue WHERE proposal_id = ?1 AND workspace_id = ?2",
            )?
            .query_row([&id.to_string(), ws.as_str()], |row| row.get(0))
            .optional()?
            .ok_or(StoreError::UnknownCursor)?,
    };
    let mut statement = conn.prepare_cached(
        "SELECT * FROM approval_queue WHERE workspace_id = ?1 AND position < ?2
             AND (?3 IS NULL OR status = ?3)
         ORDER BY position DESC LIMIT ?4",
    )?;
    let status = filter.status.map(ProposalStatus::as_str);
    let page = params![ws.as_str(), before, status, filter.limit];
    let proposals = statement.query_map(page, rows::proposal)?.collect::<Result<_, _>>()?;
    Ok(proposals)
}

pub(super) fn by_id(
    conn: &Connection,
    ws: &WorkspaceId,
    id: &ProposalId,
) -> Result<Option<Proposal>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM approval_queue WHERE proposal_id = ?1 AND workspace_id = ?2",
    )?;
    Ok(statement.query_row([&id.to_string(), ws.as_str()], rows::proposal).optional()?)
}

/// Decides a proposal: the one place where a row leaves `pending` by a decision.
pub(super) fn resolve(
    conn: &Connection,
    ws: &WorkspaceId,
    id: &ProposalId,
    resolution: &Resolution,
    now: Timestamp,
) -> Result<Option<Resolved>, Fault> {
    let Some(proposal) = by_id(conn, ws, id)? else { return Ok(None) };
    refuse_wrong(&proposal, resolution)?;
    let decision = &resolution.decision;
    let status = decision.status();
    let applied_at = (status == ProposalStatus::Applied).then_some(now);
    let decided = conn
        .prepare_cached(
            "UPDATE approval_queue SET status = ?2, decision = ?3, reviewer = ?4,
                 reviewer_notes = ?5, reviewed_at = ?6, applied_at = ?7
             WHERE proposal_id = ?1 AND status = 'pending'",
        )?
        .execute(params![
            id.to_string(),
            status.as_str(),
            serde_json::to_string(decision)?,
            resolution.reviewer,
            resolution.notes,
            now.millis(),
            applied_at.map(Timestamp::millis),
        ])?;
    if decided != 1 {
        return Err(StoreError::internal(format!("{id} was pending and then was not")).into());
    }
    let (task, step) = go_on(conn, &proposal, resolution, now)?;
    if let Decision::Approve { scope: GrantScope::Agent } = decision {
        grant(conn, &proposal, &resolution.reviewer, now)?;
    }
    let subject = id.to_string();
    let why = resolution.notes.as_deref();
    audit::note(conn, ws, now, &resolution.reviewer, decision.as_str(), &subject, why)?;
    let proposal =
        by_id(conn, ws, id)?.ok_or_else(|| StoreError::internal(format!("{id} is missing")))?;
    Ok(Some(Resolved { proposal, task, step }))
}

fn refuse_wrong(proposal: &Proposal, resolution: &Resolution) -> Result<(), StoreError> {
    if proposal.status != ProposalStatus::Pending {
        return Err(StoreError::AlreadyDecided { status: proposal.status.as_str() });
    }
    if !resolution.decision.answers(proposal.kind) {
        return Err(StoreError::WrongDecision {
            decision: resolution.decision.as_str(),
            kind: proposal.kind.as_str(),
        });
    }
    if resolution.content_hash.is_some_and(|hash| hash != proposal.content_hash) {
        return Err(StoreError::ContentDiffers);
    }
    Ok(())
}

/// Writes the decision into the journal, and queues the task again or ends it.
fn go_on(
    conn: &Connection,
    proposal: &Proposal,
    resolution: &Resolution,
    now: Timestamp,
) -> Result<(Task, Step), Fault> {
    let id = &proposal.task_id;
    let entry = match &resolution.decision {
        Decision::Abort => Entry::Failed { error: aborted(proposal, resolution) },
        decision => Entry::Decided {
            call_id: proposal.call.id.clone(),
            decision: decision.clone(),
            by: resolution.reviewer.clone(),
        },
    };
    let mut journal = Journal::replay(journal::entries(conn, id)?).map_err(journal::conflict)?;
    journal.push(entry.clone()).map_err(journal::conflict)?;
    let Stored { task, fence, .. } = tasks::existing(conn, id)?;
    // The number of the lease grows, so that a late writer is recognised.
    let fence = Fence(fence.0.saturating_add(1));
    journal::write_by_hub(conn, task, fence, entry, now)
}

fn aborted(proposal: &Proposal, resolution: &Resolution) -> ErrorInfo {
    let tool = &proposal.call.name;
    let why = resolution.notes.as_deref().map(|notes| format!(": {notes}")).unwrap_or_default();
    ErrorInfo::new("aborted", format!("ended after the result of {tool} was lost{why}"))
}

fn grant(
    conn: &Connection,
    proposal: &Proposal,
    reviewer: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO tool_grants
             (workspace_id, agent_name, tool, proposal_id, granted_by, granted_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        proposal.workspace_id.as_str(),
        proposal.agent.as_str(),
        proposal.call.name.as_str(),
        proposal.proposal_id.to_string(),
        reviewer,
        now.millis(),
    ])?;
    Ok(())
}

/// Denies what nobody decided in time.
pub(super) fn expire(conn: &Connection, now: Timestamp) -> Result<Vec<Resolved>, Fault> {
    let due = conn
        .prepare_cached(
            "SELECT * FROM approval_queue WHERE status = 'pending' AND expires_at <= ?1
             ORDER BY expires_at",
        )?
        .query_map([now.millis()], rows::proposal)?
        .collect::<Result<Vec<_>, _>>()?;
    let denied = Resolution {
        decision: Decision::Expire,
        reviewer: NOBODY.to_owned(),
        notes: None,
        content_hash: None,
    };
    let mut expired = Vec::new();
    for proposal in due {
        let id = &proposal.proposal_id;
        expired.extend(resolve(conn, &proposal.workspace_id, id, &denied, now)?);
    }
    Ok(expired)
}

pub(super) fn grants(conn: &Connection, ws: &WorkspaceId) -> Result<Vec<ToolGrant>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM tool_grants WHERE workspace_id = ?1 ORDER BY agent_name, tool",
    )?;
    let grants = statement.query_map([ws.as_str()], rows::tool_grant)?;
    Ok(grants.collect::<Result<_, _>>()?)
}

/// The tools that an agent may call without being asked for.
pub(super) fn granted(
    conn: &Connection,
    ws: &WorkspaceId,
    agent: &AgentName,
) -> Result<Vec<ToolName>, Fault> {
    let grants = grants(conn, ws)?.into_iter();
    Ok(grants.filter(|grant| grant.agent == *agent).map(|grant| grant.tool).collect())
}

pub(super) fn revoke_grant(
    conn: &Connection,
    ws: &WorkspaceId,
    agent: &AgentName,
    tool: &ToolName,
    by: &str,
    now: Timestamp,
) -> Result<bool, Fault> {
    let revoked = conn
        .prepare_cached(
            "DELETE FROM tool_grants WHERE workspace_id = ?1 AND agent_name = ?2 AND tool = ?3",
        )?
        .execute([ws.as_str(), agent.as_str(), tool.as_str()])?;
    if revoked == 1 {
        audit::note(conn, ws, now, by, "revoke_grant", &format!("{agent}/{tool}"), None)?;
    }
    Ok(revoked == 1)
}

/// Proposals whose state those who are to be told have not been told.
pub(super) fn untold(conn: &Connection, limit: u32) -> Result<Vec<Proposal>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM approval_queue
         WHERE told IS NOT status AND status IN ('pending', 'expired')
         ORDER BY position LIMIT ?1",
    )?;
    let untold = statement.query_map([limit], rows::proposal)?.collect::<Result<_, _>>()?;
    Ok(untold)
}

pub(super) fn told(
    conn: &Connection,
    id: &ProposalId,
    status: ProposalStatus,
) -> Result<(), Fault> {
    conn.prepare_cached("UPDATE approval_queue SET told = ?2 WHERE proposal_id = ?1")?
        .execute([&id.to_string(), status.as_str()])?;
    Ok(())
}
