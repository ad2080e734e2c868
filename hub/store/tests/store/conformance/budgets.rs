//! Budgets: who may spend how much, who may see it, and who is to be told.

use agentos_domain::{CallId, KeyId, NanoUsd};
use agentos_store::{
    Admission, Budget, BudgetScope, KeyRecord, Ledger, ModelCall, OnLimit, Period, Spend, Store,
    StoreError,
};

use super::ledger::{key, open, record, reserve, workspace};
use crate::fixture::{at, budget, model_call, settlement, ws};

pub(crate) async fn budgets_are_set_and_removed(store: &dyn Ledger) {
    let local = Budget { on_limit: OnLimit::LocalOnly, ..budget(workspace("a"), 70) };
    store.set_budget(local.clone(), at(0)).await.unwrap();
    store.set_budget(budget(key("ann"), 50), at(0)).await.unwrap();
    store.set_budget(budget(key("ann"), -1), at(1)).await.unwrap();
    let kept = [budget(key("ann"), 0), local];
    assert_eq!(store.budgets(None).await.unwrap(), kept);
    assert_eq!(store.spend_of(&workspace("a"), at(2)).await.unwrap().limit, Some(NanoUsd(70)));
    let refused = reserve(store, &model_call("a", "ann", 1, 2)).await;
    assert!(matches!(refused, Admission::Refused(_)));

    assert!(store.remove_budget(&key("ann")).await.unwrap());
    assert!(!store.remove_budget(&key("ann")).await.unwrap());
    assert!(!store.remove_budget(&workspace("ann")).await.unwrap());
    assert_eq!(store.budgets(None).await.unwrap(), kept[1..]);
    assert_eq!(reserve(store, &model_call("a", "ann", 70, 2)).await, Admission::Admitted);
    let wrong = store.set_budget(budget(BudgetScope::Installation, 1), at(3)).await;
    assert_eq!(wrong, Err(StoreError::InstallationBudget));
}

pub(crate) async fn an_alert_is_due_until_somebody_was_told(store: &dyn Ledger) {
    for scope in [workspace("a"), workspace("b"), key("bob")] {
        store.set_budget(budget(scope, 1000), at(0)).await.unwrap();
    }
    let installation = budget(BudgetScope::Installation, 10_000);
    let due = async |permille, now| {
        let due = store.due_alerts(permille, Some(&installation), now).await.unwrap();
        due.into_iter().map(|spend| spend.scope).collect::<Vec<_>>()
    };
    store.set_budget(budget(workspace("none"), 0), at(0)).await.unwrap();
    reserve(store, &model_call("none", "ann", 0, 0)).await;
    let first = open(store, 799).await;
    assert_eq!(due(800, at(0)).await, []);
    store.settle_call(settlement(&first, 500, 1)).await.unwrap();
    let second = open(store, 300).await;
    let alert = store.due_alerts(800, None, at(2)).await.unwrap();
    let expected = Spend {
        period: Period::of(at(2)),
        scope: workspace("a"),
        settled: NanoUsd(500),
        reserved: NanoUsd(300),
        calls: 2,
        limit: Some(NanoUsd(1000)),
    };
    assert_eq!(alert, [expected]);
    assert_eq!(due(800, at(3)).await, [workspace("a")], "until somebody was told");
    let month = Period::of(at(0));
    store.alert_told(&workspace("a"), &month, 800, at(3)).await.unwrap();
    store.alert_told(&workspace("a"), &month, 800, at(4)).await.unwrap();
    assert_eq!(due(800, at(5)).await, []);
    assert_eq!(due(801, at(5)).await, []);
    assert_eq!(due(799, at(5)).await, [workspace("a")], "another threshold");

    store.settle_call(settlement(&second, 500, 6)).await.unwrap();
    reserve(store, &model_call("x", "ann", 7000, 6)).await;
    assert_eq!(due(1000, at(6)).await, [workspace("a")]);
    assert_eq!(due(800, at(6)).await, [BudgetScope::Installation]);
    let all = store.due_alerts(800, Some(&installation), at(6)).await.unwrap();
    assert_eq!(all[0].limit, Some(NanoUsd(10_000)));
    store.alert_told(&BudgetScope::Installation, &month, 800, at(6)).await.unwrap();
    assert_eq!(due(800, at(6)).await, []);

    // A new month begins anew.
    let later = at(30 * 24 * 3600);
    let call = ModelCall { created_at: later, ..model_call("a", "ann", 900, 0) };
    assert_eq!(reserve(store, &call).await, Admission::Admitted);
    assert_eq!(due(800, later).await, [workspace("a")]);
}

pub(crate) async fn workspaces_see_only_their_own_money(store: &(impl Store + Ledger)) {
    let keys: Vec<KeyRecord> =
        [("a", 1), ("b", 2)].map(|(name, number)| api_key(name, number)).into();
    for key in &keys {
        store.add_key(key).await.unwrap();
    }
    let ids: Vec<String> = keys.iter().map(|key| key.key_id.to_string()).collect();
    let [mine, theirs] = [model_call("a", &ids[0], 10, 0), model_call("b", &ids[1], 20, 0)];
    for call in [&mine, &theirs] {
        assert_eq!(reserve(store, call).await, Admission::Admitted);
    }
    for scope in [workspace("a"), workspace("b"), key(&ids[0]), key(&ids[1]), key("ann")] {
        store.set_budget(budget(scope, 100), at(0)).await.unwrap();
    }
    let a = ws("a");
    let seen = store.budgets(Some(&a)).await.unwrap();
    let seen: Vec<_> = seen.into_iter().map(|budget| budget.scope).collect();
    assert_eq!(seen, [key(&ids[0]), workspace("a")]);
    assert_eq!(store.budgets(Some(&ws("c"))).await.unwrap(), []);
    assert_eq!(store.budgets(None).await.unwrap().len(), 5);

    let month = Period::of(at(0));
    let seen = store.spend(Some(&a), &month).await.unwrap();
    let seen: Vec<_> = seen.into_iter().map(|spend| (spend.scope, spend.reserved.0)).collect();
    assert_eq!(seen, [(key(&ids[0]), 10), (workspace("a"), 10)]);
    assert_eq!(store.spend(None, &month).await.unwrap().len(), 5);
    assert_eq!(store.spend(Some(&a), &"2026-10".parse().unwrap()).await.unwrap(), []);
    assert_eq!(store.call(&a, &theirs.id).await.unwrap(), None);
    assert_eq!(store.calls(&a, None, 9).await.unwrap(), [record(store, &mine.id).await]);
    let cursor = store.calls(&a, Some(&theirs.id), 9).await.unwrap_err();
    assert_eq!(cursor, StoreError::UnknownCursor);
}

fn api_key(workspace: &str, number: u8) -> KeyRecord {
    KeyRecord {
        key_id: KeyId::generate(),
        name: format!("laptop {number}"),
        prefix: "aos_12345678".into(),
        hash: [number; 32],
        workspace_id: ws(workspace),
        scopes: vec!["run".into()],
        created_at: at(0),
        last_used_at: None,
        expires_at: None,
        revoked_at: None,
    }
}

pub(crate) async fn calls_come_in_pages_of_their_workspace(store: &dyn Ledger) {
    let mut ids = Vec::new();
    for number in 0..7 {
        // Whatever the clock says, the last one that was written is the newest.
        let call = model_call("a", "ann", number, 100 - number);
        reserve(store, &call).await;
        reserve(store, &model_call("b", "ann", number, 0)).await;
        ids.insert(0, call.id);
    }
    let mut seen: Vec<CallId> = Vec::new();
    loop {
        let page = store.calls(&ws("a"), seen.last(), 3).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 3);
        seen.extend(page.into_iter().map(|kept| kept.call.id));
    }
    assert_eq!(seen, ids);
    let cursor = store.calls(&ws("a"), Some(&CallId::generate()), 3).await.unwrap_err();
    assert_eq!(cursor, StoreError::UnknownCursor);
}
