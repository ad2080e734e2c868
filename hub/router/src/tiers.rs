//! The wishes `fast`, `smart` and `auto` as tiers.
//!
//! `auto` is decided from the request alone, and learns: an answer of the fast
//! tier that was not sure enough speaks for the smart one the next time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use agentos_domain::Tier;
use agentos_tiering::{Decision, Ending, Outcomes, Wanted, decide};

use crate::chat::ChatRequest;

/// Lets the hub decide.
pub const AUTO: &str = "auto";
/// The wishes that may stand in place of a model.
pub const WISHES: [&str; 3] = ["fast", "smart", AUTO];

/// Resolves wishes.
pub(crate) struct Tiers {
    outcomes: Mutex<Outcomes>,
}

impl Tiers {
    /// With what came of earlier decisions.
    pub(crate) fn new(outcomes: Outcomes) -> Self {
        Self { outcomes: Mutex::new(outcomes) }
    }

    /// The tier that a wish stands for, and the decision where one was made; none
    /// for what is no wish.
    pub(crate) fn resolve(&self, request: &ChatRequest) -> Option<(Tier, Option<Decision>)> {
        match request.model.as_str() {
            "fast" => Some((Tier::LocalFast, None)),
            "smart" => Some((Tier::LocalSmart, None)),
            AUTO => {
                let decision = self.decide(request);
                let tier = match decision.tier {
                    Wanted::Fast => Tier::LocalFast,
                    Wanted::Smart => Tier::LocalSmart,
                };
                Some((tier, Some(decision)))
            }
            _ => None,
        }
    }

    fn decide(&self, request: &ChatRequest) -> Decision {
        let text = request.last_user_text();
        // Newer clients of OpenAI call the instructions those of the developer.
        let (instructions, turns): (Vec<_>, Vec<_>) = request
            .messages
            .iter()
            .partition(|message| matches!(message.role.as_str(), "system" | "developer"));
        let system = instructions.first().map(|message| message.plain());
        let form = request.response_format.as_ref().and_then(|format| format.schema());
        let request = agentos_tiering::Request {
            text: &text,
            system: system.as_deref(),
            turns: turns.len().saturating_sub(1),
            tools: request.tools.len(),
            files: 0,
            wants_json: form.is_some(),
            max_tokens: request.max_output(),
        };
        decide(&request, &self.outcomes())
    }

    /// Notes what came of a decision.
    pub(crate) fn record(&self, decision: &Decision, ending: Ending) {
        self.outcomes().record(decision.kind, decision.tier, ending);
    }

    /// What came of all decisions so far.
    pub(crate) fn snapshot(&self) -> Outcomes {
        self.outcomes().clone()
    }

    fn outcomes(&self) -> MutexGuard<'_, Outcomes> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolve(model: &str, text: &str) -> Option<(Tier, Option<Decision>)> {
        let request = json!({"model": model, "messages": [{"role": "user", "content": text}]});
        let request = serde_json::from_value(request).unwrap();
        Tiers::new(Outcomes::default()).resolve(&request)
    }

    #[test]
    fn wishes_are_tiers_and_names_are_not() {
        assert_eq!(resolve("fast", "x"), Some((Tier::LocalFast, None)));
        assert_eq!(resolve("smart", "x"), Some((Tier::LocalSmart, None)));
        assert_eq!(resolve("cloud-smart", "x"), None);
    }

    #[test]
    fn instructions_weigh_the_same_under_either_name() {
        let decided = |role: &str| {
            let request = json!({"model": "auto", "messages": [
                {"role": role, "content": "be brief ".repeat(500)},
                {"role": "user", "content": "Summarize this article"}]});
            let request = serde_json::from_value(request).unwrap();
            Tiers::new(Outcomes::default()).resolve(&request).unwrap().1.unwrap()
        };
        assert_eq!(decided("developer"), decided("system"));
    }

    #[test]
    fn auto_is_decided_with_reasons() {
        let (tier, decision) = resolve("auto", "Summarize this article").unwrap();
        assert_eq!(tier, Tier::LocalFast);
        assert!(!decision.unwrap().reasons.is_empty());
        let hard = "Write a comprehensive analysis of quantum computing";
        let (tier, decision) = resolve("auto", hard).unwrap();
        assert_eq!(tier, Tier::LocalSmart);
        assert!(!decision.unwrap().reasons.is_empty());
    }
}
