//! `agentos schedule`.

use agentos_domain::{ScheduleId, Slot, SlotOutcome, Timestamp};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::args::{ScheduleAddArgs, ScheduleCommand, SlotsArgs};
use crate::client::{Client, Page, part};
use crate::error::{CliError, Exit};
use crate::task;
use crate::terminal::{Terminal, Tone};
use crate::text::{minute, one_line, shorten};

const SCHEDULES: &str = "/api/schedules";
/// The most schedules of a page.
const PAGE: u32 = 100;

/// What is read of a schedule: all but the task, whose words for tiers are the
/// API's own.
#[derive(Deserialize)]
struct Shown {
    schedule_id: ScheduleId,
    name: String,
    cron: Option<String>,
    at: Option<Timestamp>,
    timezone: String,
    enabled: bool,
    next_slot: Option<Timestamp>,
    held_up: Option<String>,
    created_by: String,
    created_at: Timestamp,
    task: Value,
}

/// Runs a command about schedules.
pub(crate) async fn run(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    command: ScheduleCommand,
) -> Result<Exit, CliError> {
    match command {
        ScheduleCommand::Add(args) => add(client, terminal, json, args).await?,
        ScheduleCommand::List => list(client, terminal, json).await?,
        ScheduleCommand::Show { schedule } => {
            let path = path(&resolve(client, &schedule).await?);
            show(client, terminal, json, &path).await?;
        }
        ScheduleCommand::Remove { schedule } => {
            let id = resolve(client, &schedule).await?;
            client.send(client.request(Method::DELETE, &path(&id))).await?;
            terminal.say(Tone::Plain, &format!("{id} is removed; its tasks stay"))?;
        }
        ScheduleCommand::Pause { schedule } => {
            change(client, terminal, json, &schedule, "pause").await?;
        }
        ScheduleCommand::Resume { schedule } => {
            change(client, terminal, json, &schedule, "resume").await?;
        }
        ScheduleCommand::Slots(args) => slots(client, terminal, json, args).await?,
    }
    Ok(Exit::Ok)
}

async fn add(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    args: ScheduleAddArgs,
) -> Result<(), CliError> {
    let input = task::input(&args.input, "agentos schedule add NAME --cron \"0 6 * * *\" TASK")?;
    let mut body = json!({ "name": args.name, "task": task::body(&args.ask, input) });
    for (name, value) in [("cron", args.cron), ("at", args.at), ("timezone", args.timezone)] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    let request = client.request(Method::POST, SCHEDULES).json(&body);
    if json {
        let made: Value = client.json(request).await?;
        return Ok(terminal.json(&made)?);
    }
    let made: Shown = client.json(request).await?;
    terminal.line(&made.schedule_id.to_string())?;
    Ok(terminal.note(Tone::Dim, &format!("{}: {}", one_line(&made.name), state(&made)))?)
}

async fn list(client: &Client, terminal: &mut Terminal, json: bool) -> Result<(), CliError> {
    let path = format!("{SCHEDULES}?limit={PAGE}");
    if json {
        let page: Value = client.get(&path).await?;
        return Ok(terminal.json(&page)?);
    }
    let page: Page<Shown> = client.get(&path).await?;
    if page.items.is_empty() {
        return Ok(terminal.say(Tone::Dim, "no schedules: agentos schedule add --help")?);
    }
    for schedule in &page.items {
        if terminal.quiet() {
            terminal.line(&schedule.schedule_id.to_string())?;
            continue;
        }
        let room = terminal.width().saturating_sub(2);
        terminal.line(&one_line(&schedule.name))?;
        terminal.line(&format!("  {}", shorten(&when(schedule), room)))?;
        terminal.line(&format!("  {}", shorten(&state(schedule), room)))?;
    }
    if page.next_cursor.is_some() {
        terminal.say(Tone::Dim, "there are more; --json shows the cursor")?;
    }
    Ok(())
}

/// When its times are.
fn when(schedule: &Shown) -> String {
    let zone = &schedule.timezone;
    match (&schedule.cron, schedule.at) {
        (Some(cron), _) => format!("{cron} in {zone}"),
        (None, Some(at)) => format!("once, at {}", minute(at)),
        (None, None) => "never".to_owned(),
    }
}

/// Whether and when it goes on.
fn state(schedule: &Shown) -> String {
    match (schedule.enabled, schedule.next_slot, &schedule.held_up) {
        (false, ..) => "paused".to_owned(),
        (true, None, _) => "over: it has no more times".to_owned(),
        (true, Some(next), None) => format!("next {}", minute(next)),
        (true, Some(next), Some(why)) => format!("due {}, tried again: {why}", minute(next)),
    }
}

async fn show(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    path: &str,
) -> Result<(), CliError> {
    let value: Value = client.get(path).await?;
    if json {
        return Ok(terminal.json(&value)?);
    }
    let schedule = Shown::deserialize(&value).map_err(|error| CliError::Protocol {
        url: client.url().to_owned(),
        what: error.to_string(),
    })?;
    let mut field = |name: &str, value: &str| terminal.line(&format!("{name:<10}{value}"));
    field("schedule", &schedule.schedule_id.to_string())?;
    field("name", &one_line(&schedule.name))?;
    field("when", &one_line(&when(&schedule)))?;
    field("state", &one_line(&state(&schedule)))?;
    let by = format!("{} by {}", minute(schedule.created_at), one_line(&schedule.created_by));
    field("made", &by)?;
    let options = ["agent", "tier", "tool_choice", "session", "max_tokens", "temperature", "seed"];
    for name in options {
        match &schedule.task[name] {
            Value::Null => {}
            Value::String(text) => field(name, &format!("  {}", one_line(text)))?,
            other => field(name, &format!("  {other}"))?,
        }
    }
    if let Some(priority) = schedule.task["priority"].as_str().filter(|word| *word != "normal") {
        field("priority", &one_line(priority))?;
    }
    for name in ["on_edge_lost", "privacy"] {
        if let Some(word) = schedule.task[name].as_str() {
            field(name, &one_line(word))?;
        }
    }
    let input = schedule.task["input"].as_str().unwrap_or_default();
    Ok(terminal.line(&format!("\n{}", crate::text::clean(input)))?)
}

async fn change(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    schedule: &str,
    verb: &str,
) -> Result<(), CliError> {
    let id = resolve(client, schedule).await?;
    let path = format!("{}/{verb}", path(&id));
    // Done twice it is as done once: the request may be repeated.
    let changed: Value = client.json_with_retries(|| client.request(Method::POST, &path)).await?;
    if json {
        return Ok(terminal.json(&changed)?);
    }
    let changed = Shown::deserialize(&changed).map_err(|error| CliError::Protocol {
        url: client.url().to_owned(),
        what: error.to_string(),
    })?;
    Ok(terminal.say(Tone::Plain, &format!("{}: {}", one_line(&changed.name), state(&changed)))?)
}

async fn slots(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    args: SlotsArgs,
) -> Result<(), CliError> {
    let id = resolve(client, &args.schedule).await?;
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.cursor.map(|cursor| ("cursor", cursor)));
    let request = client.request(Method::GET, &format!("{}/slots", path(&id))).query(&query);
    if json {
        let page: Value = client.json(request).await?;
        return Ok(terminal.json(&page)?);
    }
    let page: Page<Slot> = client.json(request).await?;
    if page.items.is_empty() {
        return Ok(terminal.say(Tone::Dim, "none of its times has come yet")?);
    }
    for slot in &page.items {
        let (time, status) = (minute(slot.slot_at), slot.outcome.as_str());
        let more = match &slot.outcome {
            SlotOutcome::Run { task_id } => task_id.to_string(),
            SlotOutcome::Missed => String::new(),
            SlotOutcome::Failed { reason } => one_line(reason),
        };
        terminal.line(format!("{time}  {status:<6}  {more}").trim_end())?;
    }
    if let Some(cursor) = page.next_cursor {
        let more = format!("more: agentos schedule slots {id} --cursor {cursor}");
        terminal.note(Tone::Dim, &one_line(&more))?;
    }
    Ok(())
}

/// The schedule of this id, of this name, or whose id ends so.
async fn resolve(client: &Client, text: &str) -> Result<ScheduleId, CliError> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let end = text.strip_prefix("sched_").unwrap_or(text).to_ascii_lowercase();
    let may_end = (4..=32).contains(&end.len()) && end.chars().all(|c| c.is_ascii_hexdigit());
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{SCHEDULES}?limit={PAGE}&cursor={cursor}");
        let page: Page<Shown> = client.get(&path).await?;
        if let Some(named) = page.items.iter().find(|schedule| schedule.name == text) {
            return Ok(named.schedule_id.clone());
        }
        let ids = page.items.into_iter().map(|schedule| schedule.schedule_id);
        found.extend(ids.filter(|id| may_end && id.to_string().ends_with(&end)));
        match page.next_cursor {
            Some(next) => cursor = part(&next),
            None => break,
        }
    }
    match (found.len(), found.pop()) {
        (1, Some(only)) => Ok(only),
        (0, _) | (_, None) => {
            let message = format!("no schedule is called `{}`", one_line(text));
            Err(CliError::NotFound { message })
        }
        _ => Err(CliError::usage(format!("several ids end in {end}"), "more characters of the id")),
    }
}

fn path(id: &ScheduleId) -> String {
    format!("{SCHEDULES}/{}", part(&id.to_string()))
}
