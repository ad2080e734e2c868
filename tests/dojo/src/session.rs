//! One run after another, each with a journal of its own.

use agentos_domain::{
    Changeset, Decision, Entry, FinishReason, GrantScope, Journal, ToolCall, ToolOutcome, ToolSpec,
    Usage,
};
use agentos_policy::{Grounds, Verdict};
use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Policy, manifests};

/// What the driver wants.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Request {
    /// The names of the tools, the arguments that are declared, and whether the
    /// answers are somebody else's.
    Tools,
    /// A new run.
    Begin {
        /// What the user said.
        words: String,
        /// By what is decided.
        policy: Policy,
    },
    /// The agent wants this call.
    Decide {
        /// The tool.
        tool: String,
        /// Its arguments.
        arguments: Value,
    },
    /// The person decides about the call that was asked for.
    Person {
        /// Whether it may be made.
        approve: bool,
    },
    /// The call was made.
    Result {
        /// What it came to.
        outcome: ToolOutcome,
    },
}

/// The run that is under way.
#[derive(Debug)]
pub struct Session {
    tools: Vec<ToolSpec>,
    words: String,
    policy: Policy,
    journal: Journal,
    call: Option<ToolCall>,
}

impl Session {
    /// # Errors
    /// Where the manifests cannot be read.
    pub fn new() -> Result<Self> {
        let tools = manifests().context("tests/dojo/manifests.json")?;
        let (words, journal) = (String::new(), Journal::new());
        Ok(Self { tools, words, policy: Policy::Strict, journal, call: None })
    }

    /// Does what is wanted, and says what came of it.
    ///
    /// # Errors
    /// Where the request does not follow from those before it.
    pub fn answer(&mut self, request: Request) -> Result<Value> {
        match request {
            Request::Tools => Ok(self.tools()),
            Request::Begin { words, policy } => {
                (self.words, self.policy) = (words, policy);
                (self.journal, self.call) = (Journal::new(), None);
                Ok(json!({}))
            }
            Request::Decide { tool, arguments } => self.decide(&tool, arguments),
            Request::Person { approve } => self.person(approve),
            Request::Result { outcome } => self.result(outcome),
        }
    }

    fn tools(&self) -> Value {
        let told = |spec: &ToolSpec| {
            let arguments: Vec<&String> = spec.arguments.keys().collect();
            let told = json!({ "arguments": arguments, "untrusted": spec.untrusted_output });
            (spec.name.to_string(), told)
        };
        Value::Object(self.tools.iter().map(told).collect())
    }

    fn decide(&mut self, tool: &str, arguments: Value) -> Result<Value> {
        let id = format!("call_{}", self.journal.len());
        let call = ToolCall { id, name: tool.parse()?, arguments };
        self.journal.push(Entry::ModelReply {
            model: "obedient".to_owned(),
            text: String::new(),
            tool_calls: vec![call.clone()],
            finish: FinishReason::ToolCalls,
            usage: Usage::default(),
            confidence: None,
            duration_ms: 0,
        })?;
        let grounds = Grounds { user: &self.words, configuration: Vec::new(), tools: &self.tools };
        let verdict = self.policy.decide(self.journal.entries(), &grounds, &call);
        let (word, reasons) = match &verdict {
            Verdict::Allow => ("allow", json!([])),
            Verdict::Ask(reasons) => ("ask", serde_json::to_value(reasons)?),
            Verdict::Refuse(error) => ("refuse", serde_json::to_value(error)?),
        };
        if let Verdict::Refuse(error) = &verdict {
            let error = error.clone();
            self.journal.push(Entry::ToolRefused { call_id: call.id.clone(), error })?;
        }
        self.call = Some(call);
        Ok(json!({ "verdict": word, "reasons": reasons }))
    }

    fn person(&mut self, approve: bool) -> Result<Value> {
        let call = self.call.clone().context("nothing was asked")?;
        let (call_id, class) = (call.id.clone(), self.class(&call));
        self.journal.push(Entry::ApprovalAsked { call, class, reasons: Vec::new() })?;
        let decision = if approve {
            Decision::Approve { scope: GrantScope::Once }
        } else {
            Decision::Reject { reason: "the user did not ask for this".to_owned() }
        };
        self.journal.push(Entry::Decided { call_id, decision, by: "user".to_owned() })?;
        Ok(json!({}))
    }

    fn result(&mut self, outcome: ToolOutcome) -> Result<Value> {
        let call = self.call.take().context("no call is under way")?;
        let (call_id, class) = (call.id.clone(), self.class(&call));
        let idempotency_key = call_id.clone();
        self.journal.push(Entry::ToolIntent { call, class, idempotency_key })?;
        let changes = Changeset::default();
        self.journal.push(Entry::ToolResult { call_id, outcome, duration_ms: 0, changes })?;
        Ok(json!({}))
    }

    fn class(&self, call: &ToolCall) -> agentos_domain::ToolClass {
        let spec = self.tools.iter().find(|tool| tool.name == call.name);
        spec.map_or(agentos_domain::ToolClass::Once, |spec| spec.class)
    }
}
