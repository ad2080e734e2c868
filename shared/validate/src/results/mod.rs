//! The answer of a run, held against what its agent's configuration asks for.
//! What counts is what the journal shows: a model that says that it wrote,
//! sent or read something is believed where a call did so.

mod claims;
mod code;
mod research;
mod schema;

use agentos_domain::{Change, Entry, RelPath, ToolSpec, Validation};

use crate::finding::Finding;

/// An answer and what it is held against.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// What the model said at last.
    pub text: &'a str,
    /// The run's journal.
    pub journal: &'a [Entry],
    /// The tools that the run could call.
    pub tools: &'a [ToolSpec],
    /// What its agent's configuration asks for.
    pub validation: &'a Validation,
    /// The files that the run wrote, as they are now.
    pub files: &'a [WrittenFile],
}

/// A file that a run wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    /// Where it lies in the workspace.
    pub path: RelPath,
    /// What it holds.
    pub content: Vec<u8>,
}

/// The files that a run's calls wrote and that are still there, in order.
#[must_use]
pub fn written_paths(journal: &[Entry]) -> Vec<RelPath> {
    let mut paths = std::collections::BTreeSet::new();
    for entry in journal {
        let Entry::ToolResult { changes, .. } = entry else { continue };
        for (path, change) in &changes.files {
            match change {
                Change::Put { .. } => paths.insert(path.clone()),
                Change::Delete { .. } => paths.remove(path),
            };
        }
    }
    paths.into_iter().collect()
}

/// What is wrong with an answer, in sentences that its model can act on;
/// nothing where it passes. What ruff, black and mypy say comes from
/// [`crate::quality`].
#[must_use]
pub fn check_answer(answer: Answer<'_>) -> Vec<Finding> {
    let mut findings = claims::check(answer);
    findings.extend(schema::check(answer));
    findings.extend(research::check(answer));
    for file in answer.files {
        findings.extend(code::check(file, answer.validation));
    }
    findings
}

#[cfg(test)]
mod tests;
