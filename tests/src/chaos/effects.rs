//! The world that tools change: it outlives every kill, and remembers each
//! effect in the order in which they came.
//!
//! The protocol is a line each way over a UNIX socket, which every network
//! namespace reaches: `CLASS KEY ITEM`, answered by `done` once the effect is
//! counted.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentos_domain::{ToolClass, ToolError, ToolSpec};
use agentos_tools::{Registry, RegistryError, Tool, ToolContext};
use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::task::TaskTracker;

use super::plan::{TOOLS, class_of};

/// A side effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Effect {
    /// What repeating it does.
    pub(crate) class: ToolClass,
    /// The key that its call was given.
    pub(crate) key: String,
    /// What it was about.
    pub(crate) item: String,
}

/// All effects so far; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Effects(Arc<Mutex<Vec<Effect>>>);

impl Effects {
    /// In the order in which they came.
    #[must_use]
    pub(crate) fn all(&self) -> Vec<Effect> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a call with this key had its effect.
    #[must_use]
    pub(crate) fn seen(&self, key: &str) -> bool {
        let effects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        effects.iter().any(|effect| effect.key == key)
    }

    fn count(&self, effect: Effect) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(effect);
    }

    /// Serves calls until it is dropped.
    ///
    /// # Errors
    /// If the socket breaks.
    pub(crate) async fn serve(self, listener: UnixListener) -> Result<()> {
        let calls = TaskTracker::new();
        loop {
            let (stream, _) = listener.accept().await.context("the socket of effects")?;
            let effects = self.clone();
            // A caller that is killed meanwhile changes nothing of what is counted.
            calls.spawn(async move { effects.answer(stream).await.ok() });
        }
    }

    async fn answer(&self, stream: UnixStream) -> Result<()> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let mut words = line.split_whitespace();
        let mut word = || words.next().context("a short line");
        let class = serde_json::from_value(json!(word()?))?;
        let effect = Effect { class, key: word()?.to_owned(), item: word()?.to_owned() };
        let (before, after) = pauses(&effect.key);
        tokio::time::sleep(before).await;
        self.count(effect);
        tokio::time::sleep(after).await;
        stream.write_all(b"done\n").await?;
        Ok(())
    }
}

/// How long a call takes before and after its effect: some are slow, so that
/// faults find them under way.
fn pauses(key: &str) -> (Duration, Duration) {
    let number = key.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
    let slow = if number.is_multiple_of(8) { 400 } else { 0 };
    (Duration::from_millis(number % 15), Duration::from_millis(number / 16 % 25 + slow))
}

/// A tool that has an effect there.
struct EffectTool {
    spec: ToolSpec,
    socket: PathBuf,
}

/// The tools of the load.
///
/// # Errors
/// Never: their names and schemas are constants.
pub fn tools(socket: &Path) -> Result<Registry> {
    let mut tools = Registry::new();
    for (name, class) in TOOLS {
        let spec = ToolSpec::new(
            name.parse()?,
            class,
            "Has an effect that is counted",
            json!({
                "type": "object",
                "properties": { "item": { "type": "string" } },
                "required": ["item"],
                "additionalProperties": false,
            }),
        )
        // What the policy says is tried elsewhere.
        .with_effect(agentos_domain::Effect::None);
        let tool = EffectTool { spec, socket: socket.to_owned() };
        tools.insert(Arc::new(tool)).map_err(|error: RegistryError| anyhow::anyhow!(error))?;
    }
    Ok(tools)
}

#[async_trait::async_trait]
impl Tool for EffectTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<Value, ToolError> {
        let item = arguments["item"].as_str().unwrap_or_default();
        let done = perform(&self.socket, self.spec.name.as_str(), &context.idempotency_key, item);
        match done.await {
            Ok(()) => Ok(json!({ "done": item })),
            Err(error) => Err(ToolError::new("no_effect_server", format!("{error:#}"))),
        }
    }
}

async fn perform(socket: &Path, tool: &str, key: &str, item: &str) -> Result<()> {
    let class = json!(class_of(tool).context("no such tool")?);
    let class = class.as_str().context("a class that is no word")?;
    let mut stream = BufReader::new(UnixStream::connect(socket).await?);
    stream.write_all(format!("{class} {key} {item}\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_line(&mut answer).await?;
    anyhow::ensure!(answer == "done\n", "answered `{answer}`");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn effects_are_counted_by_key_also_where_the_caller_goes_away() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("effects");
        let effects = Effects::default();
        let serving = effects.clone().serve(UnixListener::bind(&socket).unwrap());
        let calls = async {
            perform(&socket, "send", "k1", "a").await.unwrap();
            perform(&socket, "put", "k2", "b").await.unwrap();
            let mut stream = UnixStream::connect(&socket).await.unwrap();
            stream.write_all(b"read k3 c\n").await.unwrap();
            drop(stream);
            while !effects.seen("k3") {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            result = serving => panic!("{result:?}"),
            () = calls => {}
        }
        let seen: Vec<_> = effects.all().into_iter().map(|e| (e.class, e.key, e.item)).collect();
        let effect = |class, key: &str, item: &str| (class, key.to_owned(), item.to_owned());
        assert_eq!(
            seen,
            [
                effect(ToolClass::Once, "k1", "a"),
                effect(ToolClass::Idempotent, "k2", "b"),
                effect(ToolClass::Read, "k3", "c"),
            ]
        );
        assert!(!effects.seen("k4"));
    }
}
