//! The shapes of answers about models and money; see `schemas`.
#![expect(dead_code, reason = "only the derived schemas are used")]

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Where a deployment computes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModelLocation {
    /// In the home network.
    Local,
    /// Elsewhere.
    Cloud,
}

/// How a deployment fares.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeploymentState {
    /// It is asked.
    Ready,
    /// It has failed, and is left alone for a while.
    Resting,
    /// It is known not to be there.
    Unreachable,
}

/// A model and where it runs.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelDeployment {
    /// What it is called.
    name: String,
    /// Whose model it is.
    provider: String,
    /// The model, as the provider names it.
    model: String,
    /// Where it computes.
    location: ModelLocation,
    /// How it fares.
    state: DeploymentState,
    /// How long it still rests.
    #[schema(required, minimum = 1)]
    resting_seconds: Option<u64>,
    /// How many calls it answers now.
    calls_under_way: u64,
    /// The time until the first content of an answer, of late; null before the
    /// first.
    #[schema(required)]
    first_content_ms: Option<u64>,
}

/// A name that requests may name.
#[derive(Serialize, ToSchema)]
pub(crate) struct Model {
    /// The name.
    name: String,
    /// Whether all of its deployments compute in the home network.
    local: bool,
    /// Those who answer to it.
    deployments: Vec<ModelDeployment>,
}

/// All models.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelPage {
    /// The models, by name.
    items: Vec<Model>,
    /// Always null: all are in one page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// What happens to a call that does not fit a budget.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnLimit {
    /// It is refused.
    Refuse,
    /// A local model answers instead.
    LocalOnly,
}

/// What calls of models may cost in a month, and what they have cost.
#[derive(Serialize, ToSchema)]
pub(crate) struct Budget {
    /// `installation`, `workspace`, or the id of an API key.
    scope: String,
    /// The limit, in US dollars.
    #[schema(pattern = r"^[0-9]+\.[0-9]{9}$")]
    limit_usd: String,
    /// What happens to a call that does not fit.
    on_limit: OnLimit,
    /// The month, in UTC; null where what others spend is not told.
    #[schema(required, pattern = "^[0-9]{4}-[0-9]{2}$")]
    month: Option<String>,
    /// What calls that have ended cost.
    #[schema(required, pattern = r"^[0-9]+\.[0-9]{9}$")]
    settled_usd: Option<String>,
    /// What calls that are under way may cost at most.
    #[schema(required, pattern = r"^[0-9]+\.[0-9]{9}$")]
    reserved_usd: Option<String>,
    /// How many calls there were.
    #[schema(required)]
    calls: Option<u64>,
}

/// Budgets.
#[derive(Serialize, ToSchema)]
pub(crate) struct BudgetPage {
    /// The budgets.
    items: Vec<Budget>,
    /// Always null: all are in one page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Tokens by kind; none is counted twice, but those of reasoning, which are part
/// of the output.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenCounts {
    /// Of the prompt, neither read from the provider's cache nor written to it.
    input: u64,
    /// Of the prompt, read from the cache.
    cache_read: u64,
    /// Of the prompt, written to the cache.
    cache_write: u64,
    /// Of the prompt, written to the cache for an hour.
    cache_write_1h: u64,
    /// Of the answer.
    output: u64,
    /// Of the answer, spent on reasoning.
    reasoning: u64,
}

/// How a call stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallOutcome {
    /// It is made.
    UnderWay,
    /// It ended with a whole answer.
    Completed,
    /// It ended with an error.
    Failed,
    /// Whoever asked went away.
    Abandoned,
    /// The hub ended meanwhile: what was reserved counts as spent.
    Lost,
}

/// A call of a model.
#[derive(Serialize, ToSchema)]
pub(crate) struct Call {
    /// Its id.
    #[schema(pattern = "^call_[0-9a-f]{32}$")]
    call_id: String,
    /// The name that was asked for.
    requested: String,
    /// The deployment that answered, or was asked last.
    deployment: String,
    /// Whose model it is.
    provider: String,
    /// The model, as the answer names it.
    #[schema(required)]
    model: Option<String>,
    /// The task that it belongs to.
    #[schema(required, pattern = "^task_[0-9a-f]{32}$")]
    task_id: Option<String>,
    /// The request that it belongs to.
    #[schema(required, pattern = "^req_[0-9a-f]{32}$")]
    request_id: Option<String>,
    /// How it stands.
    outcome: CallOutcome,
    /// Why it failed.
    #[schema(required)]
    error_code: Option<String>,
    /// What it consumed.
    #[schema(required)]
    tokens: Option<TokenCounts>,
    /// What it cost, in US dollars.
    #[schema(required, pattern = r"^[0-9]+\.[0-9]{9}$")]
    cost_usd: Option<String>,
    /// What was reserved for it, in US dollars.
    #[schema(pattern = r"^[0-9]+\.[0-9]{9}$")]
    reserved_usd: String,
    /// Whether tokens and cost are not the provider's own figures.
    estimated: bool,
    /// Each deployment that was asked, and what came of it.
    #[schema(value_type = Vec<CallAttempt>)]
    attempts: Value,
    /// Until its first content.
    #[schema(required)]
    first_token_ms: Option<u64>,
    /// Until its end.
    #[schema(required)]
    duration_ms: Option<u64>,
    /// When it began.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its cost was noted.
    #[schema(format = DateTime, required)]
    settled_at: Option<String>,
}

/// One deployment that was asked.
#[derive(Serialize, ToSchema)]
pub(crate) struct CallAttempt {
    /// The deployment.
    deployment: String,
    /// `ok`, or why it did not answer.
    result: String,
    /// How long it took.
    milliseconds: u64,
    /// What it cost, in billionths of a US dollar.
    cost_nano_usd: i64,
}

/// A page of calls, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct CallPage {
    /// The calls.
    items: Vec<Call>,
    /// What to send as `cursor` for the page after this one; null on the last.
    #[schema(required)]
    next_cursor: Option<String>,
}
