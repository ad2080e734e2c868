//! The ledger against a slow and simple one that adds up all calls each time.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use agentos_domain::{NanoUsd, Timestamp};
use agentos_store::{
    Admission, Budget, BudgetScope, Disk, Ledger, ModelCall, OnLimit, OverBudget, Period,
    SqliteStore, StoreError,
};
use async_trait::async_trait;
use proptest::prelude::*;
use tokio::runtime::Builder;

use crate::fixture::{budget, model_call, settlement, ws};

const WORKSPACES: [&str; 2] = ["a", "b"];
const KEYS: [&str; 3] = ["ann", "bob", "eve"];

/// Places in the list of calls wrap around at its end.
#[derive(Debug, Clone)]
enum Op {
    Reserve {
        workspace: usize,
        key: usize,
        amount: i64,
        lasts: i64,
    },
    /// The answer to a reservation was lost.
    Again(usize),
    Move(usize, i64),
    /// At a cost of so many percent of what is reserved.
    Settle(usize, i64),
    /// A call that cost nothing, or that is known already.
    Record(usize),
    SetBudget(usize, Option<i64>),
    Wait(i64),
    Expire,
    Recover,
}

#[derive(Debug, Clone)]
struct Case {
    /// Of the installation, the workspaces, the keys.
    limits: Vec<Option<i64>>,
    /// Nothing costs more than was reserved, and no limit changes.
    steady: bool,
    ops: Vec<Op>,
}

fn limit() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![1 => Just(None), 3 => (0..400_i64).prop_map(Some)]
}

fn op() -> impl Strategy<Value = Op> {
    let amount = || prop_oneof![1 => Just(0), 6 => 1..120_i64];
    prop_oneof![
        10 => (0..2_usize, 0..3_usize, amount(), 0..14_400_i64).prop_map(
            |(workspace, key, amount, lasts)| Op::Reserve { workspace, key, amount, lasts }
        ),
        1 => any::<usize>().prop_map(Op::Again),
        4 => (any::<usize>(), amount()).prop_map(|(which, amount)| Op::Move(which, amount)),
        6 => (any::<usize>(), 0..150_i64).prop_map(|(which, cost)| Op::Settle(which, cost)),
        1 => any::<usize>().prop_map(Op::Record),
        1 => (1..6_usize, limit()).prop_map(|(scope, limit)| Op::SetBudget(scope, limit)),
        3 => prop_oneof![9 => 0..600_i64, 1 => 0..200_000_i64].prop_map(Op::Wait),
        1 => Just(Op::Expire),
        1 => Just(Op::Recover),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let limits = prop::collection::vec(limit(), 6);
    (limits, any::<bool>(), prop::collection::vec(op(), 1..80))
        .prop_map(|(limits, steady, ops)| Case { limits, steady, ops })
}

/// The scope of a limit in [`Case::limits`].
fn scope(number: usize) -> BudgetScope {
    match number {
        0 => BudgetScope::Installation,
        1 | 2 => BudgetScope::Workspace(ws(WORKSPACES[number - 1])),
        _ => BudgetScope::Key(KEYS[number - 3].into()),
    }
}

struct Row {
    call: ModelCall,
    reserved: i64,
    cost: Option<i64>,
}

impl Row {
    fn counts_in(&self, period: &Period, scope: &BudgetScope) -> bool {
        let of_scope = match scope {
            BudgetScope::Installation => true,
            BudgetScope::Workspace(workspace) => self.call.workspace_id == *workspace,
            BudgetScope::Key(key) => self.call.key_id == *key,
        };
        of_scope && Period::of(self.call.created_at) == *period
    }
}

/// The ledger as one would write it on paper.
struct Model {
    limits: Vec<Option<i64>>,
    rows: Vec<Row>,
    now: Timestamp,
}

impl Model {
    /// Settled, reserved, calls.
    fn sums(&self, period: &Period, scope: &BudgetScope) -> (i64, i64, u64) {
        let rows: Vec<_> = self.rows.iter().filter(|row| row.counts_in(period, scope)).collect();
        let settled = rows.iter().filter_map(|row| row.cost).sum();
        let reserved = rows.iter().filter(|row| row.cost.is_none()).map(|row| row.reserved).sum();
        (settled, reserved, rows.len() as u64)
    }

    /// What is to be answered where `asked` is to be reserved on top.
    fn judge(&self, call: &ModelCall, asked: i64) -> Admission {
        let period = Period::of(call.created_at);
        let narrow_first = [
            BudgetScope::Key(call.key_id.clone()),
            BudgetScope::Workspace(call.workspace_id.clone()),
            BudgetScope::Installation,
        ];
        let over = narrow_first.into_iter().filter_map(|of| {
            let number = (0..6).find(|number| scope(*number) == of).unwrap();
            let limit = self.limits[number]?;
            let (settled, reserved, _) = self.sums(&period, &of);
            let over = OverBudget {
                scope: of,
                limit: NanoUsd(limit),
                settled: NanoUsd(settled),
                reserved: NanoUsd(reserved),
                asked: NanoUsd(asked),
                on_limit: OnLimit::Refuse,
            };
            (asked > 0 && settled + reserved + asked > limit).then_some(over)
        });
        let tightest = over.min_by_key(|over| over.limit.0 - over.settled.0 - over.reserved.0);
        tightest.map_or(Admission::Admitted, Admission::Refused)
    }

    fn place(&self, which: usize) -> Option<usize> {
        (!self.rows.is_empty()).then(|| which % self.rows.len())
    }

    /// Loses the open calls that are over by now, or all. Returns how many.
    fn lose(&mut self, all: bool) -> u64 {
        let now = self.now;
        let open = self.rows.iter_mut().filter(|row| row.cost.is_none());
        let lost = open.filter(|row| all || row.call.expires_at <= now);
        lost.map(|row| row.cost = Some(row.reserved)).count() as u64
    }

    fn periods(&self) -> BTreeSet<Period> {
        self.rows.iter().map(|row| Period::of(row.call.created_at)).collect()
    }
}

/// A database in memory.
struct Memory;

#[async_trait]
impl Disk for Memory {
    async fn begin(&self) {}

    async fn committed(&self) {}
}

struct Pair {
    store: SqliteStore,
    model: Model,
    steady: bool,
}

impl Pair {
    async fn begin(case: &Case) -> Self {
        let store =
            SqliteStore::open_in_place(Path::new("ledger"), "memdb", Arc::new(Memory)).unwrap();
        // Near the end of the month.
        let now: Timestamp = "2026-11-30T23:00:00Z".parse().unwrap();
        for number in 1..6 {
            if let Some(limit) = case.limits[number] {
                store.set_budget(budget(scope(number), limit), now).await.unwrap();
            }
        }
        let model = Model { limits: case.limits.clone(), rows: Vec::new(), now };
        Self { store, model, steady: case.steady }
    }

    fn installation(&self) -> Option<Budget> {
        self.model.limits[0].map(|limit| budget(BudgetScope::Installation, limit))
    }

    async fn step(&mut self, op: &Op) {
        match *op {
            Op::Reserve { workspace, key, amount, lasts } => {
                self.reserve(workspace, key, amount, lasts).await;
            }
            Op::Again(which) => self.again(which).await,
            Op::Move(which, amount) => self.move_to(which, amount).await,
            Op::Settle(which, percent) => self.settle(which, percent).await,
            Op::Record(which) => self.record(which).await,
            Op::SetBudget(number, limit) if !self.steady => {
                let now = self.model.now;
                match limit {
                    Some(limit) => {
                        self.store.set_budget(budget(scope(number), limit), now).await.unwrap();
                    }
                    None => drop(self.store.remove_budget(&scope(number)).await.unwrap()),
                }
                self.model.limits[number] = limit;
            }
            Op::SetBudget(..) => {}
            Op::Wait(seconds) => {
                let by = std::time::Duration::from_secs(seconds.unsigned_abs());
                self.model.now = self.model.now.plus(by);
            }
            Op::Expire => {
                let lost = self.store.expire_calls(self.model.now).await.unwrap();
                assert_eq!(lost, self.model.lose(false));
            }
            Op::Recover => {
                let lost = self.store.recover_calls(self.model.now).await.unwrap();
                assert_eq!(lost, self.model.lose(true));
            }
        }
    }

    async fn reserve(&mut self, workspace: usize, key: usize, amount: i64, lasts: i64) {
        let created_at = self.model.now;
        let expires_at = Timestamp::from_millis(created_at.millis() + lasts * 1000);
        let call = model_call(WORKSPACES[workspace], KEYS[key], amount, 0);
        let call = ModelCall { created_at, expires_at, ..call };
        let expected = self.model.judge(&call, amount);
        let answer = self.store.reserve_call(call.clone(), self.installation()).await.unwrap();
        assert_eq!(answer, expected);
        if answer == Admission::Admitted {
            self.model.rows.push(Row { call, reserved: amount, cost: None });
        }
    }

    async fn again(&mut self, which: usize) {
        let Some(place) = self.model.place(which) else { return };
        let row = &self.model.rows[place];
        let reserved = NanoUsd(row.call.reserved.0.min(row.reserved));
        let call = ModelCall { reserved, ..row.call.clone() };
        let expected = match row.cost {
            None => Ok(Admission::Admitted),
            Some(_) => Err(StoreError::CallSettled { call: call.id.to_string() }),
        };
        assert_eq!(self.store.reserve_call(call, self.installation()).await, expected);
    }

    async fn move_to(&mut self, which: usize, amount: i64) {
        let Some(place) = self.model.place(which) else { return };
        let row = &self.model.rows[place];
        let id = row.call.id.clone();
        let moved = self.store.move_call(&id, "d", "p", NanoUsd(amount), self.installation());
        let answer = moved.await;
        if row.cost.is_some() {
            assert_eq!(answer, Err(StoreError::CallSettled { call: id.to_string() }));
            return;
        }
        let answer = answer.unwrap();
        assert_eq!(answer, self.model.judge(&row.call, amount - row.reserved));
        if answer == Admission::Admitted {
            self.model.rows[place].reserved = amount;
        }
    }

    async fn settle(&mut self, which: usize, percent: i64) {
        let Some(place) = self.model.place(which) else { return };
        let row = &mut self.model.rows[place];
        let percent = if self.steady { percent.min(100) } else { percent };
        let cost = row.reserved * percent / 100;
        self.store.settle_call(settlement(&row.call, cost, 0)).await.unwrap();
        row.cost.get_or_insert(cost);
    }

    async fn record(&mut self, which: usize) {
        let free = ModelCall { created_at: self.model.now, ..model_call("b", "eve", 0, 0) };
        let mut calls = vec![(free.clone(), settlement(&free, 0, 0))];
        if let Some(place) = self.model.place(which) {
            let known = &self.model.rows[place].call;
            calls.push((known.clone(), settlement(known, 7, 0)));
        }
        self.store.record_calls(calls).await.unwrap();
        self.model.rows.push(Row { call: free, reserved: 0, cost: Some(0) });
    }

    /// That the sums of the store are those of the calls, and keep the limits.
    async fn check(&self) {
        for period in self.model.periods() {
            let mut kept = self.store.spend(None, &period).await.unwrap();
            kept.sort_by(|a, b| a.scope.cmp(&b.scope));
            let kept: Vec<_> = kept
                .into_iter()
                .map(|spend| (spend.scope, (spend.settled.0, spend.reserved.0, spend.calls)))
                .collect();
            let sums = |number| (scope(number), self.model.sums(&period, &scope(number)));
            let expected: Vec<_> = (0..6).map(sums).filter(|(_, (.., calls))| *calls > 0).collect();
            assert_eq!(kept, expected, "{period}");
            for number in (0..6).filter(|_| self.steady) {
                let (settled, reserved, _) = self.model.sums(&period, &scope(number));
                let limit = self.model.limits[number].unwrap_or(i64::MAX);
                assert!(settled + reserved <= limit, "{:?}", scope(number));
            }
        }
    }

    /// That the store's rows are the model's.
    async fn check_rows(&self) {
        let mut rows = 0;
        for name in WORKSPACES {
            for kept in self.store.calls(&ws(name), None, 1000).await.unwrap() {
                let row = self.model.rows.iter().find(|row| row.call.id == kept.call.id).unwrap();
                let cost = kept.settled.map(|settled| settled.cost.0);
                assert_eq!((kept.call.reserved.0, cost), (row.reserved, row.cost));
                rows += 1;
            }
        }
        assert_eq!(rows, self.model.rows.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_decision_and_every_sum_is_that_of_the_model(case in case()) {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::begin(&case).await;
            for op in &case.ops {
                pair.step(op).await;
                pair.check().await;
            }
            pair.check_rows().await;
            // What a start counts is what was kept.
            pair.step(&Op::Recover).await;
            pair.check().await;
        });
    }
}
