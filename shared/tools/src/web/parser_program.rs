//! Documents are parsed in a process of their own.
//!
//! A document of a few kilobytes can be made so that its parser takes all the
//! memory there is: a PDF names one object a million times. No limit inside a
//! parser helps against all of that, so the system limits a process.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use agentos_domain::{ToolError, ToolOutcome};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::document::{DocumentPart, MAX_FILE, too_large};
use crate::{ToolContext, blocking};

/// The longest that a document is parsed.
const DEADLINE: Duration = Duration::from_secs(45);
/// The most bytes of an answer.
const MAX_ANSWER: u64 = 1024 * 1024;

/// How to run `agentos-document-parser`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParserProgram {
    program: PathBuf,
    before: Vec<OsString>,
}

impl ParserProgram {
    /// The program at a path. It limits its own memory, time and files.
    #[must_use]
    pub fn new(program: PathBuf) -> Self {
        Self { program, before: Vec::new() }
    }

    /// Run by a launcher that confines it: the launcher's program and what
    /// stands before the parser's own arguments.
    #[must_use]
    pub fn within(launcher: PathBuf, before: Vec<OsString>) -> Self {
        Self { program: launcher, before }
    }

    /// A part of a document's text, as [`super::document::parse_document`] says.
    pub(super) async fn parse(
        &self,
        document: &[u8],
        part: DocumentPart,
        context: &ToolContext,
    ) -> Result<Value, ToolError> {
        if document.len() as u64 > MAX_FILE {
            return Err(too_large());
        }
        let running = timeout(DEADLINE, Box::pin(self.run(document, part)));
        match context.cancel.run_until_cancelled(running).await {
            None => Err(blocking::cancelled()),
            Some(Ok(answer)) => answer,
            Some(Err(_)) => {
                let message = "the document takes too long to read: ask for another copy of it";
                Err(ToolError::new("timed_out", message))
            }
        }
    }

    /// Dropping the future kills the process.
    async fn run(&self, document: &[u8], part: DocumentPart) -> Result<Value, ToolError> {
        let broken = |error: std::io::Error| {
            tracing::error!(%error, program = %self.program.display(), "the document parser");
            ToolError::new("internal", "the document parser cannot be run: report this as a bug")
        };
        let numbers = [part.first_page, part.offset, usize::from(part.maybe_html)];
        let mut child = Command::new(&self.program)
            .args(&self.before)
            .args(numbers.map(|number| number.to_string()))
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(broken)?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(broken(std::io::ErrorKind::BrokenPipe.into()));
        };
        let mut answer = Vec::new();
        let mut output = output.take(MAX_ANSWER);
        let feed = async {
            // One that has read enough does not wait for the rest.
            let _ = input.write_all(document).await;
            drop(input);
        };
        let (_, read) = tokio::join!(feed, output.read_to_end(&mut answer));
        read.map_err(broken)?;
        let status = child.wait().await.map_err(broken)?;
        match serde_json::from_slice::<ToolOutcome>(&answer) {
            Ok(ToolOutcome::Ok(value)) if status.success() => Ok(value),
            Ok(ToolOutcome::Err(error)) => Err(error),
            _ => {
                tracing::info!(%status, "the document parser broke down");
                let message = "the document takes too much to read: ask for another copy of it";
                Err(ToolError::new("document_too_large", message))
            }
        }
    }
}
