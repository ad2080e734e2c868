//! Each verb of the ledger as one operation of the writer or one read.

use agentos_domain::{CallId, NanoUsd, Timestamp, WorkspaceId};
use async_trait::async_trait;

use super::{SqliteStore, budgets, calls};
use crate::{
    Admission, Budget, BudgetScope, CallRecord, Ledger, ModelCall, Period, Settlement, Spend,
    StoreError,
};

#[async_trait]
impl Ledger for SqliteStore {
    async fn reserve_call(
        &self,
        new: ModelCall,
        installation: Option<Budget>,
    ) -> Result<Admission, StoreError> {
        self.write(move |tx| calls::reserve(tx.conn, &new, installation.as_ref())).await
    }

    async fn move_call(
        &self,
        id: &CallId,
        deployment: &str,
        provider: &str,
        reserve: NanoUsd,
        installation: Option<Budget>,
    ) -> Result<Admission, StoreError> {
        let (id, deployment, provider) = (id.clone(), deployment.to_owned(), provider.to_owned());
        self.write(move |tx| {
            let to = (deployment.as_str(), provider.as_str());
            calls::move_to(tx.conn, &id, to, reserve, installation.as_ref())
        })
        .await
    }

    async fn settle_call(&self, settlement: Settlement) -> Result<(), StoreError> {
        self.write(move |tx| calls::settle(tx.conn, &settlement)).await
    }

    async fn record_calls(&self, calls: Vec<(ModelCall, Settlement)>) -> Result<(), StoreError> {
        self.write(move |tx| calls::record(tx.conn, &calls)).await
    }

    async fn recover_calls(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.write(move |tx| calls::recover(tx.conn, now)).await
    }

    async fn expire_calls(&self, now: Timestamp) -> Result<u64, StoreError> {
        // Asked often, and seldom there is anything: that costs no transaction.
        if !self.read(move |conn| calls::any_expired(conn, now)).await? {
            return Ok(0);
        }
        self.write(move |tx| calls::expire(tx.conn, now)).await
    }

    async fn set_budget(&self, budget: Budget, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |tx| budgets::set(tx.conn, &budget, now)).await
    }

    async fn remove_budget(&self, scope: &BudgetScope) -> Result<bool, StoreError> {
        let scope = scope.clone();
        self.write(move |tx| budgets::remove(tx.conn, &scope)).await
    }

    async fn budgets(&self, ws: Option<&WorkspaceId>) -> Result<Vec<Budget>, StoreError> {
        let ws = ws.cloned();
        self.read(move |conn| budgets::list(conn, ws.as_ref())).await
    }

    async fn spend(
        &self,
        ws: Option<&WorkspaceId>,
        period: &Period,
    ) -> Result<Vec<Spend>, StoreError> {
        let (ws, period) = (ws.cloned(), period.clone());
        self.read(move |conn| budgets::in_period(conn, ws.as_ref(), &period)).await
    }

    async fn spend_of(&self, scope: &BudgetScope, now: Timestamp) -> Result<Spend, StoreError> {
        let scope = scope.clone();
        self.read(move |conn| budgets::of_scope(conn, &scope, now)).await
    }

    async fn calls(
        &self,
        ws: &WorkspaceId,
        before: Option<&CallId>,
        limit: u32,
    ) -> Result<Vec<CallRecord>, StoreError> {
        let (ws, before) = (ws.clone(), before.cloned());
        self.read(move |conn| calls::list(conn, &ws, before.as_ref(), limit)).await
    }

    async fn call(&self, ws: &WorkspaceId, id: &CallId) -> Result<Option<CallRecord>, StoreError> {
        let (ws, id) = (ws.clone(), id.clone());
        self.read(move |conn| calls::by_id(conn, &ws, &id)).await
    }

    async fn due_alerts(
        &self,
        threshold_permille: u32,
        installation: Option<&Budget>,
        now: Timestamp,
    ) -> Result<Vec<Spend>, StoreError> {
        let installation = installation.cloned();
        self.read(move |conn| {
            budgets::due_alerts(conn, threshold_permille, installation.as_ref(), now)
        })
        .await
    }

    async fn alert_told(
        &self,
        scope: &BudgetScope,
        period: &Period,
        threshold_permille: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (scope, period) = (scope.clone(), period.clone());
        self.write(move |tx| budgets::alert_told(tx.conn, &scope, &period, threshold_permille, now))
            .await
    }
}
