//! `kill -9` at every kind of event of a run, not only in the long ones: wherever
//! it hits, the task completes, and its journal is whole.

use agentos_domain::{Entry, Task};
use agentos_tests::harness::{Event, Setup, System, check_continued, check_whole};
use anyhow::{Context as _, Result, ensure};

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const PROBED_EDGE: &str = env!("CARGO_BIN_EXE_probed-edge");
/// Tokens enough for a call of a tool.
const SHORT: u32 = 150;

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Edge,
    Hub,
    Both,
}

/// When, as a name and a test of events.
type Moment = (&'static str, fn(&Event) -> bool);

const MOMENTS: [Moment; 8] = [
    ("accepted", |event| event.kind == "status"),
    ("running", |event| event.kind == "status" && event.data["status"] == "running"),
    ("the first model call", |event| event.kind == "model_started" && event.place.seq == 0),
    ("the first step", |event| event.kind == "step" && event.place.seq == 1),
    ("the tool", |event| event.kind == "tool_started"),
    ("the tool's result", |event| event.kind == "step" && event.place.seq == 3),
    ("the second model call", |event| event.kind == "token" && event.place.seq == 3),
    ("the end", Event::is_final),
];

async fn kill_at_every_event(victim: Victim) -> Result<()> {
    // Longer than any wait of the harness: nothing here may rely on a lease's end.
    let setup = Setup { hub_args: &["--lease-seconds", "600"], ..Setup::new(HUB, PROBED_EDGE) };
    let mut system = System::start(setup).await?;
    for moment in MOMENTS {
        round(&mut system, victim, moment).await.with_context(|| format!("at {}", moment.0))?;
    }
    system.passed();
    Ok(())
}

async fn round(system: &mut System, victim: Victim, moment: Moment) -> Result<()> {
    let task = system.submit(SHORT).await?;
    // A run may be faster than its watcher: then this is a later moment.
    let mut watch = system.client.watch(&task);
    watch.until(moment.0, |event| (moment.1)(event) || event.is_final()).await?;
    let seen = watch.steps()?;
    if victim != Victim::Hub {
        system.edge.kill()?;
    }
    if victim != Victim::Edge {
        system.hub.kill()?;
        system.restart_hub().await?;
    }
    if victim != Victim::Hub {
        system.restart_edge().await?;
    }
    let done = system.client.finished(&task).await?;
    let steps = system.client.steps(&task).await?;
    ensure!(done.status == agentos_domain::TaskStatus::Completed, "{done:#?} {steps:#?}");
    check_continued(&seen, &steps)?;
    check_calls(system, &task).await
}

/// The call was made, and never without a line in the journal.
async fn check_calls(system: &System, task: &Task) -> Result<()> {
    let steps = system.client.steps(task).await?;
    let counts = check_whole(&steps)?;
    ensure!(counts.model_replies == 2 && counts.tool_results == 1, "{steps:#?}");
    let key = steps.iter().find_map(|step| match &step.entry {
        Entry::ToolIntent { idempotency_key, .. } => Some(idempotency_key.clone()),
        _ => None,
    });
    let calls = system.probe.calls()?.iter().filter(|call| Some(*call) == key.as_ref()).count();
    let announced = counts.tool_intents + counts.tool_retries;
    ensure!((1..=announced).contains(&calls), "{calls} calls: {steps:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_dies_at_every_event() -> Result<()> {
    kill_at_every_event(Victim::Edge).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_dies_at_every_event() -> Result<()> {
    kill_at_every_event(Victim::Hub).await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_die_at_every_event() -> Result<()> {
    kill_at_every_event(Victim::Both).await
}
