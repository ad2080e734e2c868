//! `agentos approvals`.

use agentos_domain::{
    Decision, GrantScope, Proposal, ProposalId, ProposalKind, ProposalStatus, ToolGrant, escaped,
    shown,
};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::args::{ApprovalsCommand, LostOutcome};
use crate::client::{Client, part};
use crate::error::{CliError, Exit};
use crate::terminal::{Terminal, Tone};
use crate::text::{clean, minute, one_line, shorten};

/// The most proposals that a list and a search by the end of an id look at.
const PAGE: u32 = 100;

/// Proposals of either list.
#[derive(Deserialize)]
struct Page {
    #[serde(alias = "pending", alias = "items")]
    proposals: Vec<Proposal>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct GrantPage {
    items: Vec<ToolGrant>,
}

/// Runs a command about approvals.
pub(crate) async fn run(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    command: ApprovalsCommand,
) -> Result<Exit, CliError> {
    match command {
        ApprovalsCommand::List { all } => list(client, terminal, json, all).await?,
        ApprovalsCommand::Show { id } => {
            let proposal = find(client, &id).await?;
            show(terminal, json, &proposal)?;
        }
        ApprovalsCommand::Approve { id, scope, notes } => {
            let body = json!({ "scope": scope.unwrap_or(GrantScope::Once), "notes": notes });
            decide(client, terminal, json, &id, "approve", body).await?;
        }
        ApprovalsCommand::Reject { id, reason } => {
            decide(client, terminal, json, &id, "reject", json!({ "reason": reason })).await?;
        }
        ApprovalsCommand::Resolve { id, outcome, notes } => {
            let outcome = match outcome {
                LostOutcome::Done => "done",
                LostOutcome::Retry => "retry",
                LostOutcome::Abort => "abort",
            };
            let body = json!({ "outcome": outcome, "notes": notes });
            decide(client, terminal, json, &id, "resolve", body).await?;
        }
        ApprovalsCommand::Grants => grants(client, terminal, json).await?,
        ApprovalsCommand::Revoke { agent, tool } => {
            let path = format!("/api/approvals/grants/{}/{}", part(&agent), part(&tool));
            client.send(client.request(Method::DELETE, &path)).await?;
            terminal.say(Tone::Plain, &format!("{agent} is asked for {tool} again"))?;
        }
    }
    Ok(Exit::Ok)
}

async fn list(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    all: bool,
) -> Result<(), CliError> {
    let path = if all { "/api/approvals/history" } else { "/api/approvals" };
    let path = format!("{path}?limit={PAGE}");
    if json {
        let page: Value = client.get(&path).await?;
        return Ok(terminal.json(&page)?);
    }
    let page: Page = client.get(&path).await?;
    if page.proposals.is_empty() {
        let text = if all { "nothing was ever proposed" } else { "nothing waits for you" };
        return Ok(terminal.say(Tone::Dim, text)?);
    }
    for proposal in &page.proposals {
        if terminal.quiet() {
            terminal.line(&proposal.proposal_id.to_string())?;
            continue;
        }
        let width = terminal.width();
        terminal.line(&proposal.proposal_id.to_string())?;
        terminal.line(&format!("  {}", shorten(&proposal.title, width.saturating_sub(2))))?;
        let state = format!("  {}, {}", proposal.status, minute(proposal.created_at));
        terminal.line(&state)?;
    }
    if page.next_cursor.is_some() {
        terminal.say(Tone::Dim, "there are more; --json shows the cursor")?;
    }
    Ok(())
}

/// A proposal by its id, or by the end of the id of one that waits.
async fn find(client: &Client, id: &str) -> Result<Proposal, CliError> {
    if id.parse::<ProposalId>().is_ok() {
        return client.get(&format!("/api/approvals/{}", part(id))).await;
    }
    let end = id.strip_prefix("prop_").unwrap_or(id).to_ascii_lowercase();
    if end.len() < 4 || end.len() > 32 || !end.chars().all(|c| c.is_ascii_hexdigit()) {
        let message = format!("`{id}` is neither a proposal's id nor the end of one");
        return Err(CliError::usage(message, "agentos approvals list"));
    }
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/approvals?limit={PAGE}&cursor={cursor}");
        let page: Page = client.get(&path).await?;
        let ends = |one: &Proposal| one.proposal_id.to_string().ends_with(&end);
        found.extend(page.proposals.into_iter().filter(ends));
        match page.next_cursor {
            Some(next) => cursor = next,
            None => break,
        }
    }
    match (found.len(), found.pop()) {
        (1, Some(only)) => Ok(only),
        (0, _) | (_, None) => {
            let message = format!("no proposal that waits has an id that ends in {end}");
            Err(CliError::NotFound { message })
        }
        _ => Err(CliError::usage(format!("several ids end in {end}"), "more characters of the id")),
    }
}

/// Decides exactly the call that it shows: the hub refuses it for anything else.
async fn decide(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    id: &str,
    verb: &str,
    mut body: Value,
) -> Result<(), CliError> {
    let proposal = find(client, id).await?;
    if !json {
        let call = format!("{} {}", proposal.call.name, proposal.call.arguments);
        terminal.say(Tone::Dim, &clean(&call))?;
    }
    body["content_hash"] = json!(proposal.content_hash);
    let path = format!("/api/approvals/{}/{verb}", proposal.proposal_id);
    let request = client.request(Method::POST, &path).json(&body);
    if json {
        let decided: Value = client.json(request).await?;
        return Ok(terminal.json(&decided)?);
    }
    let decided: Proposal = client.json(request).await?;
    let done = match decided.decision.as_ref().map(Decision::as_str) {
        Some("approve") => "the call is made",
        Some("reject") => "the model is told why",
        Some("done") => "the task goes on with it as done",
        Some("retry") => "the call is made again",
        Some("abort") => "the task has ended",
        _ => "decided",
    };
    let tool = &decided.call.name;
    terminal.say(Tone::Plain, &format!("{tool}: {done}"))?;
    if decided.decision != Some(Decision::Abort) {
        let watch = format!("  watch the task: agentos task watch {}", decided.task_id);
        terminal.say(Tone::Dim, &watch)?;
    }
    Ok(())
}

fn show(terminal: &mut Terminal, json: bool, proposal: &Proposal) -> Result<(), CliError> {
    if json {
        return Ok(terminal.json(proposal)?);
    }
    let mut field = |name: &str, value: &str| terminal.line(&format!("{name:<11}{value}"));
    field("proposal", &proposal.proposal_id.to_string())?;
    field("what", &one_line(&proposal.title))?;
    field("status", proposal.status.as_str())?;
    field("task", &proposal.task_id.to_string())?;
    field("made", &minute(proposal.created_at))?;
    if let Some(time) = proposal.called_at {
        field("called", &minute(time))?;
    }
    if let Some(key) = &proposal.idempotency_key {
        field("its key", &one_line(key))?;
    }
    if let Some(time) = proposal.expires_at {
        field("denied at", &minute(time))?;
    }
    if let Some(reviewer) = &proposal.reviewer {
        field("decided by", &one_line(reviewer))?;
    }
    if let Some(notes) = &proposal.reviewer_notes {
        field("notes", &one_line(notes))?;
    }
    if !proposal.rationale.trim().is_empty() {
        // Set apart, so that nothing in it looks like a line of ours.
        terminal.line("\nThe model said:")?;
        for line in proposal.rationale.trim().lines() {
            terminal.line(&format!("  | {}", escaped(line)))?;
        }
    }
    reasons(terminal, proposal)?;
    let arguments = serde_json::to_string_pretty(&proposal.call.arguments).unwrap_or_default();
    terminal.line(&format!("\n{} {}", proposal.call.name, visible(&arguments)))?;
    if proposal.status == ProposalStatus::Pending {
        hints(terminal, proposal)?;
    }
    Ok(())
}

/// JSON with everything that a terminal would hide or obey written out.
fn visible(json: &str) -> String {
    let lines = json.lines().map(|line| escaped(line).replace("\\\\", "\\"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Why it is asked, each with the value that it is about; the arguments below
/// show the whole of what is cut here.
fn reasons(terminal: &mut Terminal, proposal: &Proposal) -> Result<(), CliError> {
    if !proposal.reasons.is_empty() {
        terminal.line("\nWhy this is asked:")?;
    }
    for reason in &proposal.reasons {
        let what = match (&reason.argument, &reason.value) {
            (Some(argument), Some(value)) => {
                format!("{} = {}: ", escaped(argument), shown(value).text)
            }
            _ => String::new(),
        };
        terminal.line(&format!("- {what}{}", one_line(&reason.message)))?;
    }
    Ok(())
}

/// What can be typed to decide.
fn hints(terminal: &mut Terminal, proposal: &Proposal) -> Result<(), CliError> {
    let id = &proposal.proposal_id;
    let ways: &[(&str, &str)] = match proposal.kind {
        ProposalKind::ToolCall => {
            &[("approve", " [--scope once|task|agent]"), ("reject", " --reason TEXT")]
        }
        ProposalKind::UnknownOutcome => &[
            ("resolve", " done    (it took effect)"),
            ("resolve", " retry   (make it again)"),
            ("resolve", " abort   (end the task)"),
        ],
    };
    terminal.say(Tone::Dim, "")?;
    for (verb, rest) in ways {
        terminal.say(Tone::Dim, &format!("agentos approvals {verb} {id}{rest}"))?;
    }
    Ok(())
}

async fn grants(client: &Client, terminal: &mut Terminal, json: bool) -> Result<(), CliError> {
    const PATH: &str = "/api/approvals/grants";
    if json {
        let page: Value = client.get(PATH).await?;
        return Ok(terminal.json(&page)?);
    }
    let page: GrantPage = client.get(PATH).await?;
    if page.items.is_empty() {
        return Ok(terminal.say(
            Tone::Dim,
            "nothing is granted for good: every call that needs it is asked for",
        )?);
    }
    for grant in &page.items {
        let (by, since) = (one_line(&grant.granted_by), minute(grant.granted_at));
        terminal.line(&format!("{} may call {}\n  by {by}, {since}", grant.agent, grant.tool))?;
    }
    Ok(())
}
