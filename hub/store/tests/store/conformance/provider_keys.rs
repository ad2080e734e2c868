//! Keys of models' providers.

use agentos_domain::ProviderName;
use agentos_store::{ProviderKeyRecord, SealedKey, Store};

use crate::fixture::{at, ws};

fn name(text: &str) -> ProviderName {
    text.parse().unwrap()
}

fn sealed(master_key: u8, content: &[u8]) -> SealedKey {
    SealedKey { master_key: [master_key; 8], sealed: content.to_vec(), hint: Some("wxyz".into()) }
}

pub(crate) async fn a_provider_key_is_kept_and_replaced(store: &dyn Store) {
    let (a, openai) = (ws("a"), name("openai"));
    assert_eq!(store.provider_key(&a, &openai).await.unwrap(), None);
    let first = sealed(1, b"\0one\xff");
    let kept = store.put_provider_key(&a, &openai, &first, at(1)).await.unwrap();
    let expected = ProviderKeyRecord {
        provider: openai.clone(),
        key: first,
        created_at: at(1),
        updated_at: at(1),
    };
    assert_eq!(kept, expected);
    assert_eq!(store.provider_key(&a, &openai).await.unwrap(), Some(expected));

    let second = SealedKey { hint: None, ..sealed(2, b"two") };
    let kept = store.put_provider_key(&a, &openai, &second, at(5)).await.unwrap();
    assert_eq!((&kept.key, kept.created_at, kept.updated_at), (&second, at(1), at(5)));
    assert_eq!(store.provider_keys(&a).await.unwrap(), [kept]);

    assert!(store.delete_provider_key(&a, &openai).await.unwrap());
    assert!(!store.delete_provider_key(&a, &openai).await.unwrap());
    assert_eq!(store.provider_keys(&a).await.unwrap(), []);
    // Set anew, it has no past.
    let kept = store.put_provider_key(&a, &openai, &second, at(9)).await.unwrap();
    assert_eq!(kept.created_at, at(9));
}

pub(crate) async fn provider_keys_belong_to_their_workspace(store: &dyn Store) {
    let (a, b) = (ws("a"), ws("b"));
    let (openai, anthropic) = (name("openai"), name("anthropic"));
    let mine = store.put_provider_key(&a, &openai, &sealed(1, b"of a"), at(0)).await.unwrap();
    let more = store.put_provider_key(&a, &anthropic, &sealed(1, b"more"), at(0)).await.unwrap();
    assert_eq!(store.provider_key(&b, &openai).await.unwrap(), None);
    assert_eq!(store.provider_keys(&b).await.unwrap(), []);
    assert!(!store.delete_provider_key(&b, &openai).await.unwrap());

    // The same name elsewhere is another key.
    let theirs = store.put_provider_key(&b, &openai, &sealed(2, b"of b"), at(3)).await.unwrap();
    assert_eq!(store.provider_keys(&b).await.unwrap(), [theirs]);
    assert_eq!(store.provider_keys(&a).await.unwrap(), [more.clone(), mine.clone()]);
    assert!(store.delete_provider_key(&b, &openai).await.unwrap());
    assert_eq!(store.provider_key(&a, &openai).await.unwrap(), Some(mine));
    assert_eq!(store.provider_key(&a, &anthropic).await.unwrap(), Some(more));
}

pub(crate) async fn master_keys_in_use_are_counted(store: &dyn Store) {
    assert_eq!(store.master_keys().await.unwrap(), []);
    let put = async |workspace: &str, provider: &str, master_key| {
        let key = sealed(master_key, b"x");
        store.put_provider_key(&ws(workspace), &name(provider), &key, at(0)).await.unwrap();
    };
    put("a", "openai", 9).await;
    put("b", "openai", 9).await;
    put("b", "anthropic", 3).await;
    assert_eq!(store.master_keys().await.unwrap(), [([3; 8], 1), ([9; 8], 2)]);
    put("a", "openai", 3).await;
    assert_eq!(store.master_keys().await.unwrap(), [([3; 8], 2), ([9; 8], 1)]);
}
