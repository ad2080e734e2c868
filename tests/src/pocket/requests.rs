//! The file of requests.

use std::collections::BTreeMap;
use std::path::Path;

use agentos_domain::{RelPath, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::error::PocketError;

/// Requests, and the workspaces that they are about.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RequestSet {
    pub(crate) workspaces: BTreeMap<String, Workspace>,
    pub(crate) requests: Vec<Request>,
}

/// What lies in a workspace.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Workspace {
    #[serde(default)]
    pub(crate) files: Vec<TextFile>,
    /// Folders to create, also where no file lies in them.
    #[serde(default)]
    pub(crate) folders: Vec<RelPath>,
}

/// A file of a workspace.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TextFile {
    pub(crate) path: RelPath,
    pub(crate) text: String,
    /// The time of its last change.
    pub(crate) modified: Timestamp,
}

/// What a person asks, and what is right.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Request {
    /// The name of its workspace.
    pub(crate) workspace: String,
    pub(crate) kind: String,
    /// The person's words.
    pub(crate) request: String,
    /// The right calls in order; none where the model is to refuse.
    #[serde(default)]
    pub(crate) calls: Vec<RightCall>,
    #[serde(default)]
    pub(crate) slots: Slots,
}

impl Request {
    /// Whether the model is to refuse.
    pub(crate) fn is_refusal(&self) -> bool {
        self.kind.starts_with("refuse_")
    }
}

/// A call that is right.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct RightCall {
    pub(crate) name: String,
    pub(crate) arguments: Value,
}

/// What a request is about; each kind needs some of these.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Slots {
    pub(crate) file: Option<String>,
    pub(crate) file2: Option<String>,
    pub(crate) folder: Option<String>,
    /// The end of a file's name, after the last point.
    pub(crate) ext: Option<String>,
    pub(crate) word: Option<String>,
    pub(crate) value: Option<String>,
    /// How many lines.
    pub(crate) n: Option<Count>,
}

/// A number, or its digits.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Count {
    Number(usize),
    Digits(String),
}

impl Count {
    pub(crate) fn get(&self) -> Option<usize> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Digits(digits) => digits.trim().parse().ok(),
        }
    }
}

/// Reads a file of requests.
pub(crate) fn read(path: &Path) -> Result<RequestSet, PocketError> {
    let text = std::fs::read(path)
        .map_err(|reason| PocketError::Unreadable { path: path.to_owned(), reason })?;
    serde_json::from_slice(&text)
        .map_err(|reason| PocketError::Malformed { path: path.to_owned(), reason })
}

/// The places of `limit` requests (all where there is no limit), in order and
/// spread evenly over the kinds.
pub(crate) fn chosen(requests: &[Request], limit: Option<usize>) -> Vec<usize> {
    let all = requests.len();
    let limit = limit.unwrap_or(all).min(all);
    let mut places: Vec<usize> = (0..all).collect();
    places.sort_by_key(|place| requests.get(*place).map(|request| request.kind.as_str()));
    let mut chosen: Vec<usize> =
        (0..limit).filter_map(|step| places.get(step * all / limit)).copied().collect();
    chosen.sort_unstable();
    chosen
}
