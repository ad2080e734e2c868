//! Agents: named configurations of prompt, tools, tier and limits.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AgentName, Sampling, Tier, ToolName, Validation};

/// What an agent is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentConfig {
    /// Its name.
    pub name: AgentName,
    /// What it is for, in a sentence.
    pub description: String,
    /// The model tier that it asks for.
    pub model_tier: Tier,
    /// The tools that it is granted, and no others.
    pub tools: Vec<ToolName>,
    /// The most model calls until an answer. An answer that fails its checks is
    /// corrected once, with as many again.
    pub max_iterations: u32,
    /// Whether a person confirms every call of a tool that changes something.
    #[serde(default)]
    pub approval_required: bool,
    /// Its instructions.
    pub system_prompt: String,
    /// How its model samples.
    pub sampling: Sampling,
    /// The longest time that executors may work on a run, in seconds. Waiting
    /// for an executor or for a person does not count.
    pub timeout_seconds: u64,
    /// The longest time that one call of its model may take, in seconds.
    #[serde(default = "default_step_timeout")]
    pub step_timeout_seconds: u64,
    /// The longest time that one call of a tool may take, in seconds.
    #[serde(default = "default_tool_timeout")]
    pub tool_timeout_seconds: u64,
    /// What becomes of its runs where an edge is lost; as the installation has
    /// it where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_edge_lost: Option<OnEdgeLost>,
    /// Where its prompts may go; as the installation has it where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<Privacy>,
    /// What its results must be like.
    #[serde(default)]
    pub validation: Validation,
}

/// Where what a task says may go: prompts, and all that is made of them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Privacy {
    /// To any model that is configured.
    #[default]
    Any,
    /// To models in the home network alone, whatever fails.
    LocalOnly,
}

impl Privacy {
    /// The word that stands for it in the API and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::LocalOnly => "local_only",
        }
    }
}

impl FromStr for Privacy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Any, Self::LocalOnly].into_iter().find(|one| one.as_str() == text);
        known.ok_or_else(|| format!("`{text}` is no privacy: use any or local_only"))
    }
}

/// What becomes of a task whose edge is lost, or that finds none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnEdgeLost {
    /// It waits for an edge and goes on there.
    #[default]
    Wait,
    /// The hub itself works on it, with the models that it has, until its end.
    Elsewhere,
    /// Where an edge worked on it, it fails with the code `edge_lost`. A call
    /// that may have had its effect is asked about first, as always.
    Fail,
}

impl OnEdgeLost {
    /// The word that stands for it in the API and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Elsewhere => "elsewhere",
            Self::Fail => "fail",
        }
    }
}

impl FromStr for OnEdgeLost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Wait, Self::Elsewhere, Self::Fail];
        let known = known.into_iter().find(|one| one.as_str() == text);
        known.ok_or_else(|| format!("`{text}`: use wait, elsewhere or fail"))
    }
}

fn default_step_timeout() -> u64 {
    300
}

fn default_tool_timeout() -> u64 {
    60
}
