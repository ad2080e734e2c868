//! What a task of the load does: which tools its model calls, in which order.
//! The plan is the task's input, so that the edge needs to know nothing else.

use agentos_domain::ToolClass;
use serde::{Deserialize, Serialize};

use super::random::Random;

/// An agent that calls what it likes.
pub(crate) const FREE: &str = "Free";
/// An agent that asks before it changes anything.
pub(crate) const CAREFUL: &str = "Careful";
/// The tools that there are, by class.
pub(crate) const TOOLS: [(&str, ToolClass); 3] =
    [("look", ToolClass::Read), ("put", ToolClass::Idempotent), ("send", ToolClass::Once)];

/// A call that the model makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlannedCall {
    /// The tool.
    pub(crate) tool: String,
    /// What the call is about; no other call has it.
    pub(crate) item: String,
}

/// What the model of a task does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The calls of each of its answers but the last, which has none.
    pub(crate) answers: Vec<Vec<PlannedCall>>,
}

impl Plan {
    /// The plan of a task by its number.
    #[must_use]
    pub(crate) fn of(seed: u64, number: u64) -> Self {
        let mut random = Random::new(seed, 1000 + number);
        let mut items = 0;
        let answers = (0..random.between(1, 3)).map(|_| {
            let calls = (0..random.between(1, 2)).map(|_| {
                items += 1;
                let tool = match random.between(0, 9) {
                    0..2 => "look",
                    2..6 => "put",
                    _ => "send",
                };
                PlannedCall { tool: tool.to_owned(), item: format!("{number}-{items}") }
            });
            calls.collect()
        });
        Self { answers: answers.collect() }
    }

    /// As the input of a task.
    #[must_use]
    pub(crate) fn to_input(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// From the input of a task; `None` if it is none.
    #[must_use]
    pub(crate) fn from_input(input: &str) -> Option<Self> {
        serde_json::from_str(input).ok()
    }

    /// All calls.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &PlannedCall> {
        self.answers.iter().flatten()
    }
}

/// The class of a tool of the load.
#[must_use]
pub(crate) fn class_of(tool: &str) -> Option<ToolClass> {
    TOOLS.iter().find(|(name, _)| *name == tool).map(|(_, class)| *class)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn plans_are_read_as_they_are_written_and_share_no_item() {
        let plans: Vec<_> = (0..200).map(|number| Plan::of(3, number)).collect();
        let items: HashSet<_> =
            plans.iter().flat_map(Plan::calls).map(|call| call.item.clone()).collect();
        assert_eq!(items.len(), plans.iter().flat_map(Plan::calls).count());
        assert!(plans.iter().all(|plan| Plan::from_input(&plan.to_input()).as_ref() == Some(plan)));
        let used: HashSet<_> = plans.iter().flat_map(Plan::calls).map(|call| &call.tool).collect();
        assert_eq!(used.len(), TOOLS.len());
        assert!(Plan::from_input("Which files are there?").is_none());
    }
}
