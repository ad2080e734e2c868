//! `agentos task`.

use std::io::Read;

use agentos_domain::{Clock, Privacy, Step, SystemClock, Task, TaskId, TaskStatus};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::args::{AskArgs, ListArgs, RunArgs, TaskCommand};
use crate::client::{Client, Page, part};
use crate::error::{CliError, Exit};
use crate::follow::{Show, watch};
use crate::render::{Renderer, task_summary};
use crate::terminal::{Terminal, Tone};
use crate::text::{age, count, shorten};

/// Characters of an id's end that the list shows.
const SHORT_ID: usize = 10;
/// How many pages of 100 tasks are searched for the end of an id.
const PAGES: usize = 10;

/// Runs a command about tasks.
pub(crate) async fn run(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    command: TaskCommand,
) -> Result<Exit, CliError> {
    match command {
        TaskCommand::Run(args) => submit(client, terminal, json, args).await,
        TaskCommand::List(args) => list(client, terminal, json, &args).await,
        TaskCommand::Show { id, steps } => {
            let id = resolve(client, &id).await?;
            show(client, terminal, json, &id, steps).await
        }
        TaskCommand::Watch { id, watch: args } => {
            let id = resolve(client, &id).await?;
            let show = if json { Show::Lines } else { Show::Text };
            // A hub that is not there at all, or knows no such task, is said at once.
            client.get::<Value>(&path(&id)).await?;
            watch(client, terminal, &id, &args, show).await
        }
        TaskCommand::Cancel { id, reason } => {
            let id = resolve(client, &id).await?;
            cancel(client, terminal, json, &id, reason).await
        }
    }
}

async fn submit(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    args: RunArgs,
) -> Result<Exit, CliError> {
    let input = input(&args.input, "agentos task run \"List my files\"")?;
    let body = body(&args.ask, input);
    // Made once: however often the request has to be sent, it is one task.
    let key = args.idempotency_key.unwrap_or_else(|| format!("cli-{}", TaskId::generate()));
    let request = || {
        let request = client.request(Method::POST, "/api/tasks").json(&body);
        request.header("idempotency-key", &key).header("prefer", "respond-async")
    };
    let value: Value = tokio::select! {
        value = client.json_with_retries(request) => value?,
        _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
    };
    let task = read(client, &value)?;
    if args.detach {
        if json {
            terminal.json(&value)?
        } else {
            terminal.line(&task.task_id.to_string())?
        }
        return Ok(Exit::Ok);
    }
    if json {
        let exit = watch(client, terminal, &task.task_id, &args.watch, Show::Nothing).await?;
        let task: Value = client.get(&path(&task.task_id)).await?;
        terminal.json(&task)?;
        return Ok(exit);
    }
    terminal.note(Tone::Dim, &format!("[task] {}", task.task_id))?;
    watch(client, terminal, &task.task_id, &args.watch, Show::Text).await
}

/// What was typed as the task; `example` shows how it is done.
pub(crate) fn input(words: &[String], example: &str) -> Result<String, CliError> {
    let input = if words == ["-"] {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|source| CliError::File {
            what: "cannot read the standard input".to_owned(),
            source,
        })?;
        text
    } else {
        words.join(" ")
    };
    if input.trim().is_empty() {
        return Err(CliError::usage("the task is empty", example));
    }
    Ok(input)
}

/// The task as the API is asked for it.
pub(crate) fn body(args: &AskArgs, input: String) -> Value {
    let mut body = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    set("input", Some(input.into()));
    set("agent", args.agent.clone().map(Value::from));
    set("session", args.session.clone().map(Value::from));
    set("tool_choice", args.tool.clone().map(Value::from));
    set("max_tokens", args.max_tokens.map(Value::from));
    // By way of text, so that 0.3 stays 0.3 and does not become 0.30000001192.
    set(
        "temperature",
        args.temperature.and_then(|t| t.to_string().parse::<f64>().ok().map(Value::from)),
    );
    set("seed", args.seed.map(Value::from));
    set("priority", args.priority.map(|priority| serde_json::json!(priority)));
    set("on_edge_lost", args.on_edge_lost.map(|what| what.as_str().into()));
    set("privacy", args.local_only.then(|| Privacy::LocalOnly.as_str().into()));
    Value::Object(body)
}

async fn list(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    args: &ListArgs,
) -> Result<Exit, CliError> {
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.status.map(|status| ("status", status.to_string())));
    query.extend(args.agent.clone().map(|agent| ("agent_type", agent)));
    query.extend(args.cursor.clone().map(|cursor| ("cursor", cursor)));
    let request = client.request(Method::GET, "/api/tasks").query(&query);
    let value: Value = client.json(request).await?;
    if json {
        terminal.json(&value)?;
        return Ok(Exit::Ok);
    }
    let page: Page<Task> = parse(client, &value)?;
    if terminal.quiet() {
        for task in &page.items {
            terminal.line(&task.task_id.to_string())?;
        }
        return Ok(Exit::Ok);
    }
    let now = SystemClock.now();
    terminal.line(&format!("{:<SHORT_ID$}  {:<9}  {:>4}  INPUT", "ID", "STATUS", "AGE"))?;
    let room = terminal.width().saturating_sub(SHORT_ID + 9 + 4 + 6).max(10);
    for task in &page.items {
        let status = match task.status {
            TaskStatus::WaitingApproval => "approval",
            status => status.as_str(),
        };
        let (id, age) = (short(&task.task_id), age(now.since(task.created_at)));
        let input = shorten(&task.user_input, room);
        terminal.line(&format!("{id:<SHORT_ID$}  {status:<9}  {age:>4}  {input}"))?;
    }
    if let Some(cursor) = page.next_cursor {
        terminal.note(Tone::Dim, &format!("more: agentos task list --cursor {cursor}"))?;
    }
    Ok(Exit::Ok)
}

async fn show(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    id: &TaskId,
    with_steps: bool,
) -> Result<Exit, CliError> {
    let mut value: Value = client.get(&path(id)).await?;
    let steps: Option<Value> = match with_steps {
        true => Some(client.get(&format!("{}/steps", path(id))).await?),
        false => None,
    };
    if json {
        if let (Some(task), Some(mut steps)) = (value.as_object_mut(), steps) {
            task.insert("journal".to_owned(), steps["items"].take());
        }
        terminal.json(&value)?;
        return Ok(Exit::Ok);
    }
    let task = read(client, &value)?;
    terminal.line(&format!("task     {}", task.task_id))?;
    terminal.line(&format!("input    {}", task.user_input))?;
    terminal.line(&format!("agent    {}", task.agent_type))?;
    terminal.line(&format!("created  {}", task.created_at))?;
    terminal.line(&format!("steps    {}", task.steps))?;
    terminal.line(&task_summary(&task, terminal.width()))?;
    if let Some(error) = &task.error {
        terminal.line(&format!("error    {} ({})", error.message, error.code))?;
    }
    if let Some(steps) = steps {
        let page: Page<Step> = parse(client, &steps)?;
        let mut renderer = Renderer::default();
        for step in &page.items {
            terminal.note(Tone::Dim, &format!("{} {}", step.seq, step.recorded_at))?;
            renderer.step(terminal, step)?;
        }
    } else if let Some(output) = &task.output {
        terminal.line(&format!("\n{output}"))?;
    }
    Ok(Exit::Ok)
}

async fn cancel(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    id: &TaskId,
    reason: Option<String>,
) -> Result<Exit, CliError> {
    let body = reason.map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
    let url = format!("{}/cancel", path(id));
    // Cancelling twice is cancelling once: the request may be repeated.
    let value: Value =
        client.json_with_retries(|| client.request(Method::POST, &url).json(&body)).await?;
    if json {
        terminal.json(&value)?;
        return Ok(Exit::Ok);
    }
    let task = read(client, &value)?;
    match task.status {
        TaskStatus::Cancelled => terminal.line(&format!("{id} is cancelled"))?,
        TaskStatus::Completed | TaskStatus::Failed => {
            terminal.error(
                &format!("{id} had ended before: {}", task.status),
                &format!("agentos task show {id}"),
            )?;
            return Ok(Exit::Failed);
        }
        _ => terminal.line(&format!("{id} is being cancelled"))?,
    }
    Ok(Exit::Ok)
}

/// A whole id, or the end of one as the list shows it.
async fn resolve(client: &Client, text: &str) -> Result<TaskId, CliError> {
    if let Ok(id) = text.parse::<TaskId>() {
        return Ok(id);
    }
    let end = text.strip_prefix("task_").unwrap_or(text).to_ascii_lowercase();
    if end.len() < 4 || end.len() > 32 || !end.chars().all(|c| c.is_ascii_hexdigit()) {
        let message = format!("`{text}` is neither a task's id nor the end of one");
        return Err(CliError::usage(message, "agentos task list"));
    }
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES {
        let mut query = vec![("limit", "100".to_owned())];
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let request = client.request(Method::GET, "/api/tasks").query(&query);
        let page: Page<Task> = client.json(request).await?;
        let ids = page.items.into_iter().map(|task| task.task_id);
        found.extend(ids.filter(|id| id.to_string().ends_with(&end)));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    match (found.len(), found.pop()) {
        (1, Some(id)) => Ok(id),
        (0, _) | (_, None) => {
            Err(CliError::NotFound { message: format!("no task's id ends in {end}") })
        }
        (n, _) => Err(CliError::usage(
            format!("{} end in {end}", count(u64::try_from(n).unwrap_or(u64::MAX), "id")),
            "more characters of the id",
        )),
    }
}

fn short(id: &TaskId) -> String {
    let id = id.to_string();
    id.chars().skip(id.chars().count().saturating_sub(SHORT_ID)).collect()
}

fn path(id: &TaskId) -> String {
    format!("/api/tasks/{}", part(&id.to_string()))
}

fn read(client: &Client, value: &Value) -> Result<Task, CliError> {
    parse(client, value)
}

fn parse<T: for<'de> Deserialize<'de>>(client: &Client, value: &Value) -> Result<T, CliError> {
    T::deserialize(value).map_err(|error| CliError::Protocol {
        url: client.url().to_owned(),
        what: error.to_string(),
    })
}
