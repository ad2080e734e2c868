//! Many calls at a time against one budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use agentos_domain::NanoUsd;
use agentos_store::{Admission, Budget, BudgetScope, Ledger, SqliteStore};
use tokio::task::JoinSet;

use crate::fixture::{at, budget, model_call, settlement, sqlite, ws};

/// 5.00 USD.
const LIMIT: i64 = 5_000_000_000;
/// 0.10 USD.
const CALL: i64 = 100_000_000;
const TASKS: usize = 1000;

/// The store with one budget, which is that of `scope`.
async fn limited(
    folder: &tempfile::TempDir,
    scope: &BudgetScope,
    limit: i64,
) -> (Arc<SqliteStore>, Option<Budget>) {
    let store = Arc::new(sqlite(folder.path()).await);
    let budget = budget(scope.clone(), limit);
    if *scope == BudgetScope::Installation {
        return (store, Some(budget));
    }
    store.set_budget(budget, at(0)).await.unwrap();
    (store, None)
}

/// Settled and reserved.
async fn used(store: &SqliteStore, scope: &BudgetScope) -> (i64, i64) {
    let spend = store.spend_of(scope, at(0)).await.unwrap();
    (spend.settled.0, spend.reserved.0)
}

/// Looks at a budget again and again until `done`. Returns how often.
async fn watch(store: Arc<SqliteStore>, scope: BudgetScope, done: Arc<AtomicBool>) -> u64 {
    let mut looks = 0;
    while !done.load(Ordering::SeqCst) {
        let (settled, reserved) = used(&store, &scope).await;
        assert!(settled + reserved <= LIMIT, "{scope:?}: {settled} + {reserved}");
        looks += 1;
    }
    looks
}

/// Each of a thousand tasks tries one call of 0.10 USD, which then costs
/// `cost(its number)`. Returns how many were made, and for how much in all.
async fn race(scope: &BudgetScope, cost: fn(usize) -> i64) -> (usize, i64) {
    let folder = tempfile::tempdir().unwrap();
    let (store, installation) = limited(&folder, scope, LIMIT).await;
    let done = Arc::new(AtomicBool::new(false));
    let mut watcher = JoinSet::new();
    watcher.spawn(watch(Arc::clone(&store), scope.clone(), Arc::clone(&done)));
    let mut calls = JoinSet::new();
    for number in 0..TASKS {
        let (store, installation) = (Arc::clone(&store), installation.clone());
        calls.spawn(async move {
            let call = model_call("a", "ann", CALL, 0);
            match store.reserve_call(call.clone(), installation).await.unwrap() {
                Admission::Refused(over) => {
                    assert!(over.settled.0 + over.reserved.0 + CALL > LIMIT, "{over:?}");
                    None
                }
                Admission::Admitted => {
                    let cost = cost(number);
                    store.settle_call(settlement(&call, cost, 1)).await.unwrap();
                    Some(cost)
                }
            }
        });
    }
    let made: Vec<i64> = calls.join_all().await.into_iter().flatten().collect();
    done.store(true, Ordering::SeqCst);
    assert!(watcher.join_all().await[0] > 0);
    let spent = made.iter().sum();
    assert_eq!(used(&store, scope).await, (spent, 0));
    let kept = store.calls(&ws("a"), None, TASKS as u32).await.unwrap();
    assert_eq!(kept.len(), made.len());
    (made.len(), spent)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_at_once_spend_the_budget_and_no_more() {
    let scopes = [
        BudgetScope::Installation,
        BudgetScope::Workspace(ws("a")),
        BudgetScope::Key("ann".into()),
    ];
    for scope in scopes {
        assert_eq!(race(&scope, |_| CALL).await, (50, LIMIT), "{scope:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_cost_less_make_room_for_others() {
    let (made, spent) =
        race(&BudgetScope::Installation, |number| CALL / 10 * i64::try_from(number % 11).unwrap())
            .await;
    assert!(made >= 50, "{made}");
    assert!(spent <= LIMIT, "{spent}");
}

/// Ten thousand calls, of which each fits: those that are under way at a time,
/// and all that were made, use the budget up to the last nano-dollar.
#[tokio::test(flavor = "multi_thread")]
async fn no_call_that_fits_is_refused() {
    const WORKERS: i64 = 95;
    const EACH: i64 = 100;
    const ALONE: i64 = 500;
    const COST: i64 = 300_000;
    const RESERVE: i64 = 500_000;
    const ROOM: i64 = WORKERS * (RESERVE - COST);
    let folder = tempfile::tempdir().unwrap();
    let scope = BudgetScope::Key("ann".into());
    let limit = (ALONE + WORKERS * EACH) * COST + ROOM;
    let (store, _) = limited(&folder, &scope, limit).await;
    let refused = Arc::new(AtomicU64::new(0));
    let make = async |store: &SqliteStore, refused: &AtomicU64| {
        let call = model_call("a", "ann", RESERVE, 0);
        if store.reserve_call(call.clone(), None).await.unwrap() != Admission::Admitted {
            refused.fetch_add(1, Ordering::SeqCst);
            return;
        }
        store.settle_call(settlement(&call, COST, 1)).await.unwrap();
    };
    for _ in 0..ALONE {
        make(&store, &refused).await;
    }
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let (store, refused) = (Arc::clone(&store), Arc::clone(&refused));
        workers.spawn(async move {
            for _ in 0..EACH {
                make(&store, &refused).await;
            }
        });
    }
    workers.join_all().await;
    assert_eq!(refused.load(Ordering::SeqCst), 0);
    assert_eq!(used(&store, &scope).await, (limit - ROOM, 0));
    // And nothing beyond it is admitted.
    let rest = model_call("a", "ann", ROOM, 0);
    assert_eq!(store.reserve_call(rest, None).await.unwrap(), Admission::Admitted);
    let Admission::Refused(over) =
        store.reserve_call(model_call("a", "ann", 1, 0), None).await.unwrap()
    else {
        panic!("more than the limit was admitted");
    };
    assert_eq!((over.limit, over.reserved), (NanoUsd(limit), NanoUsd(ROOM)));
}
