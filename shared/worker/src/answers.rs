//! The check of a run's answer before the run ends.

use std::io::Read as _;
use std::sync::Arc;

use agentos_domain::{Entry, RelPath, ToolClass};
use agentos_sandbox::GrantedRoot;
use agentos_validate::results::{Answer, WrittenFile, check_answer, written_paths};

use crate::error::WorkerError;
use crate::runner::{Outcome, Runner};

/// The most problems that a model is told of.
const MAX_PROBLEMS: usize = 20;
/// The most files that are checked of one run.
const MAX_FILES: usize = 100;

impl Runner {
    /// Holds the answer against what the agent's configuration asks for, and
    /// reports what came of it.
    pub(crate) async fn check_answer(&mut self, answer: String) -> Result<(), WorkerError> {
        let left = self.time_left();
        let cancel = self.attempt.cancel.clone();
        let work = Box::pin(tokio::time::timeout(left, self.problems(answer)));
        match cancel.run_until_cancelled(work).await {
            None => Err(WorkerError::Cancelled),
            Some(Ok(Ok(Some(problems)))) => self.report(Entry::AnswerChecked { problems }).await,
            Some(Ok(Err(error))) => Err(error),
            Some(Err(_) | Ok(Ok(None))) => self.report_outcome(Outcome::TimedOut).await,
        }
    }

    /// What is wrong with the answer; `None` where the run's time is over before
    /// its files are there.
    async fn problems(&mut self, text: String) -> Result<Option<Vec<String>>, WorkerError> {
        let Some(folder) = self.folder_for(ToolClass::Read).await? else { return Ok(None) };
        let root = Arc::clone(&folder.root);
        self.folder = Some(folder);
        let validation = self.config.agent.validation.clone();
        let journal = self.journal.entries().to_vec();
        let tools = self.config.tools.clone();
        let lint = validation.lint;
        let check = move || {
            let files = written(&root, &journal, validation.max_bytes());
            let answer = Answer {
                text: &text,
                journal: &journal,
                tools: &tools,
                validation: &validation,
                files: &files,
            };
            (check_answer(answer), files)
        };
        let (mut findings, files) = self.bench.files.blocking(check).await?;
        match &self.bench.checker {
            Some(checker) if lint => match checker.check(&files).await {
                Ok(found) => findings.extend(found),
                // No fault of the code, and none that its model could mend.
                Err(error) => tracing::warn!(%error, "ruff, black and mypy were not asked"),
            },
            None if lint && !files.is_empty() => {
                tracing::warn!(
                    "ruff, black and mypy are not installed: the code was not held against them"
                );
            }
            _ => {}
        }
        Ok(Some(findings.iter().take(MAX_PROBLEMS).map(ToString::to_string).collect()))
    }
}

/// The files that the run wrote, each with a byte more than is allowed at most.
fn written(root: &GrantedRoot, journal: &[Entry], max_bytes: usize) -> Vec<WrittenFile> {
    let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    let read = |path: RelPath| {
        let mut content = Vec::new();
        // What cannot be read any more was not left by this run.
        root.open(&path).ok()?.take(limit).read_to_end(&mut content).ok()?;
        Some(WrittenFile { path, content })
    };
    written_paths(journal).into_iter().take(MAX_FILES).filter_map(read).collect()
}
