//! A plugin that is a program. It reads its document from its standard input
//! and writes its answer to its standard output.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::{answer, question};
use crate::plugin::{Plugin, PluginContext, PluginResult};

/// The most that is read of either output, in bytes.
const MAX_OUTPUT: u64 = 1024 * 1024;
/// The most of its error output that is told, in characters: the end.
const MAX_TOLD: usize = 500;
/// What it finds of the hub's own environment.
const INHERITED: [&str; 4] = ["PATH", "HOME", "LANG", "TZ"];

/// A program that is run as a plugin.
pub struct CommandPlugin {
    /// Its name.
    pub name: String,
    /// The program and its arguments; no shell reads them.
    pub command: Vec<String>,
    /// The names of the secrets in its environment, where they are in capitals.
    pub secrets: Vec<String>,
    /// The longest that it may take.
    pub timeout: Duration,
}

#[async_trait]
impl Plugin for CommandPlugin {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, context: &PluginContext, params: &Value) -> PluginResult {
        let question = question(&self.name, context, params).to_string();
        let child = match self.start(context) {
            Ok(child) => child,
            Err(error) => return PluginResult::failed(format!("it cannot be started: {error}")),
        };
        // Whoever ends early drops the child, and that kills it.
        let talking = tokio::time::timeout(self.timeout, talk(child, &question));
        match context.cancel.run_until_cancelled(talking).await {
            None => PluginResult::failed("the hub is stopping: run it again later"),
            Some(Err(_)) => {
                PluginResult::failed(format!("it did not end within {:?}", self.timeout))
            }
            Some(Ok(Err(error))) => PluginResult::failed(format!("it cannot be run: {error}")),
            Some(Ok(Ok(said))) => said.result(),
        }
    }
}

impl CommandPlugin {
    fn start(&self, context: &PluginContext) -> std::io::Result<Child> {
        let (program, arguments) =
            self.command.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in INHERITED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        for name in &self.secrets {
            if let Some(secret) = context.secret(name) {
                command.env(name.to_ascii_uppercase(), secret.expose());
            }
        }
        command.spawn()
    }
}

/// What a program said.
struct Said {
    status: ExitStatus,
    output: Vec<u8>,
    errors: Vec<u8>,
}

async fn talk(mut child: Child, question: &str) -> std::io::Result<Said> {
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let asking = async move {
        if let Some(mut input) = input {
            // A program that does not read is not made to.
            let _ = input.write_all(question.as_bytes()).await;
        }
    };
    let ((), output, errors) = tokio::join!(asking, whole(output), whole(errors));
    Ok(Said { output: output?, errors: errors?, status: child.wait().await? })
}

async fn whole(from: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(MAX_OUTPUT + 1).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

impl Said {
    fn result(&self) -> PluginResult {
        if self.output.len() as u64 > MAX_OUTPUT {
            return PluginResult::failed(format!("it wrote more than {MAX_OUTPUT} bytes"));
        }
        let mut result = answer::read(&String::from_utf8_lossy(&self.output));
        if !self.status.success() && result.error.is_none() {
            let errors = String::from_utf8_lossy(&self.errors);
            let length = errors.trim().chars().count();
            let end: String = errors.trim().chars().skip(length.saturating_sub(MAX_TOLD)).collect();
            let data = std::mem::take(&mut result.data);
            result = PluginResult::failed(format!("it ended with {}: {end}", self.status));
            result.data = data;
        }
        result.with("exit_code", self.status.code())
    }
}
