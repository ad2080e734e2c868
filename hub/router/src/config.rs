//! How the router is set up.

use std::time::Duration;

use agentos_domain::ProviderName;
use agentos_prices::PriceTable;
use agentos_store::Budget;

/// Everything that the router is told.
#[derive(Debug, Clone)]
pub struct RouterConfig {
    /// Who answers where a model does not.
    pub fallbacks: Vec<Fallback>,
    /// Which of the deployments of one name answers.
    pub strategy: Strategy,
    /// Budget of all calls together; none where absent.
    pub budget: Option<Budget>,
    /// The part of a budget, in thousandths, at which people are told.
    pub alert_permille: u32,
    /// What calls cost.
    pub prices: PriceTable,
    /// How long answers are kept; they are not where absent.
    pub cache_ttl: Option<Duration>,
    /// How much memory kept answers may take, in bytes.
    pub cache_bytes: u64,
    /// The most requests that are answered at once.
    pub concurrent: usize,
}

/// Who answers where a model does not.
#[derive(Debug, Clone, PartialEq)]
pub struct Fallback {
    /// The model that does not.
    pub model: String,
    /// The model that answers instead.
    pub fallback: String,
    /// The kinds of errors at which it does, as the configuration names them.
    /// Where there is no condition at all: every error.
    pub errors: Vec<String>,
    /// It also does where an answer is less sure than this.
    pub confidence_below: Option<f64>,
}

impl Fallback {
    /// Whether it is taken at an error that comes under this word.
    pub(crate) fn is_for(&self, condition: &str) -> bool {
        let unconditional = self.errors.is_empty() && self.confidence_below.is_none();
        unconditional || self.errors.iter().any(|word| word == condition || word == "error")
    }
}

/// Which of the deployments of one name answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// The one with the fewest calls under way.
    LeastBusy,
    /// Any.
    Shuffle,
    /// The one that began to answer fastest of late.
    Fastest,
}

/// Where a deployment computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// In the home network: nothing leaves it.
    Local,
    /// Elsewhere.
    Cloud,
}

impl Location {
    /// A word for logs and clients.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Cloud => "cloud",
        }
    }
}

/// A model and where it runs.
#[derive(Debug, Clone)]
pub struct DeploymentConfig {
    /// What it is called in logs, answers and the ledger; unique.
    pub name: String,
    /// The name that it answers to, alone or with others.
    pub group: String,
    /// Whose prices and keys count.
    pub provider: ProviderName,
    /// The model, as the provider names it.
    pub model: String,
    /// Where it computes.
    pub location: Location,
    /// Where the client says nothing of it.
    pub temperature: Option<f64>,
    /// The most tokens of an answer where the client says nothing of it.
    pub max_tokens: Option<u32>,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// Whether it can go on where another broke off.
    pub continues: bool,
    /// Whether it is asked with a workspace's own key of the provider, where
    /// there is one: only at the provider's own address.
    pub own_keys: bool,
    /// Whether its calls cost nothing.
    pub free: bool,
}

/// How long a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the first content. For an answer that comes whole `total` counts.
    pub first: Duration,
    /// From one piece of content to the next.
    pub idle: Duration,
    /// Altogether.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(60),
            idle: Duration::from_secs(30),
            total: Duration::from_mins(10),
        }
    }
}
