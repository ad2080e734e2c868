//! API keys.

use agentos_domain::KeyId;
use agentos_store::{KeyRecord, Store};

use crate::fixture::{at, ws};

fn key(workspace: &str, number: u8) -> KeyRecord {
    KeyRecord {
        key_id: KeyId::generate(),
        name: format!("laptop {number}"),
        prefix: "aos_12345678".into(),
        hash: [number; 32],
        workspace_id: ws(workspace),
        scopes: vec!["read".into(), "run".into()],
        created_at: at(i64::from(number)),
        last_used_at: None,
        expires_at: Some(at(100)),
        revoked_at: None,
    }
}

pub(crate) async fn keys_are_found_by_their_hash(store: &dyn Store) {
    let key = key("a", 7);
    store.add_key(&key).await.unwrap();
    assert_eq!(store.key_by_hash(&[7; 32]).await.unwrap(), Some(key));
    assert_eq!(store.key_by_hash(&[8; 32]).await.unwrap(), None);
}

pub(crate) async fn keys_are_listed_by_workspace(store: &dyn Store) {
    let (one, two, three) = (key("a", 1), key("b", 2), key("a", 3));
    for key in [&three, &two, &one] {
        store.add_key(key).await.unwrap();
    }
    assert_eq!(store.keys(Some(&ws("a"))).await.unwrap(), [one.clone(), three.clone()]);
    assert_eq!(store.keys(Some(&ws("c"))).await.unwrap(), []);
    assert_eq!(store.keys(None).await.unwrap(), [one, two, three]);
}

pub(crate) async fn a_revoked_key_stays_revoked(store: &dyn Store) {
    let key = key("a", 1);
    store.add_key(&key).await.unwrap();
    let revoke = async |workspace: Option<&str>, id: &KeyId, now| {
        store.revoke_key(workspace.map(ws).as_ref(), id, at(now)).await.unwrap()
    };
    assert_eq!(revoke(Some("b"), &key.key_id, 10).await, None);
    assert_eq!(revoke(None, &KeyId::generate(), 10).await, None);
    assert_eq!(store.key_by_hash(&[1; 32]).await.unwrap(), Some(key.clone()));

    let revoked = KeyRecord { revoked_at: Some(at(11)), ..key.clone() };
    assert_eq!(revoke(Some("a"), &key.key_id, 11).await, Some(revoked.clone()));
    assert_eq!(revoke(None, &key.key_id, 12).await, Some(revoked.clone()));
    assert_eq!(store.key_by_hash(&[1; 32]).await.unwrap(), Some(revoked));
}

pub(crate) async fn the_last_use_only_moves_forward(store: &dyn Store) {
    let (used, other) = (key("a", 1), key("a", 2));
    store.add_key(&used).await.unwrap();
    store.add_key(&other).await.unwrap();
    for (now, expected) in [(20, 20), (10, 20), (30, 30)] {
        store.key_used(&used.key_id, at(now)).await.unwrap();
        let found = store.key_by_hash(&[1; 32]).await.unwrap().unwrap();
        assert_eq!(found.last_used_at, Some(at(expected)));
    }
    assert_eq!(store.key_by_hash(&[2; 32]).await.unwrap(), Some(other));
    store.key_used(&KeyId::generate(), at(40)).await.unwrap();
}
