//! Schedules across crashes: each of their times becomes one task, however
//! often the hub is killed around it.

use std::collections::BTreeSet;
use std::time::Duration;

use agentos_domain::{Clock as _, Schedule, Slot, SlotOutcome, SystemClock, TaskStatus, Timestamp};
use agentos_tests::harness::{Client, Setup, System, eventually};
use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const PROBED_EDGE: &str = env!("CARGO_BIN_EXE_probed-edge");
/// Tokens enough for a call of a tool.
const SHORT: u32 = 150;
/// How many single times there are, one after the other.
const TIMES: usize = 12;
/// Between them: less than a start of the hub takes, so that many are due when
/// it is back.
const APART: Duration = Duration::from_millis(400);
/// How often the hub is killed while they pass.
const KILLS: usize = 8;

async fn add(client: &Client, body: &Value) -> Result<Schedule> {
    let reply = client.send(client.request(Method::POST, "/api/schedules").json(body)).await?;
    ensure!(reply.status == StatusCode::CREATED, "{reply:?}");
    let mut value: Value = reply.json()?;
    // The API's words for tiers are its own.
    value["task"]["tier"].take();
    Ok(serde_json::from_value(value)?)
}

async fn once(client: &Client, name: &str, at: Timestamp, task: &Value) -> Result<Schedule> {
    add(client, &json!({ "name": name, "at": at, "task": task })).await
}

async fn slots(client: &Client, of: &Schedule) -> Result<Vec<Slot>> {
    let path = format!("/api/schedules/{}/slots?limit=100", of.schedule_id);
    let reply = client.send(client.request(Method::GET, &path)).await?;
    ensure!(reply.status == StatusCode::OK, "{reply:?}");
    Ok(serde_json::from_value(reply.json()?["items"].take())?)
}

fn asked(input: &str) -> Value {
    json!({ "input": input, "tool_choice": "file_list", "max_tokens": SHORT,
        "temperature": 0, "seed": 1 })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_time_becomes_one_task_however_often_the_hub_is_killed() -> Result<()> {
    let mut system = System::start(Setup::new(HUB, PROBED_EDGE)).await?;
    let now = SystemClock.now();
    // One is due already, the others while the hub is killed again and again.
    let past = Timestamp::from_millis(now.millis() - 1000);
    let first = once(&system.client, "past", past, &asked("Which files are there?")).await?;
    let mut schedules = vec![first];
    for number in 1..=TIMES {
        let at = now.plus(APART * u32::try_from(number)?);
        let name = format!("time-{number}");
        schedules.push(once(&system.client, &name, at, &asked("And now?")).await?);
    }
    // One that never comes about, which must not be disturbed by all that.
    let rare = json!({ "name": "rare", "cron": "0 3 29 2 *", "timezone": "Europe/Berlin",
        "task": { "input": "It is a leap year." } });
    let rare = add(&system.client, &rare).await?;
    for _ in 0..KILLS {
        system.hub.kill()?;
        system.restart_hub().await?;
    }
    let mut tasks = BTreeSet::new();
    for schedule in &schedules {
        let slots = eventually("the slot's row", async || {
            Ok(Some(slots(&system.client, schedule).await?).filter(|slots| !slots.is_empty()))
        })
        .await?;
        ensure!(slots.len() == 1 && Some(slots[0].slot_at) == schedule.next_slot, "{slots:?}");
        let SlotOutcome::Run { task_id } = &slots[0].outcome else { panic!("{slots:?}") };
        ensure!(tasks.insert(task_id.clone()), "one task for two slots");
    }
    let all = system.client.tasks().await?;
    let made: BTreeSet<_> = all.iter().map(|task| task.task_id.clone()).collect();
    assert_eq!(made, tasks, "a task that is of no slot");
    for task in &all {
        let done = system.client.finished(task).await?;
        assert_eq!(done.status, TaskStatus::Completed, "{done:#?}");
        let key = done.idempotency_key.context("no key")?;
        ensure!(schedules.iter().any(|one| key.starts_with(&one.schedule_id.to_string())), "{key}");
    }
    let path = format!("/api/schedules/{}", rare.schedule_id);
    let reply = system.client.send(system.client.request(Method::GET, &path)).await?;
    assert_eq!(reply.json()?["next_slot"], json!(rare.next_slot));
    assert_eq!(slots(&system.client, &rare).await?, []);
    system.passed();
    Ok(())
}
