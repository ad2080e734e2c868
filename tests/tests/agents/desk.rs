//! A hub that works itself, led by a mock of a cloud, and a person who decides.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use agentos_domain::{Proposal, Task, TaskStatus};
use agentos_mock_provider::{MockProvider, Script};
use agentos_tests::harness::{Client, Hub, HubPorts, Place, check_whole, cloud_config, eventually};
use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
/// What the hub looks for, and where this build has it.
const PROGRAMS: [(&str, &str); 2] = [
    ("agentos-launcher", env!("CARGO_BIN_EXE_launcher-of-agents")),
    ("agentos-document-parser", env!("CARGO_BIN_EXE_document-parser-of-agents")),
];

/// What a model says in one reply: calls of tools, or an answer.
pub(crate) fn calls(calls: &[(&str, Value)]) -> Script {
    // As providers do: no call of any reply has the id of another.
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    calls.iter().fold(Script::text([""]), |script, (tool, arguments)| {
        let id = format!("call_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        script.with_tool_call(&id, tool, arguments.clone())
    })
}

pub(crate) fn says(text: &str) -> Script {
    Script::text([text])
}

/// How a task went.
pub(crate) struct Done {
    pub(crate) task: Task,
    /// What a person was asked, in order.
    pub(crate) asked: Vec<Proposal>,
    /// All that the model was shown in its last call.
    pub(crate) shown: String,
}

impl Done {
    pub(crate) fn output(&self) -> &str {
        self.task.output.as_deref().unwrap_or_default()
    }

    /// The tools that a person was asked about.
    pub(crate) fn asked_for(&self) -> Vec<&str> {
        self.asked.iter().map(|one| one.call.name.as_str()).collect()
    }
}

pub(crate) struct Desk {
    pub(crate) client: Client,
    mock: MockProvider,
    place: Arc<Place>,
    _hub: Hub,
}

impl Desk {
    /// With these settings besides.
    pub(crate) async fn new(settings: Value) -> Result<Self> {
        Self::start(settings, None).await
    }

    /// And with a variable of the hub's environment.
    pub(crate) async fn with_env(settings: Value, name: &str, value: &str) -> Result<Self> {
        Self::start(settings, Some((name, value))).await
    }

    async fn start(settings: Value, variable: Option<(&str, &str)>) -> Result<Self> {
        let place = Arc::new(Place::new()?);
        let programs = place.folder("programs")?;
        for (name, program) in PROGRAMS {
            let path = programs.join(name);
            std::fs::copy(program, &path)?;
            place.give(&path)?;
        }
        let mock = MockProvider::start(Script::words(3)).await?;
        let mut config = cloud_config(&mock.base_url(), json!({ "cache_responses": false }));
        config["engine"] = json!({ "on_edge_lost": "elsewhere", "elsewhere_after_seconds": 0 });
        config["sandbox"] = json!({ "programs": path_text(&programs)? });
        for (name, value) in settings.as_object().context("no settings")? {
            config[name] = value.clone();
        }
        // The same once more as a model at home, for tasks that stay there.
        let mut at_home = config["models"]["model_list"][0].clone();
        at_home["model_name"] = "local-fast".into();
        at_home["model_info"] = json!({ "location": "local" });
        let models = config["models"]["model_list"].as_array_mut().context("no models")?;
        models.push(at_home);
        let config = place.file("agent_os.yaml", config.to_string().as_bytes())?;
        let args = ["--config", path_text(&config)?];
        let data = place.folder("hub")?;
        let mut hub = Hub::new(&place, HUB.as_ref(), data, HubPorts::free()?, &args);
        if let Some((name, value)) = variable {
            hub.set_env(name, Some(value.to_owned()));
        }
        let client = hub.start().await?;
        Ok(Self { client, mock, place, _hub: hub })
    }

    /// Gives an agent a task, has its model say this, one reply after the other,
    /// and confirms what is asked.
    pub(crate) async fn task(
        &self,
        agent: &str,
        input: &str,
        replies: impl IntoIterator<Item = Script>,
    ) -> Result<Done> {
        let body = json!({ "input": input, "agent": agent, "wait": false });
        self.led(body, replies).await
    }

    /// The same, of a task that is to stay in the home network.
    pub(crate) async fn private_task(
        &self,
        agent: &str,
        input: &str,
        replies: impl IntoIterator<Item = Script>,
    ) -> Result<Done> {
        let privacy = "local_only";
        let body = json!({ "input": input, "agent": agent, "privacy": privacy, "wait": false });
        self.led(body, replies).await
    }

    async fn led(&self, body: Value, replies: impl IntoIterator<Item = Script>) -> Result<Done> {
        self.mock.clear();
        self.mock.play(replies);
        let task = self.client.submit(&body).await?;
        let mut asked: Vec<Proposal> = Vec::new();
        let task = eventually("the task's end", async || {
            for proposal in self.pending().await? {
                let path = format!("/api/approvals/{}/approve", proposal.proposal_id);
                let request = self.client.request(Method::POST, &path);
                let reply = self.client.send(request.json(&json!({ "scope": "once" }))).await?;
                ensure!(reply.status.is_success(), "{reply:?}");
                asked.push(proposal);
            }
            Ok(Some(self.client.task(&task).await?).filter(|task| task.status.is_final()))
        })
        .await?;
        let steps = self.client.steps(&task).await?;
        check_whole(&steps)?;
        ensure!(task.status == TaskStatus::Completed, "{task:#?}\n{steps:#?}");
        let shown = self.mock.requests().pop().context("no model was asked")?;
        Ok(Done { task, asked, shown: shown.body.to_string() })
    }

    async fn pending(&self) -> Result<Vec<Proposal>> {
        let reply = self.client.send(self.client.request(Method::GET, "/api/approvals")).await?;
        Ok(serde_json::from_value(reply.json()?["pending"].take())?)
    }

    /// A file of the workspace.
    pub(crate) async fn file(&self, path: &str) -> Result<String> {
        let request = self.client.request(Method::GET, &format!("/api/files/{path}"));
        let reply = self.client.send(request).await?;
        ensure!(reply.status.is_success(), "{path}: {reply:?}");
        Ok(String::from_utf8(reply.body)?)
    }

    /// The test is over and well.
    pub(crate) fn passed(&self) {
        self.place.passed();
    }
}

fn path_text(path: &Path) -> Result<&str> {
    path.to_str().context("a strange path")
}
