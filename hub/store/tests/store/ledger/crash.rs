//! What is left of the ledger when its process is killed.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use agentos_domain::{CallId, NanoUsd};
use agentos_store::{Admission, BudgetScope, CallOutcome, CallRecord, Ledger, SqliteStore};
use tokio::task::JoinSet;

use crate::fixture::{at, budget, model_call, settlement, sqlite, ws};

/// Where the process that is killed finds its folder.
const FOLDER: &str = "AGENTOS_LEDGER_TEST";
const LIMIT: i64 = 1_000_000_000;

/// Not a test: the process that is killed. It says what was answered, for that
/// is what it may rely on: `reserved <id> <amount>`, `settled <id> <cost>`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it runs until it is killed, by `a_killed_hub_counts_all_that_may_have_been_spent`"]
async fn the_hub_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = Arc::new(sqlite(Path::new(&folder)).await);
    store.set_budget(budget(BudgetScope::Key("ann".into()), LIMIT), at(0)).await.unwrap();
    // The harness has begun a line.
    println!();
    let never_settled = model_call("a", "ann", 777, 0);
    store.reserve_call(never_settled.clone(), None).await.unwrap();
    println!("reserved {} 777", never_settled.id);
    let mut workers = JoinSet::new();
    for worker in 1..=8 {
        let store = Arc::clone(&store);
        workers.spawn(async move {
            for number in 0.. {
                let call = model_call("a", "ann", worker * 1000 + number % 1000, 0);
                let answer = store.reserve_call(call.clone(), None).await.unwrap();
                if answer != Admission::Admitted {
                    std::future::pending::<()>().await;
                }
                println!("reserved {} {}", call.id, call.reserved.0);
                let cost = call.reserved.0 / 2;
                store.settle_call(settlement(&call, cost, 1)).await.unwrap();
                println!("settled {} {cost}", call.id);
            }
        });
    }
    workers.join_all().await;
}

/// What the process that was killed had been told: what was reserved for each
/// call and, where it was settled, what it cost.
type Told = HashMap<CallId, (i64, Option<i64>)>;

/// Starts that process and kills it when it has said `lines` lines.
fn run_and_kill(folder: &Path, lines: usize) -> Told {
    let mut hub = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ledger::crash::the_hub_that_is_killed", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = Told::new();
    let mut heard = 0;
    for line in BufReader::new(hub.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        // The last line may be cut off.
        let (Some(id), Some(amount)) = (
            words.get(1).and_then(|id| id.parse().ok()),
            words.get(2).and_then(|n| n.parse().ok()),
        ) else {
            continue;
        };
        match words[0] {
            "reserved" => drop(told.insert(id, (amount, None))),
            "settled" => told.get_mut(&id).unwrap().1 = Some(amount),
            other => panic!("{other}"),
        }
        heard += 1;
        if heard == lines {
            hub.kill().unwrap();
        }
    }
    hub.wait().unwrap();
    assert!(heard >= lines, "it ended by itself after {heard} lines");
    told
}

async fn all_calls(store: &SqliteStore) -> HashMap<CallId, CallRecord> {
    let calls = store.calls(&ws("a"), None, 1_000_000).await.unwrap();
    calls.into_iter().map(|kept| (kept.call.id.clone(), kept)).collect()
}

#[tokio::test]
async fn a_killed_hub_counts_all_that_may_have_been_spent() {
    for lines in [1, 2, 9, 30, 77, 150, 400] {
        let folder = tempfile::tempdir().unwrap();
        let told = run_and_kill(folder.path(), lines);
        let store = sqlite(folder.path()).await;
        let lost = store.recover_calls(at(5)).await.unwrap();
        assert!(lost >= 1, "one was never settled");
        let calls = all_calls(&store).await;
        for (id, (reserved, cost)) in &told {
            let end = calls[id].settled.as_ref().unwrap();
            match (end.outcome, cost) {
                (CallOutcome::Lost, None) => assert_eq!(end.cost.0, *reserved),
                // The answer was lost, or not heard.
                (CallOutcome::Completed, None) => assert_eq!(end.cost.0, reserved / 2),
                (CallOutcome::Completed, Some(cost)) => assert_eq!(end.cost.0, *cost),
                other => panic!("{id}: {other:?}"),
            }
        }
        let spent: i64 = calls.values().map(|call| call.settled.as_ref().unwrap().cost.0).sum();
        let at_least: i64 =
            told.values().map(|(reserved, cost)| cost.unwrap_or(reserved / 2)).sum();
        assert!(spent >= at_least && spent <= LIMIT, "{spent}");
        for scope in [BudgetScope::Installation, BudgetScope::Key("ann".into())] {
            let spend = store.spend_of(&scope, at(5)).await.unwrap();
            assert_eq!((spend.settled, spend.reserved), (NanoUsd(spent), NanoUsd(0)));
            assert_eq!(spend.calls, calls.len() as u64);
        }
        // A second start finds nothing more.
        assert_eq!(store.recover_calls(at(6)).await.unwrap(), 0);
        assert_eq!(all_calls(&store).await, calls);
    }
}

#[tokio::test]
async fn sums_that_are_wrong_are_corrected_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path()).await;
    let call = model_call("a", "ann", 100, 0);
    store.reserve_call(call.clone(), None).await.unwrap();
    store.settle_call(settlement(&call, 60, 1)).await.unwrap();
    let lost = model_call("b", "bob", 7, 0);
    store.reserve_call(lost, None).await.unwrap();
    drop(store);
    let database = rusqlite::Connection::open(folder.path().join("hub.db")).unwrap();
    database
        .execute_batch(
            "UPDATE spend SET settled_nano = 1, calls = 9 WHERE scope_kind = 'installation';
             UPDATE spend SET reserved_nano = 500 WHERE scope_id = 'ann';
             DELETE FROM spend WHERE scope_id = 'a';
             INSERT INTO spend SELECT period, 'key', 'nobody', 5, 5, 5 FROM spend LIMIT 1;",
        )
        .unwrap();
    database.close().unwrap();
    let store = sqlite(folder.path()).await;
    assert_eq!(store.recover_calls(at(2)).await.unwrap(), 1);
    let expected = [
        (BudgetScope::Installation, 67, 2),
        (BudgetScope::Workspace(ws("a")), 60, 1),
        (BudgetScope::Workspace(ws("b")), 7, 1),
        (BudgetScope::Key("ann".into()), 60, 1),
        (BudgetScope::Key("bob".into()), 7, 1),
        (BudgetScope::Key("nobody".into()), 0, 0),
    ];
    for (scope, settled, calls) in expected {
        let spend = store.spend_of(&scope, at(2)).await.unwrap();
        assert_eq!((spend.settled.0, spend.reserved.0, spend.calls), (settled, 0, calls));
    }
}
