//! What the hub tells when everything is over.

use agentos_domain::{Proposal, Task};
use anyhow::{Context as _, Result};
use reqwest::Method;
use serde::de::DeserializeOwned;

use super::history::History;
use super::load::Shared;
use crate::harness::eventually;

/// Reads every task, journal and proposal into the history.
///
/// # Errors
/// If the hub does not tell.
pub(crate) async fn collect(shared: &Shared) -> Result<History> {
    let tasks: Vec<Task> = all(shared, "/api/tasks").await?;
    let proposals: Vec<Proposal> = all(shared, "/api/approvals/history").await?;
    let mut history = shared.history().clone();
    for task in &tasks {
        let what = format!("the journal of {}", task.task_id);
        let steps = eventually(&what, async || Ok(shared.steps(&task.task_id).await)).await?;
        history.journals.insert(task.task_id.to_string(), steps);
    }
    for path in history.uploads.keys() {
        let file = eventually(path, async || {
            let request = shared.request(Method::GET, &format!("/api/files/{path}"));
            Ok(shared.answer(request).await)
        });
        let file = file.await?;
        if file.status.is_success() {
            let content = String::from_utf8_lossy(&file.body).into_owned();
            history.files.insert(path.clone(), content);
        }
    }
    (history.tasks, history.proposals) = (tasks, proposals);
    history.effects = shared.effects.all();
    Ok(history)
}

/// All pages of a list.
async fn all<T: DeserializeOwned>(shared: &Shared, path: &str) -> Result<Vec<T>> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = format!("{path}?limit=100&cursor={cursor}");
        let mut body = eventually(&page, async || Ok(shared.get(&page).await)).await?;
        let items: Vec<T> = serde_json::from_value(body["items"].take()).context("a page")?;
        found.extend(items);
        match body["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return Ok(found),
        }
    }
}
