//! What whoever asked learns of an answer.

use serde::Serialize;

use crate::error::RouterError;
use crate::meter::Bill;
use crate::piece::Delta;

/// Something that happened to a request.
#[derive(Debug, Clone)]
pub enum ChatEvent {
    /// A deployment answers. Once, and again where another takes up what it
    /// could not end.
    Begin(Answering),
    /// A piece of the answer.
    Delta(Delta),
    /// The answer is complete; nothing follows.
    End(Ending),
    /// The answer ends without being complete; nothing follows.
    Failed(RouterError),
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answering {
    /// The deployment.
    pub deployment: String,
    /// The name that it answers to.
    pub group: String,
    /// The model: as the answer names it, or else as it was asked for.
    pub model: String,
    /// Where it computes.
    pub location: &'static str,
    /// Whether this is an earlier answer.
    pub cached: bool,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// Why, in OpenAI's words.
    pub finish: String,
    /// What it cost.
    pub bill: Bill,
    /// How sure the model is of it, from 0 to 1; none where that is not known.
    pub confidence: Option<f64>,
}
