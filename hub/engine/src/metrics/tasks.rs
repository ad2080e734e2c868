//! What is counted of tasks: fed with the steps that became durable.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use agentos_domain::{AgentConfig, Entry, Step, Task, TaskId, Tier};

use super::family::{CounterFamily, HistogramFamily, OTHER, gauge};
use crate::handle::EngineHandle;

/// The most models that are told apart.
const MAX_MODELS: usize = 64;
/// The most tasks whose model calls are counted at a time.
const MAX_OPEN: usize = 4096;
/// Seconds that a task may take.
const DURATIONS: &[f64] =
    &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];
/// Model calls of a run.
const ITERATIONS: &[f64] = &[1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0];

/// The counters of the engine.
pub(crate) struct Metrics {
    tasks: CounterFamily<2>,
    durations: HistogramFamily<0>,
    iterations: HistogramFamily<1>,
    tool_calls: CounterFamily<2>,
    model_requests: CounterFamily<2>,
    model_tokens: CounterFamily<2>,
    /// The tiers of the agents, by their names.
    agents: HashMap<String, Tier>,
    tools: BTreeSet<String>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    models: BTreeSet<String>,
    open: HashMap<TaskId, Open>,
}

/// A task that has not ended.
#[derive(Default)]
struct Open {
    tier: Option<Tier>,
    model_calls: u32,
}

impl Metrics {
    pub(crate) fn new<'a>(agents: impl IntoIterator<Item = &'a AgentConfig> + Clone) -> Self {
        let tools = agents.clone().into_iter().flat_map(|agent| &agent.tools);
        Self {
            tools: tools.map(ToString::to_string).collect(),
            agents: agents.into_iter().map(|a| (a.name.to_string(), a.model_tier)).collect(),
            tasks: CounterFamily::new(
                "tasks_total",
                "Tasks that ended, by agent and how they ended.",
                ["agent", "status"],
            ),
            durations: HistogramFamily::new(
                "task_duration_seconds",
                "Time from the first start of a task to its end.",
                [],
                DURATIONS,
            ),
            iterations: HistogramFamily::new(
                "agent_iterations",
                "Model calls of a task that ended, by agent.",
                ["agent"],
                ITERATIONS,
            ),
            tool_calls: CounterFamily::new(
                "agent_tool_calls_total",
                "Tool calls that were begun, by agent and tool.",
                ["agent", "tool"],
            ),
            model_requests: CounterFamily::new(
                "model_requests_total",
                "Model calls that were answered, by model and tier.",
                ["model", "tier"],
            ),
            model_tokens: CounterFamily::new(
                "model_tokens_total",
                "Tokens of model calls, by model and direction.",
                ["model", "direction"],
            ),
            seen: Mutex::default(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // A panic elsewhere cannot leave the maps half changed.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes which tier a task really asks for: a user may have chosen another
    /// than its agent's.
    pub(crate) fn leased(&self, task: &TaskId, tier: Tier) {
        self.seen().open(task).tier = Some(tier);
    }

    /// Counts steps of a task that have just become durable. A task that ended
    /// is counted with the step that ended it, and so only once.
    pub(crate) fn observe(&self, task: &Task, steps: &[Step]) {
        let name = task.agent_type.as_str();
        let tier = self.agents.get(name).copied();
        let agent = if tier.is_some() { name } else { OTHER };
        for step in steps {
            match &step.entry {
                Entry::ModelReply { model, usage, .. } => {
                    let (model, asked) = self.seen().model_call(&task.task_id, model);
                    let tier = asked.or(tier).map_or(OTHER, tier_name);
                    self.model_requests.add([&model, tier], 1);
                    self.model_tokens.add([&model, "input"], usage.input_tokens);
                    self.model_tokens.add([&model, "output"], usage.output_tokens);
                }
                Entry::ToolIntent { call, .. } => {
                    let tool = call.name.as_str();
                    let tool = if self.tools.contains(tool) { tool } else { OTHER };
                    self.tool_calls.add([agent, tool], 1);
                }
                entry if entry.is_final() => self.ended(task, agent),
                _ => {}
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "no task takes 2^53 milliseconds")]
    fn ended(&self, task: &Task, agent: &str) {
        self.tasks.add([agent, task.status.as_str()], 1);
        if let Some(millis) = task.execution_time_ms {
            self.durations.observe([], millis as f64 / 1000.0);
        }
        let open = self.seen().open.remove(&task.task_id).unwrap_or_default();
        if open.model_calls > 0 {
            self.iterations.observe([agent], f64::from(open.model_calls));
        }
    }

    pub(super) fn write(&self, page: &mut String) {
        self.tasks.write(page);
        self.durations.write(page);
        self.model_requests.write(page);
        self.model_tokens.write(page);
        self.iterations.write(page);
        self.tool_calls.write(page);
    }
}

impl Seen {
    fn open(&mut self, task: &TaskId) -> &mut Open {
        if self.open.len() >= MAX_OPEN && !self.open.contains_key(task) {
            self.open.clear();
        }
        self.open.entry(task.clone()).or_default()
    }

    /// Counts a model call; the label for the model, and the tier if known.
    fn model_call(&mut self, task: &TaskId, model: &str) -> (String, Option<Tier>) {
        let open = self.open(task);
        open.model_calls += 1;
        let tier = open.tier;
        if !self.models.contains(model) {
            if self.models.len() >= MAX_MODELS {
                return (OTHER.to_owned(), tier);
            }
            self.models.insert(model.to_owned());
        }
        (model.to_owned(), tier)
    }
}

fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::LocalFast => "local-fast",
        Tier::LocalSmart => "local-smart",
        Tier::CloudSmart => "cloud-smart",
    }
}

impl EngineHandle {
    /// Appends what the engine counts to a page of metrics. What the store
    /// cannot tell at the moment is left out.
    pub async fn write_metrics(&self, page: &mut String) {
        self.shared.metrics.write(page);
        match self.shared.store.task_load().await {
            Ok(load) => {
                gauge(page, "active_tasks", "Tasks that an edge works on.", load.running);
                gauge(page, "queue_length", "Tasks that wait for an edge.", load.pending);
            }
            Err(error) => tracing::warn!(%error, "could not count the tasks"),
        }
        let sessions = self.shared.edges_in_session().len();
        gauge(page, "link_sessions", "Edges with a session.", sessions as u64);
    }
}
