use std::sync::Arc;

use agentos_domain::{Clock as _, ManualClock};
use tempfile::TempDir;

use super::*;
use crate::testing::{TestEngine, engine_with_clock};

struct Fixture {
    engine: TestEngine,
    clock: Arc<ManualClock>,
    _dir: TempDir,
}

async fn fixture() -> Fixture {
    let dir = TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_000_000_000)));
    let engine = engine_with_clock(dir.path(), Arc::clone(&clock) as _).await.unwrap();
    Fixture { engine, clock, _dir: dir }
}

fn request(scopes: &[&str], expires_at: Option<Timestamp>) -> KeyRequest {
    KeyRequest {
        name: "laptop".into(),
        workspace_id: WorkspaceId::default(),
        scopes: scopes.iter().map(ToString::to_string).collect(),
        expires_at,
    }
}

async fn last_use(hub: &Fixture, id: &KeyId) -> Option<Timestamp> {
    let keys = hub.engine.handle.keys(None).await.unwrap();
    keys.into_iter().find(|key| key.key_id == *id).unwrap().last_used_at
}

#[tokio::test]
async fn a_key_opens_what_it_was_made_for_until_it_is_revoked() {
    let hub = fixture().await;
    let keys = &hub.engine.handle;
    let (token, info) = keys.issue_key(request(&["run", "read", "run"], None)).await.unwrap();
    assert!(token.starts_with(&info.prefix) && info.prefix.len() == 12, "{}", info.prefix);
    assert_eq!(info.scopes, ["read", "run"]);
    // The second time it is remembered.
    for _ in 0..2 {
        let Authentication::Known(who) = keys.authenticate(&token).await.unwrap() else { panic!() };
        assert_eq!((who.id, who.scopes), (info.key_id.to_string(), info.scopes.clone()));
    }
    assert!(keys.authenticate_remembered(&KeyDigest::of(&token)).await.is_some());
    let other = "other".parse().unwrap();
    assert!(keys.revoke_key(Some(&other), &info.key_id).await.is_err());
    assert!(matches!(keys.authenticate(&token).await.unwrap(), Authentication::Known(_)));
    let revoked = keys.revoke_key(Some(&info.workspace_id), &info.key_id).await.unwrap();
    assert_eq!(revoked.revoked_at, Some(hub.clock.now()));
    assert!(matches!(keys.authenticate(&token).await.unwrap(), Authentication::Unknown));
    assert!(keys.authenticate_remembered(&KeyDigest::of(&token)).await.is_none());
}

#[tokio::test]
async fn a_revoked_key_is_not_remembered_by_a_reader_who_came_before() {
    let hub = fixture().await;
    let keys = &hub.engine.handle;
    let (token, info) = keys.issue_key(request(&["read"], None)).await.unwrap();
    let hash = hash(&token);
    let (generation, _) = keys.shared.keys.get(&hash);
    let record = keys.shared.store.key_by_hash(&hash).await.unwrap().unwrap();
    keys.revoke_key(None, &info.key_id).await.unwrap();
    keys.shared.keys.remember(generation, record);
    assert!(keys.authenticate_remembered(&KeyDigest::of(&token)).await.is_none());
}

#[tokio::test]
async fn a_key_expires_also_while_it_is_remembered() {
    let hub = fixture().await;
    let keys = &hub.engine.handle;
    let end = hub.clock.now().plus(Duration::from_secs(10));
    let (token, _) = keys.issue_key(request(&["read"], Some(end))).await.unwrap();
    assert!(matches!(keys.authenticate(&token).await.unwrap(), Authentication::Known(_)));
    hub.clock.advance(Duration::from_secs(10));
    assert!(matches!(keys.authenticate(&token).await.unwrap(), Authentication::Expired));
}

#[tokio::test]
async fn the_use_of_a_key_is_noted_once_a_minute() {
    let hub = fixture().await;
    let keys = &hub.engine.handle;
    let (token, info) = keys.issue_key(request(&["read"], None)).await.unwrap();
    assert_eq!(last_use(&hub, &info.key_id).await, None);
    let first = hub.clock.now();
    keys.authenticate(&token).await.unwrap();
    assert_eq!(last_use(&hub, &info.key_id).await, Some(first));
    hub.clock.advance(Duration::from_secs(59));
    keys.authenticate(&token).await.unwrap();
    assert_eq!(last_use(&hub, &info.key_id).await, Some(first));
    hub.clock.advance(Duration::from_secs(1));
    keys.authenticate(&token).await.unwrap();
    assert_eq!(last_use(&hub, &info.key_id).await, Some(hub.clock.now()));
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let hub = fixture().await;
    let before = hub.engine.handle.keys(None).await.unwrap().len();
    let now = hub.clock.now();
    let cases = [
        (KeyRequest { name: " ".into(), ..request(&["read"], None) }, "name: "),
        (KeyRequest { name: "a\nb".into(), ..request(&["read"], None) }, "name: "),
        (KeyRequest { name: "a".repeat(65), ..request(&["read"], None) }, "name: "),
        (request(&[], None), "scopes: "),
        (request(&["read", "root"], None), "scopes: there is no scope `root`"),
        (request(&["read"], Some(now)), "expires_at: "),
    ];
    for (wrong, expected) in cases {
        let error = hub.engine.handle.issue_key(wrong).await.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    assert_eq!(hub.engine.handle.keys(None).await.unwrap().len(), before);
}
