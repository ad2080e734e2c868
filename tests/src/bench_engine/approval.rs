//! From a person's approval to the start of the tool.

use std::time::Duration;

use agentos_domain::{Proposal, TaskStatus};
use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::filler::clock;
use super::options::Sizes;
use super::restart::SHORT;
use crate::bench::Samples;
use crate::harness::{DEADLINE, System};

/// Between two looks at the calls that the tool has noted.
const LOOK: Duration = Duration::from_micros(500);

/// Milliseconds to the tool's first act.
#[derive(Debug, Default)]
pub(super) struct Approvals {
    /// From the API's answer; nothing where the tool was faster than that.
    pub(super) from_answer: Samples,
    /// From the sending of the request.
    pub(super) from_request: Samples,
}

pub(super) async fn measure(system: &System, sizes: Sizes) -> Result<Approvals> {
    let mut approvals = Approvals::default();
    for _ in 0..sizes.approvals {
        round(system, &mut approvals).await.context("an approval")?;
    }
    Ok(approvals)
}

async fn round(system: &System, approvals: &mut Approvals) -> Result<()> {
    let (client, clock) = (&system.client, clock());
    let task = system.submit_to("Careful", SHORT).await?;
    client.reaches(&task, TaskStatus::WaitingApproval).await?;
    let reply = client.send(client.request(Method::GET, "/api/approvals")).await?;
    let waiting: Vec<Proposal> = serde_json::from_value(reply.json()?["pending"].take())?;
    let proposal = waiting.into_iter().find(|proposal| proposal.task_id == task.task_id);
    let proposal = proposal.context("nothing waits")?;
    let path = format!("/api/approvals/{}/approve", proposal.proposal_id);
    let calls = system.probe.calls()?.len();

    let sent = clock.monotonic();
    let approve = async {
        let request = client.request(Method::POST, &path).json(&json!({}));
        let reply = client.send(request).await?;
        ensure!(reply.status == StatusCode::OK, "{reply:?}");
        Ok(clock.monotonic())
    };
    let start = async {
        while system.probe.calls()?.len() == calls {
            let waited = clock.monotonic().saturating_sub(sent);
            ensure!(waited < DEADLINE, "the tool was not called");
            tokio::time::sleep(LOOK).await;
        }
        Ok(clock.monotonic())
    };
    let (answered, started) = tokio::try_join!(approve, start)?;
    approvals.from_answer.push_ms(started.saturating_sub(answered));
    approvals.from_request.push_ms(started.saturating_sub(sent));
    client.finished(&task).await?;
    Ok(())
}
