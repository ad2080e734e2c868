//! Texts as vectors, from the first deployment that makes any.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::Clock;
use agentos_store::CallOutcome;
use serde_json::Value;

use crate::config::Location;
use crate::deployment::Deployment;
use crate::error::{CallError, ErrorKind, RouterError, Verdict};
use crate::meter::{Consumed, Meter, Refusal};
use crate::providers::EmbedCall;
use crate::route::{Pool, Route};
use crate::router::{Caller, ProviderKeys};
use crate::wire::openai;

/// One request for embeddings while it is answered.
pub(crate) struct Embed {
    pub(crate) pool: Arc<Pool>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: Arc<dyn ProviderKeys>,
    pub(crate) caller: Caller,
    pub(crate) request: Value,
    pub(crate) meter: Meter,
    /// When it has to be answered, by the clock that never goes back.
    pub(crate) deadline: Duration,
}

impl Embed {
    /// Answers the request, and settles what it cost.
    pub(crate) async fn run(
        mut self,
        group: String,
        deployments: Vec<Arc<Deployment>>,
    ) -> Result<Value, RouterError> {
        let pool = Arc::clone(&self.pool);
        let mut route = Route::new(&pool, group, deployments);
        let mut last = RouterError::AllResting { retry_after: Duration::from_secs(1) };
        // Other models make other vectors: a fallback's would be of no use.
        route.stay();
        while let Some(deployment) = route.next() {
            match self.ask(&deployment).await {
                Ok(answer) => {
                    self.meter.settle().await;
                    return Ok(answer);
                }
                Err(error) => {
                    let verdict = match &error {
                        RouterError::Failed { error, .. } => error.kind.verdict(),
                        _ => Verdict::Next,
                    };
                    last = error;
                    match verdict {
                        Verdict::GiveUp => break,
                        Verdict::NextThenAgain => route.try_again(deployment),
                        Verdict::Next => {}
                    }
                }
            }
        }
        self.meter.gave_up(agentos_domain::Classified::code(&last));
        self.meter.settle().await;
        Err(last)
    }

    async fn ask(&mut self, deployment: &Arc<Deployment>) -> Result<Value, RouterError> {
        let config = &deployment.config;
        let failed = |error| RouterError::Failed { deployment: config.name.clone(), error };
        if self.caller.local_only && config.location != Location::Local {
            let message = "it is not in the home network, which this request may not leave";
            return Err(failed(CallError::new(ErrorKind::LocalOnly, message)));
        }
        let key = match config.location {
            Location::Cloud if config.own_keys => {
                self.keys.key(&self.caller.workspace, &config.provider).await.map_err(failed)?
            }
            _ => None,
        };
        let place = deployment.enter(key.is_some());
        let mut place = place.map_err(|rest| RouterError::AllResting { retry_after: rest })?;
        match self.meter.reserve(config, 1).await {
            Ok(()) => {}
            Err(Refusal::OverBudget(over)) => return Err(RouterError::OverBudget(over)),
            Err(Refusal::Other(error)) => return Err(failed(error)),
        }
        let began = self.clock.monotonic();
        let call = EmbedCall { request: &self.request, model: &config.model, key: key.as_ref() };
        let limit = config.timeouts.total.min(self.deadline.saturating_sub(began));
        let answer = tokio::time::timeout(limit, deployment.provider.embed(call)).await;
        let answer = answer.unwrap_or_else(|_| {
            let message = format!("it did not answer within {} s", limit.as_secs());
            Err(CallError::new(ErrorKind::Timeout, message))
        });
        let took = self.clock.monotonic().saturating_sub(began);
        match answer {
            Ok(answer) => {
                place.answered(took);
                let told = openai::metered(&answer["usage"]);
                let consumed = Consumed {
                    complete: told.is_some(),
                    told,
                    bytes: 0,
                    pieces: 0,
                    whole: false,
                    model: answer["model"].as_str().map(ToOwned::to_owned),
                };
                self.meter.answered(config, &consumed, CallOutcome::Completed, took);
                Ok(answer)
            }
            Err(error) => {
                place.failed(&error);
                let read = Consumed::default();
                let consumed = error.kind.is_unexplained().then_some(&read);
                self.meter.failed(config, consumed, error.kind, took);
                Err(failed(error))
            }
        }
    }
}
