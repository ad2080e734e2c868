//! Why an engine cannot answer.

use std::path::PathBuf;

use agentos_domain::{Classified, ToolName};

/// An error of an engine or of one request to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// There is no file at the model's path.
    #[error("no model file at {}: set AGENT_OS_MODEL to a GGUF file", path.display())]
    NoModel {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file cannot be opened or read.
    #[error("cannot read the model file {}: {reason}; check its permissions", path.display())]
    Unreadable {
        /// The model file.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// The file does not begin like a GGUF file.
    #[error(
        "{} is not a GGUF file: set AGENT_OS_MODEL to a model in GGUF format", path.display()
    )]
    NotGguf {
        /// The file.
        path: PathBuf,
    },
    /// The file is a GGUF file that llama.cpp refuses.
    #[error(
        "llama.cpp cannot load {}: the file is truncated, damaged or of an unknown architecture; \
         download it again (the log holds llama.cpp's reason)", path.display()
    )]
    BrokenModel {
        /// The model file.
        path: PathBuf,
    },
    /// The memory for the context could not be had, or llama.cpp did not start.
    #[error("cannot start llama.cpp: {reason}")]
    Start {
        /// What failed and what to change.
        reason: String,
    },
    /// The queue is full.
    #[error("{queued} model calls are waiting already: try again when some have ended")]
    Busy {
        /// How many wait.
        queued: usize,
    },
    /// The prompt does not fit. The conversation's transcript was forgotten.
    #[error(
        "the prompt of {needed} tokens does not fit into the context of {size}: \
         shorten the conversation or raise the context size"
    )]
    ContextFull {
        /// Tokens of the prompt.
        needed: usize,
        /// Tokens that the context holds.
        size: usize,
    },
    /// The tool that must be called is none of the request's.
    #[error("the tool {name} is not among the request's tools: add it or do not require it")]
    UnknownTool {
        /// The tool.
        name: ToolName,
    },
    /// The schema of the answer cannot constrain a model.
    #[error("the answer's schema cannot be used ({reason}): use a simpler one")]
    OutputSchema {
        /// What llama.cpp says.
        reason: String,
    },
    /// A tool's JSON schema cannot constrain a model.
    #[error(
        "the parameters of the tool {name} cannot be turned into a grammar: simplify its JSON schema"
    )]
    Schema {
        /// The tool.
        name: ToolName,
    },
    /// The model's chat template cannot be compiled or refuses the messages.
    #[error("the model's chat template fails: {reason}")]
    Template {
        /// What the template says.
        reason: String,
    },
    /// Decoding failed.
    #[error("the model failed while it generated: {reason}")]
    Generation {
        /// What went wrong.
        reason: String,
    },
    /// The hub had it answered by no model.
    #[error("{message}")]
    Unanswered {
        /// Why, in a word.
        code: &'static str,
        /// For people.
        message: String,
        /// Whether it may be different in a while.
        passes: bool,
    },
    /// The engine was shut down.
    #[error("the inference engine has stopped: start the edge again")]
    Stopped,
}

impl Classified for EngineError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoModel { .. } => "model_missing",
            Self::Unreadable { .. } => "model_unreadable",
            Self::NotGguf { .. } => "model_not_gguf",
            Self::BrokenModel { .. } => "model_broken",
            Self::Start { .. } => "engine_start",
            Self::Busy { .. } => "engine_busy",
            Self::ContextFull { .. } => "context_full",
            Self::UnknownTool { .. } => "unknown_tool",
            Self::OutputSchema { .. } => "output_schema",
            Self::Schema { .. } => "tool_schema",
            Self::Template { .. } => "chat_template",
            Self::Generation { .. } => "generation_failed",
            Self::Unanswered { code, .. } => code,
            Self::Stopped => "engine_stopped",
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::Generation { .. } | Self::Stopped => true,
            Self::Unanswered { passes, .. } => *passes,
            _ => false,
        }
    }
}
