//! The budget ledger: what calls reserve and what they cost.

use agentos_domain::{CallId, NanoUsd, RequestId, TaskId, Timestamp, TokenCounts};
use agentos_store::{
    Admission, Budget, BudgetScope, CallOutcome, CallRecord, Ledger, ModelCall, OnLimit,
    OverBudget, Period, SettledCall, Settlement, StoreError,
};

use crate::fixture::{at, budget, model_call, settlement, ws};

pub(super) fn workspace(name: &str) -> BudgetScope {
    BudgetScope::Workspace(ws(name))
}

pub(super) fn key(id: &str) -> BudgetScope {
    BudgetScope::Key(id.into())
}

/// The scopes of the calls of these tests.
fn scopes() -> [BudgetScope; 3] {
    [BudgetScope::Installation, workspace("a"), key("ann")]
}

pub(super) async fn reserve(store: &dyn Ledger, call: &ModelCall) -> Admission {
    store.reserve_call(call.clone(), None).await.unwrap()
}

/// Reserves a call of ann's in workspace `a`.
pub(super) async fn open(store: &dyn Ledger, amount: i64) -> ModelCall {
    let call = model_call("a", "ann", amount, 0);
    assert_eq!(reserve(store, &call).await, Admission::Admitted);
    call
}

/// What a scope has settled and reserved, and its calls, in the month of the tests.
async fn sums(store: &dyn Ledger, scope: &BudgetScope) -> (i64, i64, u64) {
    let spend = store.spend_of(scope, at(0)).await.unwrap();
    (spend.settled.0, spend.reserved.0, spend.calls)
}

/// That these are the sums of the three scopes.
async fn assert_sums(store: &dyn Ledger, expected: (i64, i64, u64)) {
    for scope in scopes() {
        assert_eq!(sums(store, &scope).await, expected, "{scope:?}");
    }
}

pub(super) async fn record(store: &dyn Ledger, id: &CallId) -> CallRecord {
    store.call(&ws("a"), id).await.unwrap().unwrap()
}

async fn ended(store: &dyn Ledger, id: &CallId) -> SettledCall {
    record(store, id).await.settled.unwrap()
}

pub(crate) async fn a_call_that_fits_exactly_is_admitted(store: &dyn Ledger) {
    for (number, limited) in scopes().into_iter().enumerate() {
        // Workspaces and keys of its own for each round, and the installation's first.
        let (name, key_id) = (["x", "a", "y"][number], ["x", "z", "ann"][number]);
        let installation = (number == 0).then(|| budget(limited.clone(), 100));
        if number > 0 {
            store.set_budget(budget(limited.clone(), 100), at(0)).await.unwrap();
        }
        let ask = async |amount| {
            let call = model_call(name, key_id, amount, 0);
            let answer = store.reserve_call(call.clone(), installation.clone()).await.unwrap();
            (call, answer)
        };
        let (first, answer) = ask(60).await;
        assert_eq!(answer, Admission::Admitted);
        store.settle_call(settlement(&first, 50, 1)).await.unwrap();
        assert_eq!(ask(20).await.1, Admission::Admitted);
        let over = OverBudget {
            scope: limited.clone(),
            limit: NanoUsd(100),
            settled: NanoUsd(50),
            reserved: NanoUsd(20),
            asked: NanoUsd(31),
            on_limit: OnLimit::Refuse,
        };
        assert_eq!(ask(31).await.1, Admission::Refused(over));
        assert_eq!(ask(30).await.1, Admission::Admitted);
        assert!(matches!(ask(1).await.1, Admission::Refused(_)), "{limited:?}");
    }
}

pub(crate) async fn a_refused_call_leaves_no_trace(store: &dyn Ledger) {
    store.set_budget(budget(key("ann"), 100), at(0)).await.unwrap();
    let first = open(store, 80).await;
    let call = model_call("a", "ann", 21, 0);
    assert!(matches!(reserve(store, &call).await, Admission::Refused(_)));
    assert_eq!(store.call(&ws("a"), &call.id).await.unwrap(), None);
    assert_sums(store, (0, 80, 1)).await;
    let settled = store.settle_call(settlement(&call, 1, 1)).await.unwrap_err();
    assert_eq!(settled, StoreError::UnknownCall { call: call.id.to_string() });
    // It is judged anew where there is room by now.
    store.settle_call(settlement(&first, 79, 1)).await.unwrap();
    assert_eq!(reserve(store, &call).await, Admission::Admitted);
    assert_sums(store, (79, 21, 2)).await;
}

pub(crate) async fn the_tightest_budget_is_named(store: &dyn Ledger) {
    let local = Budget { on_limit: OnLimit::LocalOnly, ..budget(workspace("a"), 70) };
    store.set_budget(local, at(0)).await.unwrap();
    let installation = |limit| Some(budget(BudgetScope::Installation, limit));
    let named = async |limit, of_key, amount| {
        store.set_budget(budget(key("ann"), of_key), at(0)).await.unwrap();
        let call = model_call("a", "ann", amount, 0);
        match store.reserve_call(call, installation(limit)).await.unwrap() {
            Admission::Refused(over) => Some((over.scope, over.limit.0, over.on_limit)),
            Admission::Admitted => None,
        }
    };
    assert_eq!(named(100, 80, 0).await, None);
    assert_eq!(named(100, 80, 75).await, Some((workspace("a"), 70, OnLimit::LocalOnly)));
    assert_eq!(named(100, 80, 200).await, Some((workspace("a"), 70, OnLimit::LocalOnly)));
    assert_eq!(named(60, 80, 200).await, Some((scopes()[0].clone(), 60, OnLimit::Refuse)));
    assert_eq!(named(60, 50, 200).await, Some((key("ann"), 50, OnLimit::Refuse)));
    // What counts is what is left: the other workspace has used the key's.
    store.set_budget(budget(key("ann"), 90), at(0)).await.unwrap();
    reserve(store, &model_call("b", "ann", 30, 0)).await;
    assert_eq!(named(101, 90, 71).await, Some((key("ann"), 90, OnLimit::Refuse)));
    assert_eq!(named(95, 120, 71).await, Some((scopes()[0].clone(), 95, OnLimit::Refuse)));
}

pub(crate) async fn a_call_that_costs_nothing_is_always_admitted(store: &dyn Ledger) {
    for scope in [workspace("a"), key("ann")] {
        store.set_budget(budget(scope, 0), at(0)).await.unwrap();
    }
    let none = Some(budget(BudgetScope::Installation, 0));
    for amount in [0, -5] {
        let call = model_call("a", "ann", amount, 0);
        let answer = store.reserve_call(call.clone(), none.clone()).await.unwrap();
        assert_eq!(answer, Admission::Admitted);
        let moved = store.move_call(&call.id, "local", "edge", NanoUsd(0), none.clone()).await;
        assert_eq!(moved.unwrap(), Admission::Admitted);
    }
    assert_sums(store, (0, 0, 2)).await;
}

pub(crate) async fn a_reservation_is_made_once(store: &dyn Ledger) {
    store.set_budget(budget(key("ann"), 100), at(0)).await.unwrap();
    let call = open(store, 100).await;
    assert_eq!(reserve(store, &call).await, Admission::Admitted);
    assert_sums(store, (0, 100, 1)).await;
    let more = ModelCall { reserved: NanoUsd(101), ..call.clone() };
    assert!(store.reserve_call(more, None).await.is_err());
    let other = ModelCall { key_id: "bob".into(), ..call.clone() };
    assert!(store.reserve_call(other, None).await.is_err());
    // Nothing is held for it any more, so it may not be made.
    store.settle_call(settlement(&call, 10, 1)).await.unwrap();
    let late = store.reserve_call(call.clone(), None).await.unwrap_err();
    assert_eq!(late, StoreError::CallSettled { call: call.id.to_string() });
    assert_sums(store, (10, 0, 1)).await;
}

pub(crate) async fn a_settled_call_releases_what_it_did_not_cost(store: &dyn Ledger) {
    let new = ModelCall {
        task_id: Some(TaskId::generate()),
        request_id: Some(RequestId::generate()),
        ..model_call("a", "ann", 100, 0)
    };
    assert_eq!(reserve(store, &new).await, Admission::Admitted);
    assert_sums(store, (0, 100, 1)).await;
    let mut expected = CallRecord { call: new.clone(), period: Period::of(at(0)), settled: None };
    assert_eq!(record(store, &new.id).await, expected);
    let tokens = TokenCounts {
        input: 1,
        cache_read: 2,
        cache_write: 3,
        cache_write_1h: 4,
        output: 5,
        reasoning: 6,
    };
    let settlement = Settlement {
        deployment: "opus-us".into(),
        provider: "bedrock".into(),
        tokens,
        estimated: true,
        outcome: CallOutcome::Abandoned,
        error_code: Some("client_gone".into()),
        attempts: r#"[{"deployment":"opus-eu"}]"#.into(),
        ..settlement(&new, 40, 7)
    };
    store.settle_call(settlement.clone()).await.unwrap();
    assert_sums(store, (40, 0, 1)).await;
    expected.call.deployment = "opus-us".into();
    expected.call.provider = "bedrock".into();
    expected.settled = Some(SettledCall {
        model: Some("opus-5.5".into()),
        tokens,
        cost: NanoUsd(40),
        estimated: true,
        outcome: CallOutcome::Abandoned,
        error_code: Some("client_gone".into()),
        attempts: settlement.attempts,
        first_token_ms: Some(200),
        duration_ms: Some(900),
        settled_at: at(7),
    });
    assert_eq!(record(store, &new.id).await, expected);
}

pub(crate) async fn a_call_is_settled_once(store: &dyn Ledger) {
    let call = open(store, 100).await;
    open(store, 7).await;
    let failed = Settlement {
        model: String::new(),
        outcome: CallOutcome::Failed,
        ..settlement(&call, 40, 1)
    };
    store.settle_call(failed).await.unwrap();
    let first = record(store, &call.id).await;
    assert_eq!(first.settled.as_ref().unwrap().model, None);
    store.settle_call(settlement(&call, 90, 2)).await.unwrap();
    assert_eq!(record(store, &call.id).await, first);
    assert_sums(store, (40, 7, 2)).await;
    let unknown = model_call("a", "ann", 1, 0);
    let error = store.settle_call(settlement(&unknown, 1, 1)).await.unwrap_err();
    assert_eq!(error, StoreError::UnknownCall { call: unknown.id.to_string() });
}

pub(crate) async fn a_cost_above_its_reservation_counts_as_it_is(store: &dyn Ledger) {
    store.set_budget(budget(workspace("a"), 100), at(0)).await.unwrap();
    let call = open(store, 90).await;
    store.settle_call(settlement(&call, 130, 1)).await.unwrap();
    assert_sums(store, (130, 0, 1)).await;
    let next = reserve(store, &model_call("a", "ann", 1, 2)).await;
    assert!(matches!(next, Admission::Refused(over) if over.settled == NanoUsd(130)));
    let credit = open(store, 0).await;
    store.settle_call(settlement(&credit, -30, 3)).await.unwrap();
    assert_sums(store, (130, 0, 2)).await;
}

pub(crate) async fn a_moved_call_reserves_what_it_may_cost_now(store: &dyn Ledger) {
    store.set_budget(budget(key("ann"), 100), at(0)).await.unwrap();
    let call = open(store, 60).await;
    for (reserve, deployment) in [(100, "opus-us"), (20, "haiku"), (20, "haiku-us"), (50, "opus")] {
        let moved = store.move_call(&call.id, deployment, "p", NanoUsd(reserve), None).await;
        assert_eq!(moved.unwrap(), Admission::Admitted);
        assert_sums(store, (0, reserve, 1)).await;
        let kept = record(store, &call.id).await.call;
        assert_eq!((kept.reserved.0, kept.deployment.as_str()), (reserve, deployment));
        assert_eq!((kept.provider.as_str(), kept.requested.as_str()), ("p", "smart"));
    }
    // Less than before is admitted although the limit is lower by now.
    store.set_budget(budget(key("ann"), 1), at(1)).await.unwrap();
    let less = store.move_call(&call.id, "haiku", "p", NanoUsd(49), None).await.unwrap();
    assert_eq!(less, Admission::Admitted);
    store.settle_call(settlement(&call, 30, 2)).await.unwrap();
    assert_sums(store, (30, 0, 1)).await;
}

pub(crate) async fn a_call_that_cannot_be_moved_stays_as_it_was(store: &dyn Ledger) {
    let call = open(store, 60).await;
    open(store, 20).await;
    let before = record(store, &call.id).await;
    let installation = Some(budget(BudgetScope::Installation, 100));
    let moved = store.move_call(&call.id, "opus", "p", NanoUsd(81), installation.clone()).await;
    let over = OverBudget {
        scope: BudgetScope::Installation,
        limit: NanoUsd(100),
        settled: NanoUsd(0),
        reserved: NanoUsd(80),
        asked: NanoUsd(21),
        on_limit: OnLimit::Refuse,
    };
    assert_eq!(moved.unwrap(), Admission::Refused(over));
    assert_eq!(record(store, &call.id).await, before);
    assert_sums(store, (0, 80, 2)).await;
    let fits = store.move_call(&call.id, "opus", "p", NanoUsd(80), installation).await.unwrap();
    assert_eq!(fits, Admission::Admitted);

    let unknown = CallId::generate();
    let error = store.move_call(&unknown, "opus", "p", NanoUsd(0), None).await.unwrap_err();
    assert_eq!(error, StoreError::UnknownCall { call: unknown.to_string() });
    store.settle_call(settlement(&call, 1, 1)).await.unwrap();
    let error = store.move_call(&call.id, "opus", "p", NanoUsd(0), None).await.unwrap_err();
    assert_eq!(error, StoreError::CallSettled { call: call.id.to_string() });
    assert_sums(store, (1, 20, 2)).await;
}

pub(crate) async fn free_calls_are_recorded_once(store: &dyn Ledger) {
    // No budget is asked: they have been made.
    store.set_budget(budget(key("ann"), 0), at(0)).await.unwrap();
    let paid = model_call("a", "bob", 10, 0);
    reserve(store, &paid).await;
    let calls: Vec<_> = (0..5).map(|now| model_call("a", "ann", 0, now)).collect();
    let with_ends = |calls: &[ModelCall], cost| {
        calls.iter().map(|call| (call.clone(), settlement(call, cost, 9))).collect::<Vec<_>>()
    };
    store.record_calls(with_ends(&calls[..3], 0)).await.unwrap();
    store.record_calls(Vec::new()).await.unwrap();
    let again = [&calls[..], &calls[..], std::slice::from_ref(&paid)].concat();
    store.record_calls(with_ends(&again, 0)).await.unwrap();
    assert_eq!(sums(store, &key("ann")).await, (0, 0, 5));
    assert_eq!(sums(store, &workspace("a")).await, (0, 10, 6));
    assert_eq!(record(store, &paid.id).await.settled, None, "it was open and stays so");
    let kept = record(store, &calls[4].id).await;
    assert_eq!((kept.call.created_at, kept.call.reserved), (at(4), NanoUsd(0)));
    let end = kept.settled.unwrap();
    assert_eq!(
        (end.outcome, end.settled_at, end.tokens.input),
        (CallOutcome::Completed, at(9), 10)
    );
    // One that cost something after all was spent.
    let more = [model_call("a", "ann", 0, 0), model_call("a", "ann", 0, 0)];
    store.record_calls(with_ends(&more, 3)).await.unwrap();
    assert_eq!(sums(store, &key("ann")).await, (6, 0, 7));
    assert_eq!(store.recover_calls(at(10)).await.unwrap(), 1);
    assert_eq!(sums(store, &workspace("a")).await, (16, 0, 8));
}

pub(crate) async fn a_start_takes_open_calls_for_lost(store: &dyn Ledger) {
    let (settled, lost) = (open(store, 100).await, open(store, 30).await);
    let moved = open(store, 5).await;
    store.move_call(&moved.id, "haiku", "p", NanoUsd(9), None).await.unwrap();
    store.settle_call(settlement(&settled, 40, 1)).await.unwrap();
    let before = record(store, &settled.id).await;
    assert_eq!(store.recover_calls(at(2)).await.unwrap(), 2);
    assert_sums(store, (79, 0, 3)).await;
    assert_eq!(record(store, &settled.id).await, before);
    let expected = SettledCall {
        model: None,
        tokens: TokenCounts::default(),
        cost: NanoUsd(30),
        estimated: true,
        outcome: CallOutcome::Lost,
        error_code: None,
        attempts: "[]".into(),
        first_token_ms: None,
        duration_ms: None,
        settled_at: at(2),
    };
    assert_eq!(ended(store, &lost.id).await, expected);
    assert_eq!(ended(store, &moved.id).await.cost, NanoUsd(9));
    // Whoever comes late changes nothing, neither does another start.
    store.settle_call(settlement(&lost, 1, 3)).await.unwrap();
    assert_eq!(store.recover_calls(at(4)).await.unwrap(), 0);
    assert_eq!(ended(store, &lost.id).await, expected);
    assert_sums(store, (79, 0, 3)).await;
}

pub(crate) async fn open_calls_whose_time_is_over_are_lost(store: &dyn Ledger) {
    let early = open(store, 30).await;
    let late = model_call("a", "ann", 20, 1);
    reserve(store, &late).await;
    assert_eq!(store.expire_calls(at(599)).await.unwrap(), 0);
    assert_sums(store, (0, 50, 2)).await;
    assert_eq!(store.expire_calls(at(600)).await.unwrap(), 1);
    assert_sums(store, (30, 20, 2)).await;
    let end = ended(store, &early.id).await;
    assert_eq!((end.outcome, end.cost.0, end.estimated), (CallOutcome::Lost, 30, true));
    assert_eq!(end.settled_at, at(600));
    assert_eq!(record(store, &late.id).await.settled, None);
    assert_eq!(store.expire_calls(at(600)).await.unwrap(), 0);
    store.settle_call(settlement(&late, 2, 601)).await.unwrap();
    assert_eq!(store.expire_calls(at(9999)).await.unwrap(), 0);
    assert_sums(store, (32, 0, 2)).await;
}

pub(crate) async fn a_call_stays_in_its_month(store: &dyn Ledger) {
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let november = time("2026-11-30T23:59:59.999Z");
    let december = time("2026-12-01T00:00:00.000Z");
    store.set_budget(budget(key("ann"), 100), at(0)).await.unwrap();
    let call = |reserve, now| ModelCall {
        created_at: now,
        expires_at: time("2026-12-01T00:10:00.000Z"),
        ..model_call("a", "ann", reserve, 0)
    };
    let spent = async |now| {
        let spend = store.spend_of(&key("ann"), now).await.unwrap();
        (spend.period.to_string(), spend.settled.0, spend.reserved.0, spend.calls)
    };
    let [first, moved, lost] = [call(50, november), call(30, november), call(20, november)];
    for call in [&first, &moved, &lost] {
        assert_eq!(reserve(store, call).await, Admission::Admitted);
    }
    assert!(matches!(reserve(store, &call(1, november)).await, Admission::Refused(_)));
    // The whole limit is there again.
    let next = call(100, december);
    assert_eq!(reserve(store, &next).await, Admission::Admitted);
    assert!(matches!(reserve(store, &call(1, december)).await, Admission::Refused(_)));

    let end = Settlement { now: december, ..settlement(&first, 45, 0) };
    store.settle_call(end).await.unwrap();
    assert_eq!(spent(november).await, ("2026-11".into(), 45, 50, 3));
    let fits = store.move_call(&moved.id, "d", "p", NanoUsd(35), None).await.unwrap();
    assert_eq!(fits, Admission::Admitted);
    assert!(matches!(
        store.move_call(&moved.id, "d", "p", NanoUsd(36), None).await.unwrap(),
        Admission::Refused(_)
    ));
    assert_eq!(spent(december).await, ("2026-12".into(), 0, 100, 1));
    assert_eq!(store.recover_calls(december).await.unwrap(), 3);
    assert_eq!(spent(november).await, ("2026-11".into(), 100, 0, 3));
    assert_eq!(spent(december).await, ("2026-12".into(), 100, 0, 1));
    assert_eq!(record(store, &lost.id).await.period.as_str(), "2026-11");
    let of_november = store.spend(None, &"2026-11".parse().unwrap()).await.unwrap();
    assert!(of_november.iter().all(|spend| spend.calls == 3), "{of_november:?}");
}

pub(crate) async fn money_does_not_wrap(store: &dyn Ledger) {
    let first = open(store, i64::MAX).await;
    open(store, i64::MAX).await;
    assert_sums(store, (0, i64::MAX, 2)).await;
    // The largest limit is one too: what does not fit does not overflow into it.
    store.set_budget(budget(key("ann"), i64::MAX), at(0)).await.unwrap();
    let more = reserve(store, &model_call("a", "ann", 1, 0)).await;
    assert!(matches!(more, Admission::Refused(_)));
    store.settle_call(settlement(&first, i64::MAX, 1)).await.unwrap();
    assert_eq!(store.recover_calls(at(2)).await.unwrap(), 1);
    assert_sums(store, (i64::MAX, 0, 2)).await;
    assert_eq!(store.due_alerts(u32::MAX, None, at(2)).await.unwrap(), []);
    assert_eq!(store.due_alerts(1000, None, at(2)).await.unwrap().len(), 1);
}
