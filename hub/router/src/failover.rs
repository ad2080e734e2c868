//! One request, from the first deployment to an answer or an error.
//!
//! ```text
//!  next deployment ─► may it be asked? ─► reserve ─► call ─► whole answer ─► end
//!        ▲                │ rests,          │ over     │
//!        │                │ not local       │ budget   │ failed
//!        └────────────────┴─────────────────┴──────────┤
//!                                                      │ the client has seen text
//!                             continue, if both can ◄──┤
//!                             an error, otherwise   ◄──┘
//! ```
//! Until its first content an answer is held back: whatever happens before, the
//! client sees nothing of it. After that no text is ever given twice.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Classified as _, Clock, ProviderSecret};
use agentos_store::{CallOutcome, OnLimit};
use agentos_tiering::{self as tiering, Decision};
use tokio::sync::mpsc;

use crate::attempt::{Attempt, Ended};
use crate::bound;
use crate::cache::Recorder;
use crate::chat::ChatRequest;
use crate::confidence::{Calibrations, Mean};
use crate::config::{DeploymentConfig, Location, Timeouts};
use crate::deployment::{Deployment, Place};
use crate::error::{CallError, ErrorKind, Verdict};
use crate::event::{Answering, ChatEvent, Ending};
use crate::meter::{Consumed, Meter, Refusal, max_output};
use crate::providers::Call;
use crate::route::{Pool, Route};
use crate::router::{Caller, ProviderKeys, own_key};
use crate::standing::{Standing, Unsure};
use crate::tiers::Tiers;

/// One request while it is answered.
pub(crate) struct Drive {
    pub(crate) pool: Arc<Pool>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: Arc<dyn ProviderKeys>,
    pub(crate) calibrations: Arc<Calibrations>,
    pub(crate) caller: Caller,
    pub(crate) request: ChatRequest,
    /// When all of it has to be over, by the monotonic clock.
    pub(crate) deadline: Duration,
    pub(crate) meter: Meter,
    pub(crate) events: mpsc::Sender<ChatEvent>,
    /// Keeps the answer, where it may be kept.
    pub(crate) recorder: Option<Recorder>,
    /// How the tier was decided, and who is to know what came of it.
    pub(crate) learning: Option<(Arc<Tiers>, Decision)>,
}

/// What follows from a call.
enum Next {
    Done,
    Another,
    GiveUp,
}

impl Drive {
    /// Answers the request. What it cost is settled when this returns.
    pub(crate) async fn run(mut self, group: String, deployments: Vec<Arc<Deployment>>) {
        let pool = Arc::clone(&self.pool);
        let mut route = Route::new(&pool, group, deployments);
        let mut standing = Standing::default();
        while let Some(deployment) = route.next() {
            if self.clock.monotonic() >= self.deadline {
                break;
            }
            if route.is_second() && !standing.paused {
                standing.paused = self.pause(&deployment, &standing).await;
                if self.events.is_closed() {
                    break;
                }
            }
            let Some((place, key)) = self.admit(&deployment, &mut route, &mut standing).await
            else {
                continue;
            };
            match self.ask(place, key, &mut route, &mut standing).await {
                Next::Done => return self.meter.settle().await,
                Next::Another => {}
                Next::GiveUp => break,
            }
        }
        if let Some(unsure) = standing.unsure.take()
            && standing.said.is_empty()
            && !standing.stuck
        {
            self.give(unsure).await;
            return self.meter.settle().await;
        }
        let error = standing.error();
        self.meter.gave_up(error.code());
        // Whoever asked may have gone.
        let _ = self.events.send(ChatEvent::Failed(error)).await;
        self.meter.settle().await;
    }

    /// Waits before a deployment is asked a second time. False where that would
    /// take too long.
    async fn pause(&self, deployment: &Deployment, standing: &Standing) -> bool {
        let Some(pause) = standing.pause_before(deployment) else { return false };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.events.closed() => {}
        }
        true
    }

    /// Whether a deployment may be asked: its place, with the reservation made.
    async fn admit(
        &mut self,
        deployment: &Arc<Deployment>,
        route: &mut Route<'_>,
        standing: &mut Standing,
    ) -> Option<(Place, Option<ProviderSecret>)> {
        let config = &deployment.config;
        if self.caller.local_only && config.location != Location::Local {
            let message = "it is not in the home network, which this request may not leave";
            standing.fail(&config.name, CallError::new(ErrorKind::LocalOnly, message));
            return None;
        }
        if !standing.said.is_empty() && !config.continues {
            return None;
        }
        let key = match own_key(self.keys.as_ref(), &self.caller.workspace, config).await {
            Ok(key) => key,
            Err(error) => {
                route.failed(error.kind.condition());
                standing.fail(&config.name, error);
                return None;
            }
        };
        let place = match deployment.enter(key.is_some()) {
            Ok(place) => place,
            Err(rest) => {
                standing.rests(rest);
                route.failed("unavailable");
                return None;
            }
        };
        let most = self.most(config, &standing.said);
        self.meter.goes_on_from(&standing.said);
        match self.meter.reserve(config, most).await {
            Ok(()) => Some((place, key)),
            Err(Refusal::OverBudget(over)) => {
                if over.on_limit == OnLimit::LocalOnly && !standing.went_local {
                    standing.went_local = true;
                    route.go_local(&standing.asked);
                }
                standing.over = Some(over);
                route.failed("error");
                None
            }
            Err(Refusal::Other(error)) => {
                route.failed(error.kind.condition());
                standing.fail(&config.name, error);
                None
            }
        }
    }

    /// Asks a deployment.
    async fn ask(
        &mut self,
        mut place: Place,
        key: Option<ProviderSecret>,
        route: &mut Route<'_>,
        standing: &mut Standing,
    ) -> Next {
        let deployment = Arc::clone(&place.deployment);
        standing.asked.push(deployment.config.name.clone());
        let unsure = self.pool.when_unsure(&deployment.config.group);
        let unsure = unsure.map(|(group, least)| (group.to_owned(), least));
        let (events, clock) = (self.events.clone(), Arc::clone(&self.clock));
        let mut attempt = self.attempt(&place, unsure.is_some(), clock.as_ref(), &events);
        let begun = Some(standing.said.as_str()).filter(|said| !said.is_empty());
        let measured = self.calibrations.contains_key(&deployment.config.model);
        let logprobs = attempt.show_logprobs || (unsure.is_some() && measured);
        let call = self.call(&deployment, logprobs, begun, key.as_ref());
        let began = clock.monotonic();
        let ended = attempt.run(deployment.provider.as_ref(), call).await;
        let took = clock.monotonic().saturating_sub(began);
        if let Some(first) = attempt.first {
            self.meter.first_content(took.saturating_sub(first));
        }
        match ended {
            Ended::Finished(reason) => {
                place.answered(attempt.first.unwrap_or(took));
                if let Some(confidence) = self.goes_on(&attempt, &deployment, unsure, took, route) {
                    standing.keep(&deployment, attempt, reason, confidence);
                    return Next::Another;
                }
                self.finish(attempt, &deployment, reason, took).await;
                Next::Done
            }
            Ended::Gone => {
                if let Some(first) = attempt.first {
                    place.answered(first);
                }
                let (config, outcome) = (&deployment.config, CallOutcome::Abandoned);
                self.meter.answered(config, &attempt.consumed, outcome, took);
                Next::Done
            }
            Ended::Failed(error) => {
                place.failed(&error);
                if !attempt.said.is_empty() || attempt.said_more {
                    self.recorder = None;
                }
                standing.said.push_str(&attempt.said);
                standing.stuck |= attempt.said_more;
                self.failed(&deployment, error, (&attempt, took), route, standing)
            }
        }
    }

    fn attempt<'a>(
        &self,
        place: &Place,
        may_be_unsure: bool,
        clock: &'a dyn Clock,
        events: &'a mpsc::Sender<ChatEvent>,
    ) -> Attempt<'a> {
        let deployment = &place.deployment;
        let left = self.deadline.saturating_sub(clock.monotonic());
        let timeouts = deployment.config.timeouts;
        Attempt {
            clock,
            timeouts: Timeouts { total: timeouts.total.min(left), ..timeouts },
            answering: answering(deployment),
            probe: place.probe(),
            hold: !self.request.stream,
            measured: may_be_unsure.then(|| Arc::clone(&self.calibrations)),
            record: self.recorder.is_some(),
            show_logprobs: self.request.logprobs == Some(true),
            events,
            consumed: Consumed::default(),
            first: None,
            held: Vec::new(),
            fresh: false,
            said: String::new(),
            said_more: false,
            mean: Mean::default(),
        }
    }

    /// The most tokens that a deployment may add to what was said.
    fn most(&self, config: &DeploymentConfig, said: &str) -> u32 {
        let said = u32::try_from(bound::text_about(said.len() as u64)).unwrap_or(u32::MAX);
        max_output(&self.request, config).saturating_sub(said).max(1)
    }

    fn call<'a>(
        &'a self,
        deployment: &'a Deployment,
        logprobs: bool,
        begun: Option<&'a str>,
        key: Option<&'a ProviderSecret>,
    ) -> Call<'a> {
        let config = &deployment.config;
        Call {
            request: &self.request,
            model: &config.model,
            temperature: config.temperature,
            max_output: self.most(config, begun.unwrap_or_default()),
            streamed: self.request.stream,
            logprobs,
            begun,
            key,
        }
    }

    /// How sure this answer is, where another is asked because that is not
    /// enough.
    fn goes_on(
        &mut self,
        attempt: &Attempt<'_>,
        deployment: &Deployment,
        unsure: Option<(String, f64)>,
        took: Duration,
        route: &mut Route<'_>,
    ) -> Option<f64> {
        let ((group, least), confidence) = (unsure?, self.confidence(attempt)?);
        if confidence >= least || !self.can_go_to(&group) || !route.go_to(&group) {
            return None;
        }
        let config = &deployment.config;
        tracing::info!(deployment = config.name, confidence, "an answer is not sure enough");
        self.learn(tiering::Ending::Bad);
        self.meter.failed(config, Some(&attempt.consumed), ErrorKind::Unsure, took);
        Some(confidence)
    }

    /// Hands on an answer that is not sure enough: nobody gave another.
    async fn give(&mut self, unsure: Unsure) {
        // It is not given again: the next time there may be a surer one.
        self.recorder = None;
        let Unsure { deployment, answering, deltas, consumed, finish, confidence } = unsure;
        let mut there = self.events.send(ChatEvent::Begin(answering)).await.is_ok();
        for delta in deltas {
            there = there && self.events.send(ChatEvent::Delta(delta)).await.is_ok();
        }
        let outcome = if there { CallOutcome::Completed } else { CallOutcome::Abandoned };
        let bill = self.meter.answered_before(&deployment.config, &consumed, outcome);
        let ending = Ending { finish, bill, confidence: Some(confidence) };
        // Whoever asked may have gone.
        let _ = self.events.send(ChatEvent::End(ending)).await;
    }

    /// Whether an answer that is not sure enough may be replaced by one of these.
    fn can_go_to(&self, group: &str) -> bool {
        let Some((_, deployments)) = self.pool.named(group) else { return false };
        deployments.iter().any(|deployment| {
            let local = deployment.config.location == Location::Local;
            (local || !self.caller.local_only) && deployment.resting().is_none()
        })
    }

    fn confidence(&self, attempt: &Attempt<'_>) -> Option<f64> {
        let raw = attempt.mean.raw()?;
        Some(self.calibrations.get(&attempt.answering.model)?.apply(raw))
    }

    /// Says what came of the decision between tiers, once.
    fn learn(&mut self, ending: tiering::Ending) {
        if let Some((tiers, decision)) = self.learning.take() {
            tiers.record(&decision, ending);
        }
    }

    /// Hands on the end of an answer.
    async fn finish(
        &mut self,
        mut attempt: Attempt<'_>,
        deployment: &Deployment,
        finish: String,
        took: Duration,
    ) {
        let confidence = self.confidence(&attempt);
        if let Some(recorder) = &mut self.recorder {
            recorder.note(&attempt.answering, &attempt.held, deployment.config.temperature);
        }
        let there = attempt.release().await;
        let outcome = if there { CallOutcome::Completed } else { CallOutcome::Abandoned };
        let (config, consumed) = (&deployment.config, &attempt.consumed);
        let bill = self.meter.answered(config, consumed, outcome, took);
        if there && finish == "stop" {
            self.learn(tiering::Ending::Good);
        }
        let ending = Ending { finish, bill, confidence };
        if let Some(recorder) = self.recorder.take() {
            recorder.keep(&ending);
        }
        // Whoever asked may have gone.
        let _ = self.events.send(ChatEvent::End(ending)).await;
    }

    /// What follows from a failure.
    fn failed(
        &mut self,
        deployment: &Arc<Deployment>,
        error: CallError,
        (attempt, took): (&Attempt<'_>, Duration),
        route: &mut Route<'_>,
        standing: &mut Standing,
    ) -> Next {
        let config = &deployment.config;
        // What the provider says may quote the conversation: the client reads it.
        let (name, kind) = (&config.name, error.kind.as_str());
        if error.kind == ErrorKind::Connect && !deployment.provider.is_reachable() {
            tracing::debug!(deployment = name, "its edge is not connected");
        } else {
            tracing::warn!(
                deployment = name,
                kind,
                status = error.status,
                "a model did not answer"
            );
        }
        // Where nothing came and the provider says why, it cost nothing.
        let cost = attempt.first.is_some() || error.kind.is_unexplained();
        let consumed = cost.then_some(&attempt.consumed);
        self.meter.failed(config, consumed, error.kind, took);
        route.failed(error.kind.condition());
        let verdict = error.kind.verdict();
        standing.fail(&config.name, error);
        if self.events.is_closed() {
            return Next::GiveUp;
        }
        if !standing.said.is_empty() || standing.stuck {
            let can = self.request.can_be_continued() && !standing.stuck;
            return if can { Next::Another } else { Next::GiveUp };
        }
        match verdict {
            Verdict::GiveUp => Next::GiveUp,
            Verdict::Next => Next::Another,
            Verdict::NextThenAgain => {
                route.try_again(Arc::clone(deployment));
                Next::Another
            }
        }
    }
}

fn answering(deployment: &Deployment) -> Answering {
    let config = &deployment.config;
    Answering {
        deployment: config.name.clone(),
        group: config.group.clone(),
        model: config.model.clone(),
        location: config.location.as_str(),
        cached: false,
    }
}
