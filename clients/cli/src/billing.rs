//! `agentos billing`, and its tasks as commands of their own.

mod watched;

use agentos_domain::Timestamp;
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::args::{
    BillingCommand, DaysArgs, ExportArgs, FetchArgs, ResultsArgs, RunsArgs, SummaryArgs,
};
use crate::client::{Client, Page, part};
use crate::error::{CliError, Exit};
use crate::terminal::{Terminal, Tone};
use crate::text::{minute, one_line, shorten};

#[derive(Deserialize)]
struct Report {
    exit_code: u8,
    message: String,
    errors: Vec<String>,
}

#[derive(Deserialize)]
struct Billed {
    provider: String,
    date: String,
    tokens: u64,
    cost: String,
}

#[derive(Deserialize)]
struct Run {
    id: String,
    plugin_name: String,
    status: String,
    started_at: Timestamp,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Compared {
    from: String,
    to: String,
    days: Vec<ComparedDay>,
    billed: String,
    metered: String,
    outside: String,
}

#[derive(Deserialize)]
struct ComparedDay {
    provider: String,
    date: String,
    metered: String,
    billed: Option<String>,
    verdict: String,
}

/// Runs a command about what providers charge.
pub(crate) async fn run(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    command: BillingCommand,
) -> Result<Exit, CliError> {
    match command {
        BillingCommand::FetchOpenai(args) => {
            task(client, terminal, json, "fetch_openai", fetched(&args)).await
        }
        BillingCommand::FetchAnthropic(args) => {
            task(client, terminal, json, "fetch_anthropic", fetched(&args)).await
        }
        BillingCommand::RunAll(args) => {
            task(client, terminal, json, "run_all", fetched(&args)).await
        }
        BillingCommand::Export(args) => export(client, terminal, json, args).await,
        BillingCommand::Summary(SummaryArgs { month }) => {
            task(client, terminal, json, "summary", given([("month", month)])).await
        }
        BillingCommand::DailyReport => {
            task(client, terminal, json, "daily_report", Map::new()).await
        }
        BillingCommand::Results(args) => results(client, terminal, json, args).await,
        BillingCommand::Runs(args) => runs(client, terminal, json, args).await,
        BillingCommand::Totals(args) => totals(client, terminal, json, args).await,
        BillingCommand::Reconcile(days) => reconcile(client, terminal, json, days).await,
        BillingCommand::Other(words) => {
            let name = words.first().map_or("", String::as_str);
            match task(client, terminal, json, name, Map::new()).await {
                // It is the task that is missing, and that is a failure of it.
                Err(CliError::NotFound { message }) => {
                    terminal.error(&message, "agentos billing --help")?;
                    Ok(Exit::Failed)
                }
                outcome => outcome,
            }
        }
    }
}

/// What was given, without what was not.
fn given<const N: usize>(fields: [(&str, Option<String>); N]) -> Map<String, Value> {
    let given = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
    given.map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

fn fetched(args: &FetchArgs) -> Map<String, Value> {
    let from = args.date.as_ref().or(args.days.from.as_ref()).cloned();
    let to = args.date.as_ref().or(args.days.to.as_ref()).cloned();
    let mut body = given([("from", from), ("to", to)]);
    if args.force {
        body.insert("force".to_owned(), json!(true));
    }
    body
}

async fn task(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    name: &str,
    body: Map<String, Value>,
) -> Result<Exit, CliError> {
    let request = client.request(Method::POST, &format!("/api/kernel/tasks/{}", part(name)));
    let request = request.header("accept", "text/event-stream, application/json").json(&body);
    let answer = watched::report(client, terminal, request).await;
    terminal.end_progress()?;
    let answer = answer?;
    let report: Report = serde_json::from_value(answer.clone()).map_err(|error| {
        CliError::Protocol { url: client.url().to_owned(), what: error.to_string() }
    })?;
    if json {
        terminal.json(&answer)?;
    } else {
        for line in report.message.lines() {
            terminal.line(line)?;
        }
        for error in &report.errors {
            terminal.say(Tone::Red, &format!("error: {}", one_line(error)))?;
        }
    }
    Ok(if report.exit_code == 0 { Exit::Ok } else { Exit::Failed })
}

async fn export(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    args: ExportArgs,
) -> Result<Exit, CliError> {
    let format = args.format.map(|format| format.as_str().to_owned());
    let DaysArgs { from, to } = args.days;
    let mut body =
        given([("from", from), ("to", to), ("provider", args.provider), ("format", format)]);
    let Some(path) = args.output else {
        if args.raw_json {
            body.insert("raw_json".to_owned(), json!(true));
        }
        return task(client, terminal, json, "export", body).await;
    };
    if args.raw_json {
        body.insert("raw_json".to_owned(), json!("true"));
    }
    let request = client.request(Method::GET, "/api/export").query(&body);
    let response = client.send(request).await?;
    let text = response.bytes().await.map_err(|error| client.failed(&error))?;
    std::fs::write(&path, &text).map_err(|source| CliError::File {
        what: format!("cannot write {}", path.display()),
        source,
    })?;
    let rows = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    if json {
        terminal.json(&json!({ "path": path, "bytes": text.len() }))?;
    } else {
        terminal.line(&format!("{} lines: {}", rows, path.display()))?;
    }
    Ok(Exit::Ok)
}

/// A request with those parameters that are given.
fn asking<const N: usize>(
    client: &Client,
    path: &str,
    fields: [(&str, Option<String>); N],
) -> RequestBuilder {
    client.request(Method::GET, path).query(&given(fields))
}

async fn results(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    args: ResultsArgs,
) -> Result<Exit, CliError> {
    let (from, to, limit) = (args.days.from, args.days.to, Some(args.limit.to_string()));
    let fields =
        [("provider", args.provider), ("start_date", from), ("end_date", to), ("limit", limit)];
    let request = asking(client, "/api/results", fields);
    if json {
        terminal.json(&client.json::<Value>(request).await?)?;
        return Ok(Exit::Ok);
    }
    let page: Page<Billed> = client.json(request).await?;
    if page.items.is_empty() {
        terminal.say(Tone::Dim, "nothing is recorded: agentos billing run-all")?;
    }
    for Billed { provider, date, tokens, cost } in &page.items {
        let line = format!("{date} {provider} {cost} USD {tokens} tokens");
        terminal.line(&shorten(&one_line(&line), terminal.width()))?;
    }
    Ok(Exit::Ok)
}

async fn runs(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    args: RunsArgs,
) -> Result<Exit, CliError> {
    let limit = Some(args.limit.to_string());
    let fields = [("status", args.status), ("plugin_name", args.plugin), ("limit", limit)];
    let request = asking(client, "/api/runs", fields);
    if json {
        terminal.json(&client.json::<Value>(request).await?)?;
        return Ok(Exit::Ok);
    }
    let page: Page<Run> = client.json(request).await?;
    if page.items.is_empty() {
        terminal.say(Tone::Dim, "no plugin has run yet: agentos billing run-all")?;
    }
    for run in &page.items {
        if terminal.quiet() {
            terminal.line(&run.id)?;
            continue;
        }
        let error = run.error.as_deref().map_or_else(String::new, |error| format!(" {error}"));
        let when = minute(run.started_at);
        let line = format!("{when} {} {}{error}", run.status, run.plugin_name);
        terminal.line(&shorten(&one_line(&line), terminal.width()))?;
    }
    Ok(Exit::Ok)
}

async fn totals(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    args: SummaryArgs,
) -> Result<Exit, CliError> {
    let month = match (json, args.month) {
        (true, Some(month)) => month,
        // For people it is the summary.
        (_, month) => {
            return task(client, terminal, json, "summary", given([("month", month)])).await;
        }
    };
    let (year, number) = month.split_once('-').unwrap_or((&month, ""));
    let number = number.trim_start_matches('0');
    let path = format!("/api/totals/{}/{}", part(year), part(number));
    terminal.json(&client.get::<Value>(&path).await?)?;
    Ok(Exit::Ok)
}

async fn reconcile(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    days: DaysArgs,
) -> Result<Exit, CliError> {
    let request = asking(client, "/api/reconciliation", [("from", days.from), ("to", days.to)]);
    if json {
        terminal.json(&client.json::<Value>(request).await?)?;
        return Ok(Exit::Ok);
    }
    let compared: Compared = client.json(request).await?;
    for day in &compared.days {
        let billed = day
            .billed
            .as_ref()
            .map_or_else(|| "not billed yet".to_owned(), |billed| format!("billed {billed} USD"));
        let verdict = day.verdict.replace('_', " ");
        let line = format!(
            "{}  {}  metered {} USD, {billed}: {verdict}",
            day.date, day.provider, day.metered
        );
        terminal.line(&shorten(&one_line(&line), terminal.width()))?;
    }
    let Compared { from, to, billed, metered, outside, .. } = &compared;
    terminal.line(&format!(
        "{from} to {to}: billed {billed} USD, metered {metered} USD, outside of the hub {outside} USD"
    ))?;
    Ok(Exit::Ok)
}
