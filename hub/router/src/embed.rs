//! Texts as vectors, from the first deployment that makes any.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Classified as _, Clock, ProviderSecret};
use agentos_store::CallOutcome;
use serde_json::Value;

use crate::config::Location;
use crate::deployment::{Deployment, Place};
use crate::error::{CallError, ErrorKind, RouterError, Verdict};
use crate::meter::{Consumed, Meter, Refusal};
use crate::providers::EmbedCall;
use crate::route::{Pool, Route};
use crate::router::{Caller, ProviderKeys, own_key};
use crate::standing::Standing;
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
        let mut standing = Standing::default();
        // Other models make other vectors: a fallback's would be of no use.
        route.stay();
        while let Some(deployment) = route.next() {
            if route.is_second() && !standing.paused {
                standing.paused = true;
                let pause = standing.pause_before(&deployment).unwrap_or_default();
                tokio::time::sleep(pause).await;
            }
            if self.clock.monotonic() >= self.deadline {
                break;
            }
            let Some((place, key)) = self.admit(&deployment, &mut standing).await else { continue };
            match self.ask(place, key).await {
                Ok(answer) => {
                    self.meter.settle().await;
                    return Ok(answer);
                }
                Err(error) => {
                    let verdict = error.kind.verdict();
                    standing.fail(deployment.name(), error);
                    match verdict {
                        Verdict::GiveUp => break,
                        Verdict::NextThenAgain => route.try_again(deployment),
                        Verdict::Next => {}
                    }
                }
            }
        }
        let error = standing.error();
        self.meter.gave_up(error.code());
        self.meter.settle().await;
        Err(error)
    }

    /// Whether a deployment may be asked: its place, with the reservation made.
    async fn admit(
        &mut self,
        deployment: &Arc<Deployment>,
        standing: &mut Standing,
    ) -> Option<(Place, Option<ProviderSecret>)> {
        let config = &deployment.config;
        if self.caller.local_only && config.location != Location::Local {
            let message = "it is not in the home network, which this request may not leave";
            standing.fail(&config.name, CallError::new(ErrorKind::LocalOnly, message));
            return None;
        }
        let key = own_key(self.keys.as_ref(), &self.caller.workspace, config).await;
        let key = key.map_err(|error| standing.fail(&config.name, error)).ok()?;
        let place = deployment.enter(key.is_some()).map_err(|rest| standing.rests(rest)).ok()?;
        match self.meter.reserve(config, 1).await {
            Ok(()) => return Some((place, key)),
            Err(Refusal::OverBudget(over)) => standing.over = Some(over),
            Err(Refusal::Other(error)) => standing.fail(&config.name, error),
        }
        None
    }

    async fn ask(
        &mut self,
        mut place: Place,
        key: Option<ProviderSecret>,
    ) -> Result<Value, CallError> {
        let deployment = Arc::clone(&place.deployment);
        let config = &deployment.config;
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
                Err(error)
            }
        }
    }
}
