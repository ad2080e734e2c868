//! Models and the router, typed, in the shape that LiteLLM has.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::read::{below, seconds};
use crate::secret::Secret;

/// Models beside those that the edges run.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Models {
    /// The models; several of one name share its work.
    pub model_list: Vec<Model>,
}

/// A model and where it runs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The tier that it serves, or a name of its own.
    pub model_name: String,
    /// Which model, and how it is asked.
    pub litellm_params: LitellmParams,
    /// What is known of it.
    pub model_info: ModelInfo,
}

/// What is known of a model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelInfo {
    /// Where it computes; by its provider and address where absent.
    pub location: Option<ModelLocation>,
    /// Whether it can go on where another model broke off.
    pub continues: bool,
    /// Whether its calls cost nothing; those of local models where absent.
    pub free: Option<bool>,
}

/// Where a model computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelLocation {
    /// In the home network: nothing leaves it.
    Local,
    /// Elsewhere.
    Cloud,
}

/// Which model, and how it is asked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LitellmParams {
    /// `provider/name`.
    pub model: String,
    /// The provider's address.
    pub api_base: Option<String>,
    /// The provider's key.
    pub api_key: Option<Secret>,
    /// 0 is greedy.
    pub temperature: Option<f64>,
    /// The most tokens of an answer.
    pub max_tokens: Option<u32>,
    /// The longest that an answer may take, in seconds.
    pub timeout: Option<u32>,
    /// The longest until the first piece of an answer, in seconds.
    pub stream_timeout: Option<u32>,
}

/// Which model answers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Router {
    /// Which of the models of one name answers.
    pub routing_strategy: RoutingStrategy,
    /// What cloud models may cost.
    pub budget_manager: BudgetManager,
    /// Whether answers are kept.
    pub cache_responses: bool,
    /// How long an answer is kept.
    #[serde(rename = "cache_ttl_seconds", with = "seconds")]
    pub cache_ttl: Duration,
    /// Who answers where a model does not.
    pub fallbacks: Vec<Fallback>,
    /// How long calls may take.
    pub timeouts: ModelTimeouts,
    /// A file of prices, beside those that are shipped.
    pub prices: Option<PathBuf>,
    /// A file of calibrations, beside those that are shipped.
    pub calibrations: Option<PathBuf>,
    /// The most requests that are answered at once.
    pub max_concurrent: u32,
}

/// How long calls of models may take.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelTimeouts {
    /// Until a connection stands.
    #[serde(rename = "connect_seconds", with = "seconds")]
    pub connect: Duration,
    /// Until the first piece of the answer.
    #[serde(rename = "first_seconds", with = "seconds")]
    pub first: Duration,
    /// From one piece to the next.
    #[serde(rename = "idle_seconds", with = "seconds")]
    pub idle: Duration,
    /// Altogether.
    #[serde(rename = "total_seconds", with = "seconds")]
    pub total: Duration,
}

/// Which of the models of one name answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoutingStrategy {
    /// The least loaded.
    UsageBasedRouting,
    /// Any.
    SimpleShuffle,
    /// The fastest of late.
    LatencyBasedRouting,
}

/// What cloud models may cost.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetManager {
    /// Whether there is a budget.
    pub enabled: bool,
    /// The most that a month may cost, in USD.
    pub monthly_budget_usd: f64,
    /// The part of the budget at which an alert is sent.
    pub alert_threshold: f64,
    /// What happens to a call that does not fit.
    pub on_limit: OnBudgetLimit,
}

/// What happens to a call that does not fit the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBudgetLimit {
    /// It is refused.
    Refuse,
    /// A local model answers instead.
    LocalOnly,
}

/// Who answers where a model does not.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// The model that does not answer.
    pub model: String,
    /// The model that answers instead.
    pub fallback: String,
    /// Any of them is enough; none means on every error.
    pub conditions: Vec<Condition>,
}

/// When a fallback is taken.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// An error of this type.
    pub error_type: Option<String>,
    /// An answer that is less sure than this.
    #[serde(rename = "confidence_score", with = "below")]
    pub confidence_below: Option<f64>,
}
