//! What one request costs: reserved before each call that costs something,
//! settled once at the end, in one row of the ledger.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{CallId, Clock, NanoUsd, Timestamp, TokenCounts};
use agentos_prices::usage::Metered;
use agentos_prices::{PriceTable, Prices, Service};
use agentos_store::{Admission, Budget, CallOutcome, Ledger, ModelCall, OverBudget, Settlement};
use serde::Serialize;

use crate::books::Books;
use crate::bound::{self, Prompt};
use crate::chat::ChatRequest;
use crate::config::DeploymentConfig;
use crate::counts::Counter;
use crate::error::{CallError, ErrorKind};
use crate::router::Caller;

/// How long after the longest time that a call may take it is taken for lost.
const GRACE: Duration = Duration::from_mins(5);

/// One try at one deployment, as it is kept with the request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// The deployment.
    pub deployment: String,
    /// `ok`, or the kind of its failure.
    pub result: &'static str,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// What it cost, in billionths of a US dollar.
    pub cost_nano_usd: i64,
}

/// Why a call may not be made.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// It does not fit a budget.
    OverBudget(OverBudget),
    /// Another reason.
    Other(CallError),
}

/// What one answer consumed, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Consumed {
    /// What the provider says.
    pub(crate) told: Option<Metered>,
    /// Whether that is its last word.
    pub(crate) complete: bool,
    /// How many bytes of text came.
    pub(crate) bytes: u64,
    /// In how many pieces.
    pub(crate) pieces: u64,
    /// Whether nothing of it can be seen before its end, and that has not come:
    /// it may have been as long as it could be.
    pub(crate) whole: bool,
    /// The model that the answer names.
    pub(crate) model: Option<String>,
}

/// What a request has cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bill {
    /// What the answer consumed.
    pub tokens: TokenCounts,
    /// What the request cost, with attempts that failed.
    pub cost: NanoUsd,
    /// Whether this is an estimate.
    pub estimated: bool,
}

/// The meter of one request.
pub(crate) struct Meter {
    ledger: Arc<dyn Ledger>,
    books: Books,
    counter: Arc<Counter>,
    clock: Arc<dyn Clock>,
    prices: Arc<PriceTable>,
    installation: Option<Budget>,
    /// Whether a budget counts for this request.
    budgeted: bool,
    lasts: Duration,
    new: ModelCall,
    prompt: Prompt,
    /// The prompt of the next try: with what was said already.
    next_prompt: Prompt,
    service: Service,
    /// The most tokens of the answer that is made.
    max_output: u32,
    /// A part of the request whose cost has no bound.
    unbounded: Option<String>,
    /// Whether the ledger has a row of it.
    reserved: bool,
    /// What failed attempts may have cost.
    spent: NanoUsd,
    /// Whether any of `spent` is an estimate.
    guessed: bool,
    began: Duration,
    first: Option<Duration>,
    attempts: Vec<Attempt>,
    settlement: Option<Settlement>,
}

/// What a meter needs of the router.
pub(crate) struct MeterParts {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) books: Books,
    pub(crate) counter: Arc<Counter>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) prices: Arc<PriceTable>,
    pub(crate) installation: Option<Budget>,
    pub(crate) budgeted: bool,
    /// The longest that the whole request may take.
    pub(crate) lasts: Duration,
}

impl Meter {
    pub(crate) fn new(
        parts: MeterParts,
        caller: &Caller,
        requested: &str,
        prompt: Prompt,
        service: Service,
    ) -> Self {
        let MeterParts { ledger, books, counter, clock, prices, installation, budgeted, lasts } =
            parts;
        let now = clock.now();
        let new = ModelCall {
            id: CallId::generate(),
            workspace_id: caller.workspace.clone(),
            key_id: caller.key_id.clone(),
            task_id: caller.task.clone(),
            request_id: caller.request.clone(),
            requested: requested.to_owned(),
            deployment: String::new(),
            provider: String::new(),
            reserved: NanoUsd(0),
            created_at: now,
            expires_at: now,
        };
        let began = clock.monotonic();
        Self {
            ledger,
            books,
            counter,
            clock,
            prices,
            installation,
            budgeted,
            lasts,
            new,
            prompt,
            next_prompt: prompt,
            service,
            max_output: 0,
            unbounded: None,
            reserved: false,
            spent: NanoUsd(0),
            guessed: false,
            began,
            first: None,
            attempts: Vec::new(),
            settlement: None,
        }
    }

    /// Notes what the client has of the answer: the next deployment reads it with
    /// the prompt.
    pub(crate) fn goes_on_from(&mut self, said: &str) {
        self.next_prompt = self.prompt.with_answer(said.len() as u64);
    }

    /// Has a request that could cost more than can be said beforehand be made only
    /// where no budget counts.
    pub(crate) fn cannot_be_bounded(&mut self, field: Option<String>) {
        self.unbounded = field;
    }

    /// Reserves what a call to this deployment may cost.
    pub(crate) async fn reserve(
        &mut self,
        deployment: &DeploymentConfig,
        max_output: u32,
    ) -> Result<(), Refusal> {
        let most = self.worst_case(deployment, max_output)?;
        if most == NanoUsd(0) && !self.reserved {
            self.goes_to(deployment, max_output);
            return Ok(());
        }
        let total = self.spent + most;
        let installation = self.installation.clone();
        let (name, provider) = (deployment.name.as_str(), deployment.provider.as_str());
        let admission = if self.reserved {
            self.ledger.move_call(&self.new.id, name, provider, total, installation).await
        } else {
            let expires = self.lasts + GRACE;
            let expires = i64::try_from(expires.as_millis()).unwrap_or(i64::MAX);
            let millis = self.clock.now().millis().saturating_add(expires);
            let new = ModelCall {
                deployment: name.to_owned(),
                provider: provider.to_owned(),
                reserved: total,
                expires_at: Timestamp::from_millis(millis),
                ..self.new.clone()
            };
            self.ledger.reserve_call(new, installation).await
        };
        match admission {
            Ok(Admission::Admitted) => {
                self.reserved = true;
                self.new.reserved = total;
                self.goes_to(deployment, max_output);
                Ok(())
            }
            Ok(Admission::Refused(over)) => Err(Refusal::OverBudget(over)),
            Err(error) => Err(Refusal::Other(error.into())),
        }
    }

    /// Notes who is asked now.
    fn goes_to(&mut self, deployment: &DeploymentConfig, max_output: u32) {
        self.max_output = max_output;
        deployment.name.clone_into(&mut self.new.deployment);
        deployment.provider.as_str().clone_into(&mut self.new.provider);
    }

    fn worst_case(
        &self,
        deployment: &DeploymentConfig,
        max_output: u32,
    ) -> Result<NanoUsd, Refusal> {
        if deployment.free {
            return Ok(NanoUsd(0));
        }
        if let Some(field) = self.unbounded.as_ref().filter(|_| self.budgeted) {
            let message = format!(
                "`{field}` can cost more than can be said beforehand, and there is a budget: \
                 leave it out, or ask a local model"
            );
            return Err(Refusal::Other(CallError::new(ErrorKind::Unpriced, message)));
        }
        let Some(prices) = self.prices_of(deployment, &deployment.model) else {
            if !self.budgeted {
                return Ok(NanoUsd(0));
            }
            let message = format!(
                "nobody knows what {} costs, and there is a budget: add its price to the price \
                 table, or mark it as free",
                deployment.name
            );
            return Err(Refusal::Other(CallError::new(ErrorKind::Unpriced, message)));
        };
        Ok(prices.worst_case(self.next_prompt.at_most, u64::from(max_output), &self.service))
    }

    fn prices_of(&self, deployment: &DeploymentConfig, model: &str) -> Option<&Prices> {
        self.prices.find(deployment.provider.as_str(), model, self.clock.now())
    }

    /// Notes that the first content came, so long ago.
    pub(crate) fn first_content(&mut self, ago: Duration) {
        let now = self.clock.monotonic().saturating_sub(self.began);
        self.first.get_or_insert(now.saturating_sub(ago));
    }

    /// Notes a try that failed. What it may have cost counts: the provider has
    /// read the prompt, and written what came.
    pub(crate) fn failed(
        &mut self,
        deployment: &DeploymentConfig,
        consumed: Option<&Consumed>,
        kind: ErrorKind,
        took: Duration,
    ) {
        let own = consumed.map(|consumed| self.price(deployment, consumed)).unwrap_or_default();
        let cost = own.cost;
        self.guessed |= own.estimated && cost != NanoUsd(0);
        self.spent = self.spent + cost;
        self.attempts.push(Attempt {
            deployment: deployment.name.clone(),
            result: kind.as_str(),
            milliseconds: millis(took),
            cost_nano_usd: cost.0,
        });
    }

    /// Notes the try that answered. [`Meter::settle`] has to follow: whoever
    /// waits for the answer need not wait for that.
    pub(crate) fn answered(
        &mut self,
        deployment: &DeploymentConfig,
        consumed: &Consumed,
        outcome: CallOutcome,
        took: Duration,
    ) -> Bill {
        let own = self.price(deployment, consumed);
        self.attempts.push(Attempt {
            deployment: deployment.name.clone(),
            result: if outcome == CallOutcome::Completed { "ok" } else { outcome.as_str() },
            milliseconds: millis(took),
            cost_nano_usd: own.cost.0,
        });
        let bill =
            Bill { cost: own.cost + self.spent, estimated: own.estimated || self.guessed, ..own };
        let model = consumed.model.clone().unwrap_or_default();
        self.settlement = Some(self.settled(bill, model, outcome, None));
        bill
    }

    /// Notes that a try answers after all that was noted as failed, for want of a
    /// better one. [`Meter::settle`] has to follow.
    pub(crate) fn answered_before(
        &mut self,
        deployment: &DeploymentConfig,
        consumed: &Consumed,
        outcome: CallOutcome,
    ) -> Bill {
        self.goes_to(deployment, self.max_output);
        let own = self.price(deployment, consumed);
        // Its cost was noted with it.
        let bill = Bill { cost: self.spent, estimated: own.estimated || self.guessed, ..own };
        let model = consumed.model.clone().unwrap_or_default();
        self.settlement = Some(self.settled(bill, model, outcome, None));
        bill
    }

    /// Notes that nobody answered. A request that reached nobody leaves no row.
    pub(crate) fn gave_up(&mut self, code: &str) {
        if self.attempts.is_empty() && !self.reserved {
            return;
        }
        let tokens = TokenCounts::default();
        let bill = Bill { tokens, cost: self.spent, estimated: self.guessed };
        let code = Some(code.to_owned());
        self.settlement = Some(self.settled(bill, String::new(), CallOutcome::Failed, code));
    }

    fn settled(
        &self,
        bill: Bill,
        model: String,
        outcome: CallOutcome,
        error_code: Option<String>,
    ) -> Settlement {
        Settlement {
            id: self.new.id.clone(),
            deployment: self.new.deployment.clone(),
            provider: self.new.provider.clone(),
            model,
            tokens: bill.tokens,
            cost: bill.cost,
            estimated: bill.estimated,
            outcome,
            error_code,
            attempts: serde_json::to_string(&self.attempts).unwrap_or_default(),
            first_token_ms: self.first.map(millis),
            duration_ms: millis(self.clock.monotonic().saturating_sub(self.began)),
            now: self.clock.now(),
        }
    }

    /// Writes what the request came to into the ledger.
    pub(crate) async fn settle(mut self) {
        let Some(settlement) = self.settlement.take() else { return };
        self.counter.ended(&settlement);
        if !self.reserved {
            return self.books.note((self.new, settlement)).await;
        }
        let id = self.new.id;
        let noted = self.ledger.settle_call(settlement).await;
        if let Err(error) = noted {
            // What was reserved stays so, and counts as spent when it expires.
            tracing::error!(%error, call = %id, "what a call cost could not be noted");
        }
    }

    /// What an answer costs: the provider's own figure where it gives one, the
    /// price of the model that the answer names, or else of the one asked.
    fn price(&self, deployment: &DeploymentConfig, consumed: &Consumed) -> Bill {
        let told = consumed.told.as_ref();
        let (tokens, service) = match told {
            Some(told) if consumed.complete => (told.counts, told.service),
            told => self.estimate(told, consumed),
        };
        let estimated = !consumed.complete || told.is_none();
        if deployment.free {
            return Bill { tokens, cost: NanoUsd(0), estimated: false };
        }
        if let Some(cost) = told.and_then(|told| told.reported_cost).filter(|_| !estimated) {
            return Bill { tokens, cost, estimated: false };
        }
        let named = consumed.model.as_deref().and_then(|model| self.prices_of(deployment, model));
        let guessed = named.is_none();
        let prices = named.or_else(|| self.prices_of(deployment, &deployment.model));
        let cost = prices.map_or(NanoUsd(0), |prices| prices.cost(&tokens, &service));
        Bill { tokens, cost, estimated: estimated || guessed }
    }
}

impl Meter {
    /// What an answer that broke off consumed: what the provider said of the
    /// prompt, and the text that came.
    fn estimate(&self, told: Option<&Metered>, consumed: &Consumed) -> (TokenCounts, Service) {
        // A piece is a token at least.
        let output = bound::text_about(consumed.bytes).max(consumed.pieces);
        let most = u64::from(self.max_output);
        let output = if consumed.whole { most } else { output.min(most) };
        match told {
            Some(told) => {
                let output = told.counts.output.max(output);
                (TokenCounts { output, ..told.counts }, told.service)
            }
            None => {
                let input = self.next_prompt.about;
                (TokenCounts { input, output, ..TokenCounts::default() }, self.service)
            }
        }
    }
}

/// The service that a request asks for: it may cost more than the usual one.
pub(crate) fn asked_service(request: &ChatRequest) -> Service {
    let tier = request.extra.get("service_tier").and_then(serde_json::Value::as_str);
    let region = request.extra.get("inference_geo").and_then(serde_json::Value::as_str);
    Service {
        tier: tier.map(agentos_prices::ServiceTier::named).unwrap_or_default(),
        us_only: region == Some("us"),
    }
}

/// The most tokens that an answer may have.
pub(crate) fn max_output(request: &ChatRequest, deployment: &DeploymentConfig) -> u32 {
    /// Where nobody says anything of it.
    const USUAL: u32 = 4096;
    request.max_output().or(deployment.max_tokens).unwrap_or(USUAL).max(1)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
