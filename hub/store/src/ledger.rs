//! The budget ledger: what calls of models may cost, and what they cost.
//!
//! The worst case of a call is reserved before it is made, and what it cost is
//! settled afterwards, both against three scopes: the installation, the
//! workspace, the key. A call is admitted only where, in each scope with a
//! limit, what is settled, what is reserved and what is asked for fit together.
//! Decision and reservation are one transaction, so that calls that come at the
//! same time cannot overshoot a limit together.
//!
//! ```text
//!               fits                  settle_call
//!  reserve_call ────► open ─────────────────────────► completed, failed, abandoned
//!      │             │    ▲ │ expire_calls, recover_calls
//!      ▼             └────┘ └───────────────────────► lost: it may have cost
//!   refused         move_call                          all that was reserved
//! ```

use std::fmt;
use std::str::FromStr;

use agentos_domain::{CallId, NanoUsd, RequestId, TaskId, Timestamp, TokenCounts, WorkspaceId};
use async_trait::async_trait;

use crate::StoreError;

/// A calendar month in UTC, written `2026-11`. Budgets begin anew with each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(String);

impl Period {
    /// The month of an instant. Before 1970 no call was made: that is 1970-01.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        let written = time.max(Timestamp::from_millis(0)).to_string();
        Self(written.chars().take("2026-11".len()).collect())
    }

    /// The month as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = |text: &str, length| {
            text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        match text.split_once('-') {
            Some((year, month))
                if digits(year, 4) && digits(month, 2) && ("01"..="12").contains(&month) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err("expected a month such as 2026-11".to_owned()),
        }
    }
}

/// Whose spending is counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BudgetScope {
    /// Everybody's.
    Installation,
    /// That of a workspace.
    Workspace(WorkspaceId),
    /// That of a principal, by its id.
    Key(String),
}

impl BudgetScope {
    /// What kind of scope it is: `installation`, `workspace`, `key`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Installation => "installation",
            Self::Workspace(_) => "workspace",
            Self::Key(_) => "key",
        }
    }

    /// Which of its kind; empty for the installation.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Installation => "",
            Self::Workspace(id) => id.as_str(),
            Self::Key(id) => id,
        }
    }
}

/// What happens to a call that does not fit a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnLimit {
    /// It is refused.
    Refuse,
    /// It is made by a model that costs nothing.
    LocalOnly,
}

impl OnLimit {
    /// As it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::LocalOnly => "local_only",
        }
    }
}

impl FromStr for OnLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Refuse, Self::LocalOnly].into_iter();
        let found = known.into_iter().find(|on_limit| on_limit.as_str() == text);
        found.ok_or_else(|| format!("expected `refuse` or `local_only`, got `{text}`"))
    }
}

/// What a scope may spend in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Whose budget it is.
    pub scope: BudgetScope,
    /// The most that may be settled and reserved together; a negative limit is 0.
    pub limit: NanoUsd,
    /// What happens to a call that does not fit.
    pub on_limit: OnLimit,
}

/// A call of a model, as it is reserved or kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelCall {
    /// Its id.
    pub id: CallId,
    /// The workspace that it is made for.
    pub workspace_id: WorkspaceId,
    /// The principal that it is made for.
    pub key_id: String,
    /// The task that it belongs to.
    pub task_id: Option<TaskId>,
    /// The request that it belongs to.
    pub request_id: Option<RequestId>,
    /// The name of the model that was asked for.
    pub requested: String,
    /// The deployment that answered, or is to.
    pub deployment: String,
    /// Whose API it is.
    pub provider: String,
    /// The most that it may cost, held until it is settled; a negative amount
    /// is 0.
    pub reserved: NanoUsd,
    /// When it began, by the hub's time. It counts in the month of that,
    /// whenever it ends.
    pub created_at: Timestamp,
    /// When it is taken for lost, unless it was settled.
    pub expires_at: Timestamp,
}

/// Whether a call may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may; what was asked for is reserved.
    Admitted,
    /// It may not; nothing was changed.
    Refused(OverBudget),
}

/// Why a call may not be made: of the budgets that it does not fit, the one
/// with the least left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverBudget {
    /// Whose budget it is.
    pub scope: BudgetScope,
    /// The limit for a month.
    pub limit: NanoUsd,
    /// What was spent of it.
    pub settled: NanoUsd,
    /// What calls that are under way may cost.
    pub reserved: NanoUsd,
    /// What was asked for on top of these.
    pub asked: NanoUsd,
    /// What is to happen instead.
    pub on_limit: OnLimit,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// With a whole answer.
    Completed,
    /// With an error.
    Failed,
    /// Whoever asked went away before its end.
    Abandoned,
    /// Nobody knows: the process that made it is gone, or never settled it.
    Lost,
}

impl CallOutcome {
    /// As it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
            Self::Lost => "lost",
        }
    }
}

impl FromStr for CallOutcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Completed, Self::Failed, Self::Abandoned, Self::Lost];
        let found = known.into_iter().find(|outcome| outcome.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is no outcome of a call"))
    }
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The call.
    pub id: CallId,
    /// The deployment that answered, or was tried last.
    pub deployment: String,
    /// Whose API it is.
    pub provider: String,
    /// The model that the response named; empty where none did.
    pub model: String,
    /// What it consumed.
    pub tokens: TokenCounts,
    /// What it cost, with the attempts that failed; a negative amount is 0.
    pub cost: NanoUsd,
    /// Whether tokens and cost are not the provider's own figures.
    pub estimated: bool,
    /// How it ended.
    pub outcome: CallOutcome,
    /// The code of its error.
    pub error_code: Option<String>,
    /// The attempts, as a JSON list that the store does not look into.
    pub attempts: String,
    /// Until its first token, in milliseconds.
    pub first_token_ms: Option<u64>,
    /// Until its end, in milliseconds.
    pub duration_ms: u64,
    /// The hub's time.
    pub now: Timestamp,
}

/// A call as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// The call, as it was reserved, moved and settled.
    pub call: ModelCall,
    /// The month in which it counts.
    pub period: Period,
    /// What it came to; `None` while it is open.
    pub settled: Option<SettledCall>,
}

/// What a call that is kept came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledCall {
    /// The model that the response named.
    pub model: Option<String>,
    /// What it consumed.
    pub tokens: TokenCounts,
    /// What it cost.
    pub cost: NanoUsd,
    /// Whether tokens and cost are not the provider's own figures.
    pub estimated: bool,
    /// How it ended.
    pub outcome: CallOutcome,
    /// The code of its error.
    pub error_code: Option<String>,
    /// The attempts, as a JSON list.
    pub attempts: String,
    /// Until its first token, in milliseconds.
    pub first_token_ms: Option<u64>,
    /// Until its end, in milliseconds; `None` of a lost call.
    pub duration_ms: Option<u64>,
    /// When it was settled.
    pub settled_at: Timestamp,
}

/// What a scope has spent in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spend {
    /// The month.
    pub period: Period,
    /// Whose spending it is.
    pub scope: BudgetScope,
    /// What calls that have ended cost.
    pub settled: NanoUsd,
    /// What calls that are under way may cost.
    pub reserved: NanoUsd,
    /// How many calls there were, those under way included.
    pub calls: u64,
    /// The limit of its budget now. That of the installation is in the
    /// configuration, and here only where it was passed in.
    pub limit: Option<NanoUsd>,
}

/// What calls of models may cost and what they cost. Each verb is one
/// transaction, as those of [`Store`](crate::Store) are. Amounts that do not fit
/// an `i64` are its largest, about nine billion US dollars: sums never wrap.
///
/// The installation's budget is in the configuration, hence it is passed in;
/// its `scope` is not looked at. Those of workspaces and keys are kept here.
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Reserves what a call may cost, if it fits every budget. A call that
    /// costs nothing is always admitted. The same call again is answered as the
    /// first time while it is open; where it was refused it is judged anew.
    ///
    /// # Errors
    /// [`StoreError::CallSettled`] where the call has ended, for instance
    /// because its time was over: nothing is reserved for it any more.
    async fn reserve_call(
        &self,
        new: ModelCall,
        installation: Option<Budget>,
    ) -> Result<Admission, StoreError>;

    /// Has another deployment answer an open call. `reserve` is what the whole
    /// call may cost now: its failed attempts and the worst case of the next.
    /// Only what it is above the reservation before has to fit; less than that
    /// is always admitted. Refused, the call stays as it was.
    ///
    /// # Errors
    /// [`StoreError::UnknownCall`], [`StoreError::CallSettled`].
    async fn move_call(
        &self,
        id: &CallId,
        deployment: &str,
        provider: &str,
        reserve: NanoUsd,
        installation: Option<Budget>,
    ) -> Result<Admission, StoreError>;

    /// Ends a call: its reservation is released and its cost counts. A call is
    /// settled once; after that this changes nothing. A cost above the
    /// reservation counts as it is, for it was spent.
    ///
    /// # Errors
    /// [`StoreError::UnknownCall`].
    async fn settle_call(&self, settlement: Settlement) -> Result<(), StoreError>;

    /// Keeps calls that have ended and for which nothing had to be reserved,
    /// because they cost nothing. No budget is asked. Calls that are known
    /// already are skipped.
    async fn record_calls(&self, calls: Vec<(ModelCall, Settlement)>) -> Result<(), StoreError>;

    /// At the hub's start, before any call: calls that are open belong to a
    /// process that is gone. Each is lost, at the cost of its whole reservation.
    /// Then the sums of this month, and of the months of those calls, are
    /// checked against the calls, and corrected where they differ. Returns how
    /// many calls were lost.
    async fn recover_calls(&self, now: Timestamp) -> Result<u64, StoreError>;

    /// Takes open calls whose time is over for lost, as
    /// [`Ledger::recover_calls`] does. Returns how many there were.
    async fn expire_calls(&self, now: Timestamp) -> Result<u64, StoreError>;

    /// Sets the budget of a workspace or a key, from now on.
    ///
    /// # Errors
    /// [`StoreError::InstallationBudget`] for that of the installation.
    async fn set_budget(&self, budget: Budget, now: Timestamp) -> Result<(), StoreError>;

    /// Removes a budget: its scope has no limit of its own from now on. False
    /// if there was none.
    async fn remove_budget(&self, scope: &BudgetScope) -> Result<bool, StoreError>;

    /// The budgets that are kept here: of a workspace and its API keys, or all
    /// where none is named.
    async fn budgets(&self, ws: Option<&WorkspaceId>) -> Result<Vec<Budget>, StoreError>;

    /// What was spent in a month by a workspace and its API keys, or by all
    /// scopes where none is named. Scopes without a call are left out.
    async fn spend(
        &self,
        ws: Option<&WorkspaceId>,
        period: &Period,
    ) -> Result<Vec<Spend>, StoreError>;

    /// What a scope has spent in the month of `now`.
    async fn spend_of(&self, scope: &BudgetScope, now: Timestamp) -> Result<Spend, StoreError>;

    /// A page of calls of a workspace, those that were written last first.
    ///
    /// # Errors
    /// [`StoreError::UnknownCursor`] where `before` is no call of the workspace.
    async fn calls(
        &self,
        ws: &WorkspaceId,
        before: Option<&CallId>,
        limit: u32,
    ) -> Result<Vec<CallRecord>, StoreError>;

    /// One call.
    async fn call(&self, ws: &WorkspaceId, id: &CallId) -> Result<Option<CallRecord>, StoreError>;

    /// The scopes that have settled and reserved, in the month of `now`, at
    /// least `threshold_permille` thousandths of their limit, and of which
    /// nobody was told in that month at this threshold.
    async fn due_alerts(
        &self,
        threshold_permille: u32,
        installation: Option<&Budget>,
        now: Timestamp,
    ) -> Result<Vec<Spend>, StoreError>;

    /// Notes that somebody was told of a scope, for this month and threshold.
    async fn alert_told(
        &self,
        scope: &BudgetScope,
        period: &Period,
        threshold_permille: u32,
        now: Timestamp,
    ) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_that_of_utc() {
        let period = |time: &str| Period::of(time.parse().unwrap()).to_string();
        assert_eq!(period("2026-11-30T23:59:59.999Z"), "2026-11");
        assert_eq!(period("2026-12-01T00:00:00.000Z"), "2026-12");
        assert_eq!(period("2026-12-01T00:30:00.000+01:00"), "2026-11");
        assert_eq!(Period::of(Timestamp::from_millis(i64::MIN)).as_str(), "1970-01");
        assert_eq!(Period::of(Timestamp::from_millis(i64::MAX)).as_str(), "9999-12");
    }

    #[test]
    fn months_are_read_as_they_are_written() {
        for text in ["1970-01", "2026-11", "9999-12"] {
            assert_eq!(text.parse::<Period>().unwrap().as_str(), text);
        }
        for text in ["", "2026", "2026-13", "2026-00", "2026-1", "26-11", "+026-11", "2026-11-01"] {
            assert!(text.parse::<Period>().unwrap_err().contains("2026-11"), "{text}");
        }
    }
}
