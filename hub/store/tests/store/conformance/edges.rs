//! Joining, sessions.

use agentos_domain::{AttemptId, EdgeId, SessionEpoch};
use agentos_store::{Claim, ClaimLimits, Placement, Redeemed, Store, StoreError};

use crate::fixture::{TTL, add_task, append, at, claim, try_claim};

async fn join(store: &dyn Store, token: u8) -> EdgeId {
    let edge = EdgeId::generate();
    store.add_join_token([token; 32], None, at(0), at(60)).await.unwrap();
    let redeemed = store.redeem_join_token([token; 32], &edge, "mac", at(1)).await.unwrap();
    assert_eq!(redeemed, Redeemed::Joined);
    edge
}

pub(crate) async fn a_token_joins_one_edge(store: &dyn Store) {
    let edge = join(store, 1).await;
    let other = EdgeId::generate();
    let redeem = |token| store.redeem_join_token([token; 32], &other, "x", at(2));
    assert_eq!(redeem(1).await.unwrap(), Redeemed::Used);
    assert_eq!(redeem(9).await.unwrap(), Redeemed::Unknown);
    let edges = store.edges().await.unwrap();
    assert_eq!(edges.len(), 1);
    assert_eq!((&edges[0].edge_id, edges[0].name.as_str()), (&edge, "mac"));
    assert_eq!((edges[0].joined_at, edges[0].last_seen_at), (at(1), None));
    assert_eq!(store.edge(&edge).await.unwrap(), Some(edges[0].clone()));
    assert_eq!(store.edge(&other).await.unwrap(), None);
    // The name that was given with the token wins.
    store.add_join_token([2; 32], Some("studio"), at(0), at(60)).await.unwrap();
    assert_eq!(redeem(2).await.unwrap(), Redeemed::Joined);
    assert_eq!(store.edge(&other).await.unwrap().unwrap().name, "studio");
}

pub(crate) async fn a_token_expires(store: &dyn Store) {
    store.add_join_token([1; 32], None, at(0), at(60)).await.unwrap();
    let edge = EdgeId::generate();
    let redeemed = store.redeem_join_token([1; 32], &edge, "mac", at(60)).await.unwrap();
    assert_eq!(redeemed, Redeemed::Expired);
    assert!(store.edges().await.unwrap().is_empty());
}

pub(crate) async fn session_numbers_only_grow(store: &dyn Store) {
    let (one, two) = (join(store, 1).await, join(store, 2).await);
    let mut last = SessionEpoch(0);
    for (edge, now) in [(&one, 1), (&two, 2), (&one, 3), (&one, 4)] {
        let epoch = store.open_session(edge, "boot", "0.1.0", at(now)).await.unwrap();
        assert!(epoch > last);
        last = epoch;
    }
    let record = store.edge(&one).await.unwrap().unwrap();
    assert_eq!((record.session_epoch, record.last_seen_at), (Some(last), Some(at(4))));
    assert_eq!(record.version.as_deref(), Some("0.1.0"));
    let unknown = store.open_session(&EdgeId::generate(), "b", "v", at(5)).await;
    assert!(matches!(unknown, Err(StoreError::UnknownEdge { .. })));
}

pub(crate) async fn an_old_session_cannot_close_a_new_one(store: &dyn Store) {
    let edge = join(store, 1).await;
    let old = store.open_session(&edge, "boot", "0.1.0", at(2)).await.unwrap();
    let new = store.open_session(&edge, "boot", "0.1.0", at(3)).await.unwrap();
    let open = async || store.edge(&edge).await.unwrap().unwrap().session_epoch;
    store.close_session(&edge, old, at(4)).await.unwrap();
    assert_eq!(open().await, Some(new));
    store.close_session(&edge, new, at(5)).await.unwrap();
    assert_eq!(open().await, None);
}

pub(crate) async fn a_replaced_session_gets_no_task(store: &dyn Store) {
    let edge = join(store, 1).await;
    let old = store.open_session(&edge, "dead", "0.1.0", at(2)).await.unwrap();
    add_task(store, "a", 2).await;
    let new = store.open_session(&edge, "alive", "0.1.0", at(3)).await.unwrap();
    let through = async |epoch: SessionEpoch| {
        let attempt = AttemptId::generate();
        store
            .claim_next(Claim {
                edge: edge.clone(),
                epoch,
                attempt,
                now: at(4),
                ttl: TTL,
                limits: ClaimLimits::default(),
                placement: Placement::Edge,
            })
            .await
    };
    assert!(matches!(through(old).await, Err(StoreError::SessionReplaced { .. })));
    assert!(through(new).await.unwrap().is_some());
}

pub(crate) async fn a_revoked_edge_is_shut_out(store: &dyn Store) {
    let edge = join(store, 1).await;
    store.open_session(&edge, "boot", "0.1.0", at(2)).await.unwrap();
    add_task(store, "a", 2).await;
    let run = claim(store, &edge, 3).await;
    let pending = store.revoke_edge(&edge, at(4)).await.unwrap().unwrap();
    assert_eq!(pending.iter().map(|task| &task.task_id).collect::<Vec<_>>(), [&run.task.task_id]);
    assert!(store.revoke_edge(&edge, at(5)).await.unwrap().is_none());
    assert!(store.revoke_edge(&EdgeId::generate(), at(5)).await.unwrap().is_none());
    let record = store.edge(&edge).await.unwrap().unwrap();
    assert_eq!((record.revoked_at, record.session_epoch), (Some(at(4)), None));
    assert_eq!(append(store, &run, 1, &[], 5).await, Err(StoreError::Fenced));
    let session = store.open_session(&edge, "boot", "0.1.0", at(5)).await;
    assert!(matches!(session, Err(StoreError::EdgeRevoked { .. })));
    let attempt = AttemptId::generate();
    let epoch = SessionEpoch(9);
    let claim = Claim {
        edge,
        epoch,
        attempt,
        now: at(5),
        ttl: TTL,
        limits: ClaimLimits::default(),
        placement: Placement::Edge,
    };
    assert!(matches!(store.claim_next(claim).await, Err(StoreError::EdgeRevoked { .. })));
    // Its task is there for the others.
    assert!(try_claim(store, &EdgeId::generate(), 6).await.is_some());
}
