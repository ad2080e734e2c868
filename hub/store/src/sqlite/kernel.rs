//! Each verb of the kernel's store as one operation of the writer or one read.

use agentos_domain::Timestamp;
use async_trait::async_trait;

use super::{SqliteStore, results, runs};
use crate::{
    BilledDay, Day, DayOutcome, KernelCounts, KernelStore, MeteredDay, ReplacedResult,
    ResultFilter, ResultRecord, RunEnd, RunFilter, RunId, RunRecord, StoreError,
};

#[async_trait]
impl KernelStore for SqliteStore {
    async fn begin_run(
        &self,
        id: RunId,
        plugin_name: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let plugin_name = plugin_name.to_owned();
        self.write(move |tx| runs::begin(tx.conn, id, &plugin_name, now)).await
    }

    async fn end_run(&self, id: RunId, end: RunEnd) -> Result<bool, StoreError> {
        self.write(move |tx| runs::end(tx.conn, id, &end)).await
    }

    async fn close_open_runs(&self, error: &str, now: Timestamp) -> Result<u64, StoreError> {
        let error = error.to_owned();
        self.write(move |tx| runs::close_open(tx.conn, &error, now)).await
    }

    async fn run(&self, id: RunId) -> Result<Option<RunRecord>, StoreError> {
        self.read(move |conn| runs::by_id(conn, id)).await
    }

    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRecord>, StoreError> {
        self.read(move |conn| runs::list(conn, &filter)).await
    }

    async fn record_days(
        &self,
        run: RunId,
        provider: &str,
        days: Vec<BilledDay>,
        now: Timestamp,
    ) -> Result<Vec<DayOutcome>, StoreError> {
        let provider = provider.to_owned();
        self.write(move |tx| results::record(tx.conn, run, &provider, &days, now)).await
    }

    async fn recorded_days(
        &self,
        provider: &str,
        from: Day,
        to: Day,
    ) -> Result<Vec<Day>, StoreError> {
        let provider = provider.to_owned();
        self.read(move |conn| results::days(conn, &provider, from, to)).await
    }

    async fn newest_day(&self, provider: &str) -> Result<Option<Day>, StoreError> {
        let provider = provider.to_owned();
        self.read(move |conn| results::newest(conn, &provider)).await
    }

    async fn results(&self, filter: ResultFilter) -> Result<Vec<ResultRecord>, StoreError> {
        self.read(move |conn| results::list(conn, &filter)).await
    }

    async fn result_history(
        &self,
        provider: &str,
        date: Day,
    ) -> Result<Vec<ReplacedResult>, StoreError> {
        let provider = provider.to_owned();
        self.read(move |conn| results::history(conn, &provider, date)).await
    }

    async fn metered(&self, from: Day, to: Day) -> Result<Vec<MeteredDay>, StoreError> {
        self.read(move |conn| results::metered(conn, from, to)).await
    }

    async fn kernel_counts(&self) -> Result<KernelCounts, StoreError> {
        self.read(runs::counts).await
    }
}
