//! `agentos models`, `agentos budget`, `agentos calls`.

use agentos_domain::{CallId, Timestamp};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::args::{BudgetCommand, BudgetSetArgs, CallsArgs, OnLimit};
use crate::client::{Client, Page, part};
use crate::error::{CliError, Exit};
use crate::terminal::{Terminal, Tone};
use crate::text::{minute, one_line, shorten};

const BUDGETS: &str = "/api/budgets";

#[derive(Deserialize)]
struct Model {
    name: String,
    deployments: Vec<Deployment>,
}

#[derive(Deserialize)]
struct Deployment {
    name: String,
    location: String,
    state: String,
    resting_seconds: Option<u64>,
    calls_under_way: u64,
}

#[derive(Deserialize)]
struct Budget {
    scope: String,
    limit_usd: String,
    on_limit: String,
    month: Option<String>,
    settled_usd: Option<String>,
    reserved_usd: Option<String>,
    calls: Option<u64>,
}

#[derive(Deserialize)]
struct Call {
    call_id: CallId,
    requested: String,
    deployment: String,
    outcome: String,
    cost_usd: Option<String>,
    reserved_usd: String,
    estimated: bool,
    created_at: Timestamp,
}

/// Lists the models.
pub(crate) async fn models(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
) -> Result<Exit, CliError> {
    if json {
        terminal.json(&client.get::<Value>("/api/models").await?)?;
        return Ok(Exit::Ok);
    }
    let page: Page<Model> = client.get("/api/models").await?;
    for model in &page.items {
        terminal.line(&one_line(&model.name))?;
        for deployment in &model.deployments {
            let Deployment { name, location, state, resting_seconds, calls_under_way } = deployment;
            let rest = resting_seconds.map_or_else(String::new, |rest| format!(" for {rest} s"));
            let busy = match calls_under_way {
                0 => String::new(),
                calls => format!(", {calls} under way"),
            };
            let room = terminal.width().saturating_sub(2);
            let line = format!("{name}: {location}, {state}{rest}{busy}");
            terminal.line(&format!("  {}", shorten(&line, room)))?;
        }
    }
    Ok(Exit::Ok)
}

/// Runs a command about budgets.
pub(crate) async fn budget(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    command: BudgetCommand,
) -> Result<Exit, CliError> {
    match command {
        BudgetCommand::List if json => terminal.json(&client.get::<Value>(BUDGETS).await?)?,
        BudgetCommand::List => {
            let page: Page<Budget> = client.get(BUDGETS).await?;
            if page.items.is_empty() {
                terminal.say(Tone::Dim, "no budgets: agentos budget set workspace 20")?;
            }
            for budget in &page.items {
                show(terminal, budget)?;
            }
        }
        BudgetCommand::Set(args) => set(client, terminal, json, args).await?,
        BudgetCommand::Remove { scope } => {
            let path = format!("{BUDGETS}/{}", part(&scope));
            client.send(client.request(Method::DELETE, &path)).await?;
            terminal.say(Tone::Plain, &format!("{scope} has no budget of its own any more"))?;
        }
    }
    Ok(Exit::Ok)
}

async fn set(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    args: BudgetSetArgs,
) -> Result<(), CliError> {
    let on_limit = match args.on_limit {
        OnLimit::Refuse => "refuse",
        OnLimit::LocalOnly => "local_only",
    };
    let path = format!("{BUDGETS}/{}", part(&args.scope));
    let body = json!({ "limit_usd": args.usd, "on_limit": on_limit });
    let request = client.request(Method::PUT, &path).json(&body);
    if json {
        let budget: Value = client.json(request).await?;
        return Ok(terminal.json(&budget)?);
    }
    let budget: Budget = client.json(request).await?;
    show(terminal, &budget)
}

fn show(terminal: &mut Terminal, budget: &Budget) -> Result<(), CliError> {
    let Budget { scope, limit_usd, on_limit, .. } = budget;
    let then = if on_limit == "refuse" { "then calls are refused" } else { "then local models" };
    terminal.line(&format!("{}: {} USD a month, {then}", one_line(scope), cents(limit_usd)))?;
    if let (Some(month), Some(settled), Some(reserved), Some(calls)) =
        (&budget.month, &budget.settled_usd, &budget.reserved_usd, budget.calls)
    {
        let (settled, reserved) = (cents(settled), cents(reserved));
        terminal.line(&format!(
            "  {month}: {settled} USD spent, {reserved} USD reserved, {calls} calls"
        ))?;
    }
    Ok(())
}

/// Without the zeros beyond the cents.
fn cents(usd: &str) -> &str {
    match usd.split_once('.') {
        Some((whole, part)) => {
            let kept = part.trim_end_matches('0').len().max(2).min(part.len());
            &usd[..whole.len() + 1 + kept]
        }
        None => usd,
    }
}

/// Lists calls.
pub(crate) async fn calls(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    args: &CallsArgs,
) -> Result<Exit, CliError> {
    let path = format!("/api/calls?limit={}", args.limit);
    if json {
        terminal.json(&client.get::<Value>(&path).await?)?;
        return Ok(Exit::Ok);
    }
    let page: Page<Call> = client.get(&path).await?;
    if page.items.is_empty() {
        terminal.say(Tone::Dim, "no calls of models yet")?;
    }
    for call in &page.items {
        if terminal.quiet() {
            terminal.line(&call.call_id.to_string())?;
            continue;
        }
        let about = if call.estimated { "about " } else { "" };
        let cost = match &call.cost_usd {
            Some(cost) => format!("{about}{} USD", cents(cost)),
            None => format!("at most {} USD", cents(&call.reserved_usd)),
        };
        let (when, outcome) = (minute(call.created_at), &call.outcome);
        let line = format!("{when}  {outcome}  {cost}  {} by {}", call.requested, call.deployment);
        terminal.line(&shorten(&one_line(&line), terminal.width()))?;
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_what_is_not_zero() {
        assert_eq!(cents("5.000000000"), "5.00");
        assert_eq!(cents("0.000070000"), "0.00007");
        assert_eq!(cents("12.340000001"), "12.340000001");
    }
}
