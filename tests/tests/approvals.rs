//! What waits for a person: it waits through crashes, is decided once, and then
//! exactly what was decided happens.

use std::sync::Arc;

use agentos_domain::{Entry, Proposal, ProposalKind, ProposalStatus, Task, TaskStatus};
use agentos_tests::harness::{
    Client, Edge, Hub, HubPorts, Place, Reply, Setup, System, check_whole, eventually,
};
use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const PROBED_EDGE: &str = env!("CARGO_BIN_EXE_probed-edge");
/// Tokens enough for a call of a tool.
const SHORT: u32 = 150;

async fn pending(client: &Client) -> Result<Vec<Proposal>> {
    let reply = client.send(client.request(Method::GET, "/api/approvals")).await?;
    Ok(serde_json::from_value(reply.json()?["pending"].take())?)
}

async fn decide(client: &Client, proposal: &Proposal, verb: &str, body: Value) -> Result<Reply> {
    let path = format!("/api/approvals/{}/{verb}", proposal.proposal_id);
    client.send(client.request(Method::POST, &path).json(&body)).await
}

/// A system whose task waits because the result of a `once` tool was lost.
async fn lost() -> Result<(System, Task, Proposal)> {
    let setup = Setup { probe_class: "once", ..Setup::new(HUB, PROBED_EDGE) };
    let mut system = System::start(setup).await?;
    system.probe.close()?;
    let task = system.submit(SHORT).await?;
    system.probe.called(1).await?;
    system.edge.kill()?;
    system.probe.open()?;
    system.restart_edge().await?;
    system.client.reaches(&task, TaskStatus::WaitingApproval).await?;
    let proposal = pending(&system.client).await?.pop().context("nothing waits")?;
    Ok((system, task, proposal))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_call_that_was_done_is_not_made_again() -> Result<()> {
    let (mut system, task, proposal) = lost().await?;
    assert_eq!((proposal.kind, &proposal.task_id), (ProposalKind::UnknownOutcome, &task.task_id));
    assert_eq!(proposal.idempotency_key.as_ref(), Some(&system.probe.calls()?[0]));
    assert!(proposal.called_at.is_some() && proposal.expires_at.is_none());
    // Nothing moves it but a person.
    system.hub.kill()?;
    system.restart_hub().await?;
    system.edge.kill()?;
    system.restart_edge().await?;
    assert_eq!(pending(&system.client).await?, std::slice::from_ref(&proposal));

    let body = json!({ "outcome": "done", "notes": "the list was printed" });
    let reply = decide(&system.client, &proposal, "resolve", body).await?;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let task = system.client.finished(&task).await?;
    let steps = system.client.steps(&task).await?;
    check_whole(&steps)?;
    assert_eq!(task.status, TaskStatus::Completed, "{steps:#?}");
    assert_eq!(system.probe.calls()?.len(), 1, "the tool was called again");
    system.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_call_is_made_again_when_a_person_says_so() -> Result<()> {
    let (system, task, proposal) = lost().await?;
    let reply = decide(&system.client, &proposal, "resolve", json!({ "outcome": "retry" })).await?;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let task = system.client.finished(&task).await?;
    assert_eq!(task.status, TaskStatus::Completed);
    let calls = system.probe.calls()?;
    assert_eq!((calls.len(), &calls[0]), (2, &calls[1]), "with the key that it had");
    check_whole(&system.client.steps(&task).await?)?;
    system.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_ended_at_a_lost_call() -> Result<()> {
    let (system, task, proposal) = lost().await?;
    let wrong = decide(&system.client, &proposal, "approve", json!({})).await?;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
    let reply = decide(&system.client, &proposal, "resolve", json!({ "outcome": "abort" })).await?;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let task = system.client.finished(&task).await?;
    assert_eq!(task.error.map(|error| error.code).as_deref(), Some("aborted"));
    assert_eq!(system.probe.calls()?.len(), 1);
    system.passed();
    Ok(())
}

/// An agent that is asked for each call that changes something.
const CAREFUL: &str = "\
name: Careful
description: Asks before it acts
tools: [file_list]
approval_required: true
system_prompt: Look with the tool, then answer.
";

/// A system with that agent, whose tool changes something.
async fn careful(notifications: &str) -> Result<System> {
    let place = Arc::new(Place::new()?);
    place.folder("agents")?;
    place.file("agents/careful.yaml", CAREFUL.as_bytes())?;
    let text = format!("agents: {{path: agents}}\n{notifications}");
    let config = place.file("agent_os.yaml", text.as_bytes())?;
    let args = ["--config", config.to_str().context("a strange path")?];
    let data = place.folder("hub")?;
    let mut hub = Hub::new(&place, HUB.as_ref(), data, HubPorts::free()?, &args);
    let client = hub.start().await?;
    let prepare = |edge: &mut Edge| edge.set_env("AGENT_OS_PROBE_CLASS", "idempotent".to_owned());
    System::with(place, hub, client, PROBED_EDGE.as_ref(), &[], prepare).await
}

async fn waiting(system: &System) -> Result<(Task, Proposal)> {
    let task = system.submit_to("Careful", SHORT).await?;
    system.client.reaches(&task, TaskStatus::WaitingApproval).await?;
    let mut pending = pending(&system.client).await?;
    pending.retain(|proposal| proposal.task_id == task.task_id);
    Ok((task, pending.pop().context("nothing waits")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_waits_through_crashes_and_is_decided_once() -> Result<()> {
    let mut system = careful("").await?;
    let (task, proposal) = waiting(&system).await?;
    assert_eq!(proposal.kind, ProposalKind::ToolCall);
    system.edge.works_on(&system.client, 0).await?;
    for _ in 0..5 {
        system.hub.kill()?;
        system.restart_hub().await?;
        ensure!(pending(&system.client).await? == std::slice::from_ref(&proposal));
    }
    assert!(system.probe.calls()?.is_empty(), "the tool was called before anybody agreed");

    let hash = json!({ "content_hash": "0".repeat(64) });
    let other = decide(&system.client, &proposal, "approve", hash).await?;
    assert_eq!(other.status, StatusCode::CONFLICT, "{other:?}");
    let (mut taken, mut late) = (0, 0);
    let yes = json!({ "notes": "go", "content_hash": proposal.content_hash });
    let no = json!({ "reason": "no" });
    let answers = tokio::try_join!(
        decide(&system.client, &proposal, "approve", yes.clone()),
        decide(&system.client, &proposal, "reject", no.clone()),
        decide(&system.client, &proposal, "approve", yes),
        decide(&system.client, &proposal, "reject", no),
    )?;
    for answer in [answers.0, answers.1, answers.2, answers.3] {
        match answer.status {
            StatusCode::OK => taken += 1,
            StatusCode::CONFLICT => late += 1,
            _ => panic!("{answer:?}"),
        }
    }
    assert_eq!((taken, late), (1, 3));
    let task = system.client.finished(&task).await?;
    let steps = system.client.steps(&task).await?;
    assert_eq!(task.status, TaskStatus::Completed, "{steps:#?}");
    check_whole(&steps)?;
    let decided = steps.iter().filter(|step| matches!(step.entry, Entry::Decided { .. }));
    assert_eq!(decided.count(), 1, "{steps:#?}");
    let path = format!("/api/approvals/{}", proposal.proposal_id);
    let reply = system.client.send(system.client.request(Method::GET, &path)).await?;
    let decided: Proposal = serde_json::from_value(reply.json()?)?;
    let calls = system.probe.calls()?.len();
    match decided.status {
        ProposalStatus::Applied => assert_eq!(calls, 1),
        ProposalStatus::Rejected => assert_eq!(calls, 0),
        other => panic!("{other}"),
    }
    system.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_for_good_is_not_asked_for_again_until_it_is_taken_back() -> Result<()> {
    let system = careful("").await?;
    let (task, proposal) = waiting(&system).await?;
    let reply = decide(&system.client, &proposal, "approve", json!({ "scope": "agent" })).await?;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    system.client.finished(&task).await?;
    let task = system.submit_to("Careful", SHORT).await?;
    let task = system.client.finished(&task).await?;
    assert_eq!(task.status, TaskStatus::Completed);
    assert_eq!(system.probe.calls()?.len(), 2);
    let grant = "/api/approvals/grants/Careful/file_list";
    let reply = system.client.send(system.client.request(Method::DELETE, grant)).await?;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{reply:?}");
    waiting(&system).await?;
    system.passed();
    Ok(())
}

/// Takes one request and answers it; its body.
async fn webhook(listener: &TcpListener) -> Result<Value> {
    let (mut stream, _) = listener.accept().await?;
    let mut request = Vec::new();
    let body = eventually("the webhook's body", async || {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await?;
        request.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&request);
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        Ok(body.and_then(|body| serde_json::from_str(&body).ok()))
    })
    .await?;
    stream.write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n").await?;
    Ok(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_of_what_waits_and_nothing_of_its_content() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hook", listener.local_addr()?);
    let system = careful(&format!("notifications: {{webhook_url: '{url}'}}\n")).await?;
    let (told, waiting) = tokio::try_join!(webhook(&listener), waiting(&system))?;
    let (task, proposal) = waiting;
    assert_eq!(told["event"], "proposal_created");
    assert_eq!(told["proposal_id"], json!(proposal.proposal_id));
    assert_eq!(told["task_id"], json!(task.task_id));
    assert!(!told.to_string().contains("probe"), "an argument left the hub: {told}");
    system.passed();
    Ok(())
}
