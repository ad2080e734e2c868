//! The person who decides what waits: approves, refuses, and says what became
//! of calls whose outcome is unknown, by looking at the world.

use std::collections::HashMap;
use std::time::Duration;

use agentos_domain::{Proposal, ProposalId, ProposalKind};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::history::{Answer, Sent};
use super::load::Shared;
use super::random::Random;

/// Between two looks at the queue.
const LOOK: Duration = Duration::from_millis(150);
/// How many looks a proposal may be left alone.
const PATIENCE: u64 = 8;

/// A decision, and how it is sent.
struct Choice {
    word: &'static str,
    verb: &'static str,
    body: Value,
}

impl Choice {
    fn new(word: &'static str, proposal: &Proposal) -> Self {
        let (verb, mut body) = match word {
            "approve" => ("approve", json!({ "notes": "go" })),
            "reject" => ("reject", json!({ "reason": "not now" })),
            outcome => ("resolve", json!({ "outcome": outcome })),
        };
        body["content_hash"] = json!(proposal.content_hash);
        Self { word, verb, body }
    }
}

/// Decides what waits, for as long as it is polled.
pub(crate) async fn decide_all(shared: Shared) {
    let mut looks: HashMap<ProposalId, u64> = HashMap::new();
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(mut page) = shared.get("/api/approvals?limit=100").await else { continue };
        let pending: Vec<Proposal> =
            serde_json::from_value(page["pending"].take()).unwrap_or_default();
        for proposal in pending {
            let look = looks.entry(proposal.proposal_id.clone()).or_default();
            *look += 1;
            let mut random = of(&proposal);
            if *look > random.between(0, PATIENCE) {
                decide(&shared, &proposal, &mut random).await;
            }
        }
    }
}

/// What is drawn for a proposal does not depend on when it is looked at.
fn of(proposal: &Proposal) -> Random {
    let number = proposal.call.arguments.to_string();
    let number = number.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(33) + u64::from(byte));
    Random::new(number, 4_000_000)
}

async fn decide(shared: &Shared, proposal: &Proposal, random: &mut Random) {
    let word = match proposal.kind {
        ProposalKind::ToolCall if random.chance(65) => "approve",
        ProposalKind::ToolCall => "reject",
        ProposalKind::UnknownOutcome => {
            let key = proposal.idempotency_key.as_deref().unwrap_or_default();
            if shared.effects.seen(key) { "done" } else { "retry" }
        }
    };
    let choice = Choice::new(word, proposal);
    let mut after_taken = false;
    if proposal.kind == ProposalKind::ToolCall && random.chance(40) {
        // Two people at once, who disagree.
        let other = if word == "approve" { "reject" } else { "approve" };
        let other = Choice::new(other, proposal);
        let answers = tokio::join!(
            send(shared, proposal, &choice, false),
            send(shared, proposal, &other, false)
        );
        after_taken |= answers.0 == Answer::Taken || answers.1 == Answer::Taken;
    } else {
        after_taken |= send(shared, proposal, &choice, false).await == Answer::Taken;
    }
    if after_taken && random.chance(50) {
        // A late one, which must not be taken.
        send(shared, proposal, &choice, true).await;
    }
}

async fn send(shared: &Shared, proposal: &Proposal, choice: &Choice, after_taken: bool) -> Answer {
    let path = format!("/api/approvals/{}/{}", proposal.proposal_id, choice.verb);
    let request = shared.request(Method::POST, &path).json(&choice.body);
    let answer = match shared.answer(request).await.map(|reply| reply.status) {
        None => Answer::None,
        Some(StatusCode::OK) => Answer::Taken,
        Some(StatusCode::CONFLICT) => Answer::Late,
        Some(status) => Answer::Other(status.as_u16()),
    };
    let (proposal, word) = (proposal.proposal_id.clone(), choice.word.to_owned());
    shared.history().sent.push(Sent { proposal, word, answer, after_taken });
    answer
}
