//! What the hub itself may work on, and as whom.

use agentos_domain::{EdgeId, NewTask, OnEdgeLost, Privacy, TaskId, Tier};
use agentos_store::{Placement, Store, StoreError};

use crate::fixture::{at, claim, claim_at, held, new_task, ws};

async fn add(store: &dyn Store, on_edge_lost: OnEdgeLost, privacy: Privacy, tier: Tier) -> TaskId {
    let key_id = Some("key_of_ann".to_owned());
    let mut new = NewTask { on_edge_lost, privacy, key_id, ..new_task("a") };
    new.agent.model_tier = tier;
    let id = TaskId::generate();
    store.create_task(id.clone(), new, [0; 32], u32::MAX, at(0)).await.unwrap();
    id
}

async fn hub_takes(store: &dyn Store, any: &[Tier], local_only: &[Tier]) -> Option<TaskId> {
    let hub = store.own_executor(at(0)).await.unwrap();
    let placement = Placement::Hub { any: any.to_vec(), local_only: local_only.to_vec() };
    let claimed = claim_at(store, &hub, 1, placement).await?;
    let taken = claimed.task.task_id.clone();
    Some(taken)
}

pub(crate) async fn the_hub_takes_what_may_be_done_elsewhere_and_nothing_else(store: &dyn Store) {
    let (fast, smart) = (Tier::LocalFast, Tier::LocalSmart);
    let waits = add(store, OnEdgeLost::Wait, Privacy::Any, fast).await;
    add(store, OnEdgeLost::Fail, Privacy::Any, fast).await;
    let private = add(store, OnEdgeLost::Elsewhere, Privacy::LocalOnly, fast).await;
    let free = add(store, OnEdgeLost::Elsewhere, Privacy::Any, fast).await;
    let other = add(store, OnEdgeLost::Elsewhere, Privacy::Any, smart).await;

    assert_eq!(hub_takes(store, &[], &[fast, smart]).await, Some(private.clone()));
    let hub = store.own_executor(at(0)).await.unwrap();
    let lost = store.release_lost(&hub, &[], at(2)).await.unwrap();
    assert_eq!(lost[0].task_id, private);

    assert_eq!(hub_takes(store, &[fast], &[]).await, Some(free), "not the one that stays at home");
    assert_eq!(hub_takes(store, &[fast], &[]).await, None, "there is no model for the other");
    assert_eq!(hub_takes(store, &[smart], &[smart]).await, Some(other));
    assert_eq!(hub_takes(store, &[fast, smart], &[smart]).await, None);
    // An edge takes any of them, in their order.
    assert_eq!(claim(store, &EdgeId::generate(), 3).await.task.task_id, waits);
}

pub(crate) async fn the_hubs_executor_is_no_edge(store: &dyn Store) {
    let hub = store.own_executor(at(0)).await.unwrap();
    assert_eq!(store.own_executor(at(5)).await.unwrap(), hub, "it stays the same");
    assert_eq!(store.edges().await.unwrap(), []);
    assert_eq!(store.revoke_edge(&hub, at(6)).await.unwrap(), None);
    assert_eq!(store.drain_edge(&hub, true, at(6)).await.unwrap(), None);
    store.open_session(&hub, "boot", "0.1.0", at(7)).await.unwrap();
}

pub(crate) async fn who_holds_no_lease_asks_no_model(store: &dyn Store) {
    let id = add(store, OnEdgeLost::Wait, Privacy::LocalOnly, Tier::CloudSmart).await;
    let edge = EdgeId::generate();
    let run = claim(store, &edge, 1).await;
    let scope = store.run_scope(&edge, &held(&run), at(2)).await.unwrap();
    assert_eq!((scope.task_id, scope.privacy), (id, Privacy::LocalOnly));
    assert_eq!((scope.workspace_id, scope.key_id.as_deref()), (ws("a"), Some("key_of_ann")));
    assert_eq!(scope.agent.model_tier, Tier::CloudSmart);

    let other = store.run_scope(&EdgeId::generate(), &held(&run), at(2)).await;
    assert_eq!(other.unwrap_err(), StoreError::Fenced);
    let late = store.run_scope(&edge, &held(&run), at(10_000)).await;
    assert_eq!(late.unwrap_err(), StoreError::Fenced);
    store.release(&held(&run), at(3)).await.unwrap();
    let given_back = store.run_scope(&edge, &held(&run), at(3)).await;
    assert_eq!(given_back.unwrap_err(), StoreError::Fenced);
}
