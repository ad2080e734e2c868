//! What is known of a request that has not been answered yet.

use std::sync::Arc;
use std::time::Duration;

use agentos_store::OverBudget;

use crate::attempt::Attempt;
use crate::deployment::Deployment;
use crate::error::{CallError, ErrorKind, RouterError};
use crate::event::Answering;
use crate::meter::Consumed;
use crate::piece::Delta;

/// When to come again where nobody says.
const USUAL_REST: Duration = Duration::from_secs(1);

/// How long to wait before deployments are asked a second time.
const PAUSE: Duration = Duration::from_millis(200);
/// The longest that a request waits for a deployment that asks for a rest.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// What is known of a request that has not been answered yet.
#[derive(Default)]
pub(crate) struct Standing {
    pub(crate) last: Option<(String, CallError)>,
    pub(crate) over: Option<OverBudget>,
    pub(crate) resting: Option<Duration>,
    pub(crate) asked: Vec<String>,
    pub(crate) went_local: bool,
    pub(crate) paused: bool,
    /// An answer that is not sure enough: better than none.
    pub(crate) unsure: Option<Unsure>,
    /// What the client has seen of the answer.
    pub(crate) said: String,
    /// Whether that cannot be taken up by another.
    pub(crate) stuck: bool,
}

/// An answer that is not sure enough.
pub(crate) struct Unsure {
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) answering: Answering,
    pub(crate) deltas: Vec<Delta>,
    pub(crate) consumed: Consumed,
    pub(crate) finish: String,
    pub(crate) confidence: f64,
}

impl Standing {
    /// Keeps an answer, unless there is a surer one.
    pub(crate) fn keep(
        &mut self,
        deployment: &Arc<Deployment>,
        attempt: Attempt<'_>,
        finish: String,
        confidence: f64,
    ) {
        if self.unsure.as_ref().is_some_and(|before| before.confidence >= confidence) {
            return;
        }
        self.unsure = Some(Unsure {
            deployment: Arc::clone(deployment),
            answering: attempt.answering,
            deltas: attempt.held,
            consumed: attempt.consumed,
            finish,
            confidence,
        });
    }

    /// Notes why a deployment did not answer, or was not asked.
    pub(crate) fn fail(&mut self, deployment: &str, error: CallError) {
        // What a deployment said is worth more than that another may not be asked.
        let worth = self.last.is_none() || error.kind != ErrorKind::LocalOnly;
        if worth {
            self.last = Some((deployment.to_owned(), error));
        }
    }

    /// How long to wait before a deployment is asked a second time: as long as it
    /// asks for, if it is too busy. `None` where that would take too long.
    pub(crate) fn pause_before(&self, deployment: &Deployment) -> Option<Duration> {
        let rest = deployment.resting().unwrap_or_default();
        if rest > LONGEST_PAUSE {
            return None;
        }
        let busy = [ErrorKind::RateLimited, ErrorKind::Overloaded];
        let is_busy = self.last.as_ref().is_some_and(|(_, error)| busy.contains(&error.kind));
        Some(if is_busy { rest.max(PAUSE) } else { PAUSE })
    }

    /// Notes that a deployment rests.
    pub(crate) fn rests(&mut self, rest: Duration) {
        self.resting = Some(self.resting.map_or(rest, |least| least.min(rest)));
    }

    /// Why the request was not answered.
    pub(crate) fn error(self) -> RouterError {
        match (self.over, self.last, self.resting) {
            (Some(over), _, _) => RouterError::OverBudget(over),
            (None, Some((deployment, error)), _) => RouterError::Failed { deployment, error },
            (None, None, rest) => {
                RouterError::AllResting { retry_after: rest.unwrap_or_default().max(USUAL_REST) }
            }
        }
    }
}
