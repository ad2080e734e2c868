//! Anthropic's Messages.

mod answer;
mod request;

pub(crate) use answer::Reader;
pub(crate) use request::body;

/// The tool by whose arguments a model answers in a form: every model that
/// knows tools can do that.
const FORM_TOOL: &str = "answer";
