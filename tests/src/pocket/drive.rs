//! Drives one run as an edge does, without a hub.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{
    AgentConfig, Classified as _, Clock, Entry, ErrorInfo, Journal, TaskId, ToolCall, ToolClass,
    ToolOutcome, builtin_file_agent,
};
use agentos_generation::{
    Completion, Engine, EngineError, GenerateEvent, GenerateRequest, ToolChoice,
};
use agentos_run::{Action, RunConfig, conversation, next};
use agentos_sandbox::GrantedRoot;
use agentos_tools::{Registry, ToolContext};
use tokio_util::sync::CancellationToken;

/// The same in every evaluation.
const SEED: u64 = 1;

/// What runs are made of.
pub(crate) struct Bench {
    engine: Arc<dyn Engine>,
    tools: Registry,
    clock: Arc<dyn Clock>,
    agent: AgentConfig,
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Made {
    /// The calls that the model asked for, in order.
    pub(crate) calls: Vec<ToolCall>,
    /// Whether all of them were of tools that change nothing.
    pub(crate) reads_only: bool,
    /// `None` where the run failed.
    pub(crate) answer: Option<String>,
    /// Why it failed.
    pub(crate) failure: Option<String>,
    /// From the first question to the model to its reply with a call; `None`
    /// where that has none.
    pub(crate) first_call: Option<Duration>,
    /// The geometric mean of the probabilities of the first reply's tokens.
    pub(crate) first_mean: Option<f32>,
    /// Tokens that the model generated.
    pub(crate) tokens: u64,
    /// How long the model worked, prompts included.
    pub(crate) model_time: Duration,
}

impl Bench {
    /// `FileOpsAgent` with its tools, choosing always the likeliest token.
    pub(crate) fn new(engine: Arc<dyn Engine>, clock: Arc<dyn Clock>) -> Self {
        let mut agent = builtin_file_agent();
        agent.sampling.temperature = 0.0;
        agent.sampling.seed = Some(SEED);
        Self { engine, tools: Registry::with_file_tools(), clock, agent }
    }

    /// Runs one request to its end, at most as long as the agent may take.
    ///
    /// # Errors
    /// The engine has stopped. Whatever else goes wrong is the run's failure.
    pub(crate) async fn run(
        &self,
        request: &str,
        root: &Arc<GrantedRoot>,
    ) -> Result<Made, EngineError> {
        let config = RunConfig {
            task_id: TaskId::generate(),
            user_input: request.to_owned(),
            agent: self.agent.clone(),
            tools: self.tools.specs_for(&self.agent.tools),
            first_tool: None,
            granted: Vec::new(),
        };
        let key = config.task_id.to_string();
        let mut run = Run {
            bench: self,
            config,
            journal: Journal::new(),
            made: Made { reads_only: true, ..Made::default() },
        };
        let limit = Duration::from_secs(self.agent.timeout_seconds);
        let ended = tokio::time::timeout(limit, run.steps(root)).await;
        self.engine.end_conversation(&key).await;
        let mut made = run.made;
        match ended {
            Ok(result) => result?,
            Err(_) => made.failure = Some(format!("the run took longer than {limit:?}")),
        }
        Ok(made)
    }
}

struct Run<'a> {
    bench: &'a Bench,
    config: RunConfig,
    journal: Journal,
    made: Made,
}

impl Run<'_> {
    async fn steps(&mut self, root: &Arc<GrantedRoot>) -> Result<(), EngineError> {
        loop {
            let entry = match next(&self.journal, &self.config) {
                Action::Done | Action::Suspend => return Ok(()),
                Action::Record(entry) => entry,
                Action::Ask { call, class, reasons } => {
                    Entry::ApprovalAsked { call, class, reasons }
                }
                // Nothing of its agent's answers is checked.
                Action::CheckAnswer { .. } => Entry::AnswerChecked { problems: Vec::new() },
                Action::CallModel { .. } => self.call_model().await?,
                Action::CallTool { announce, call, idempotency_key } => {
                    self.call_tool(root, announce, call, idempotency_key).await
                }
            };
            self.push(entry);
        }
    }

    /// Appends an entry; one that cannot follow ends the run.
    fn push(&mut self, entry: Entry) {
        match &entry {
            Entry::Finished { output, .. } => self.made.answer = Some(output.clone()),
            Entry::Failed { error } => {
                self.made.failure = Some(format!("{}: {}", error.code, error.message));
            }
            _ => {}
        }
        if let Err(error) = self.journal.push(entry) {
            let error = ErrorInfo::new(error.code(), error.to_string());
            self.made.failure = Some(format!("{}: {}", error.code, error.message));
            // From every phase but the end, which `next` calls done.
            let _ = self.journal.push(Entry::Failed { error });
        }
    }

    async fn call_model(&mut self) -> Result<Entry, EngineError> {
        let is_first = self.journal.is_empty();
        let request = GenerateRequest {
            messages: conversation(self.journal.entries(), &self.config),
            tools: self.config.tools.clone(),
            tool_choice: ToolChoice::Auto,
            sampling: self.config.agent.sampling.clone(),
            output_schema: None,
            conversation: Some(self.config.task_id.to_string()),
        };
        let clock = &self.bench.clock;
        let begun = clock.monotonic();
        let completion = generate(self.bench.engine.as_ref(), request).await;
        let took = clock.monotonic().saturating_sub(begun);
        self.made.model_time += took;
        match completion {
            Ok(completion) => {
                if is_first && !completion.tool_calls.is_empty() {
                    self.made.first_call = Some(took);
                }
                if is_first {
                    self.made.first_mean = completion.confidence;
                }
                self.made.tokens += completion.usage.output_tokens;
                for call in &completion.tool_calls {
                    let spec = self.config.tools.iter().find(|tool| tool.name == call.name);
                    self.made.reads_only &= spec.is_some_and(|tool| tool.class == ToolClass::Read);
                    self.made.calls.push(call.clone());
                }
                Ok(completion.into())
            }
            Err(EngineError::Stopped) => Err(EngineError::Stopped),
            Err(error) => {
                Ok(Entry::Failed { error: ErrorInfo::new(error.code(), error.to_string()) })
            }
        }
    }

    async fn call_tool(
        &mut self,
        root: &Arc<GrantedRoot>,
        announce: Entry,
        call: ToolCall,
        idempotency_key: String,
    ) -> Entry {
        let tools = &self.bench.tools;
        if let Err(error) = tools.validate(&self.config.agent.tools, &call) {
            return Entry::ToolRefused { call_id: call.id, error };
        }
        self.push(announce);
        let context = ToolContext {
            root: Arc::clone(root),
            idempotency_key,
            cancel: CancellationToken::new(),
        };
        let outcome: ToolOutcome = tools.call(&call, &context).await;
        Entry::ToolResult {
            call_id: call.id,
            outcome,
            duration_ms: 0,
            changes: agentos_domain::Changeset::default(),
        }
    }
}

/// One answer of the model.
async fn generate(
    engine: &dyn Engine,
    request: GenerateRequest,
) -> Result<Completion, EngineError> {
    let mut events = engine.generate(request, CancellationToken::new()).await?;
    while let Some(event) = events.recv().await {
        if let GenerateEvent::Done(completion) = event? {
            return Ok(completion);
        }
    }
    Err(EngineError::Stopped)
}
