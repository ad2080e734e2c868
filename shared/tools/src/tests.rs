//! The tools through the registry, as an agent calls them. The workspace of a
//! test lies beside a folder `outside`, whose secret must never show.

#![expect(clippy::disallowed_methods, reason = "tests make the files that tools then meet")]

mod limits;
mod lists;
mod metadata;
// By a call of Linux that swaps two names at once.
#[cfg(target_os = "linux")]
mod race;
mod reads;
mod registry;
mod searches;
mod security;
mod web;
mod writes;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use agentos_domain::{ToolCall, ToolError, ToolOutcome};
use agentos_sandbox::GrantedRoot;
use nix::sys::stat::futimens;
use nix::sys::time::{TimeSpec, TimeValLike};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::{Registry, ToolContext};

const CANARY: &str = "CANARY";

struct Place {
    _temp: TempDir,
    inside: PathBuf,
    outside: PathBuf,
    registry: Registry,
    context: ToolContext,
}

fn call_of(tool: &str, arguments: Value) -> ToolCall {
    ToolCall { id: "1".to_owned(), name: tool.parse().unwrap(), arguments }
}

/// The names of an answer's parts, as the model reads them one by one.
fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

impl Place {
    fn new() -> Self {
        let temp = TempDir::new().unwrap();
        let (inside, outside) = (temp.path().join("inside"), temp.path().join("outside"));
        fs::create_dir(&inside).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("secret.txt"), CANARY).unwrap();
        let context = ToolContext {
            root: Arc::new(GrantedRoot::grant(&inside).unwrap()),
            idempotency_key: "key".to_owned(),
            cancel: CancellationToken::new(),
        };
        Self { _temp: temp, inside, outside, registry: Registry::with_file_tools(), context }
    }

    fn file(&self, path: &str, content: impl AsRef<[u8]>) {
        let file = self.inside.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    /// A file that was last changed so many milliseconds after 1970.
    fn file_of(&self, path: &str, content: impl AsRef<[u8]>, millis: i64) {
        self.file(path, content);
        let time = TimeSpec::milliseconds(millis);
        futimens(fs::File::open(self.inside.join(path)).unwrap(), &time, &time).unwrap();
    }

    async fn call(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        match self.registry.call(&call_of(tool, arguments), &self.context).await {
            ToolOutcome::Ok(value) => Ok(value),
            ToolOutcome::Err(error) => Err(error),
        }
    }

    async fn ok(&self, tool: &str, arguments: Value) -> Value {
        self.call(tool, arguments).await.unwrap()
    }

    async fn code(&self, tool: &str, arguments: Value) -> String {
        self.call(tool, arguments).await.unwrap_err().code
    }

    async fn error(&self, tool: &str, arguments: Value) -> ToolError {
        self.call(tool, arguments).await.unwrap_err()
    }

    /// Follows `next` from the first answer to the last.
    async fn pages(&self, tool: &str, mut arguments: Value) -> Vec<Value> {
        let mut pages = Vec::new();
        loop {
            let page = self.ok(tool, arguments.clone()).await;
            let next = page.get("next").map(|next| next.as_str().unwrap().to_owned());
            assert_eq!(page["truncated"], next.is_some());
            pages.push(page);
            let Some(next) = next else { return pages };
            let rest = next.strip_prefix(&format!("{tool} with ")).unwrap();
            let object = arguments.as_object_mut().unwrap();
            object.remove("offset_byte");
            for setting in rest.split(" and ") {
                let (name, value) = setting.split_once(' ').unwrap();
                object.insert(name.to_owned(), serde_json::from_str(value).unwrap());
            }
        }
    }
}
