//! The whole evaluation.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock, Judged, SystemClock, ToolCall};
use agentos_generation::Engine;
use agentos_inference::{LlamaConfig, LlamaEngine};
use agentos_sandbox::GrantedRoot;

use super::call;
use super::drive::{Bench, Made};
use super::error::PocketError;
use super::facts::Facts;
use super::judge;
use super::layout;
use super::options::Options;
use super::report::{Failure, Outcome};
use super::requests::{self, Request, RequestSet, RightCall};
use super::truth::{self, Expected};

/// As much as an edge gives a model that says nothing else.
const CONTEXT_TOKENS: u32 = 8192;

/// A workspace on the disk.
struct Place {
    root: Arc<GrantedRoot>,
    facts: Facts,
}

/// A request with all that is needed to run and to judge it.
struct Case<'a> {
    /// Its place in the file, from 1.
    number: usize,
    request: &'a Request,
    expected: Expected,
    root: Arc<GrantedRoot>,
}

/// Runs the requests one after the other; `progress` is told after each how
/// many are done, and of how many.
///
/// # Errors
/// Where the requests or the model cannot be used. Wrong answers are no error.
pub async fn run(
    options: &Options,
    progress: impl Fn(usize, usize),
) -> Result<Outcome, PocketError> {
    let set = requests::read(&options.requests_file())?;
    let model = options.model_file();
    if !model.is_file() {
        return Err(PocketError::NoModel { path: model });
    }
    let folder = tempfile::Builder::new()
        .prefix("agentos-pocket-")
        .tempdir()
        .map_err(|reason| PocketError::Workspace { name: "of them all".to_owned(), reason })?;
    // Before minutes of work.
    let cases = cases(&set, folder.path(), options.limit)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let config = LlamaConfig {
        model,
        context_tokens: CONTEXT_TOKENS,
        threads: options.threads,
        // The figures are those of the CPU, on every machine.
        gpu_layers: 0,
        queue_limit: 1,
    };
    let engine = Arc::new(LlamaEngine::load(config, Arc::clone(&clock)).await?);
    let bench = Bench::new(Arc::clone(&engine) as Arc<dyn Engine>, clock);
    let outcome = evaluate(&bench, &cases, progress).await;
    engine.shutdown().await;
    Ok(Outcome { model: engine.status().model, ..outcome? })
}

/// Lays the workspaces out, and finds what is right in each request.
fn cases<'a>(
    set: &'a RequestSet,
    folder: &Path,
    limit: Option<usize>,
) -> Result<Vec<Case<'a>>, PocketError> {
    let mut places = BTreeMap::new();
    for (index, (name, workspace)) in set.workspaces.iter().enumerate() {
        let folder = folder.join(index.to_string());
        let unusable = |reason| PocketError::Workspace { name: name.clone(), reason };
        std::fs::create_dir(&folder).map_err(unusable)?;
        layout::lay_out(workspace, &folder).map_err(unusable)?;
        let facts = Facts::look(&folder).map_err(unusable)?;
        let root = GrantedRoot::grant(&folder).map_err(std::io::Error::other).map_err(unusable)?;
        places.insert(name.as_str(), Place { root: Arc::new(root), facts });
    }
    let mut cases = Vec::new();
    for (index, request) in set.requests.iter().enumerate() {
        cases.push(case(index + 1, request, &places).map_err(|problem| PocketError::Request {
            number: index + 1,
            kind: request.kind.clone(),
            request: request.request.clone(),
            problem,
        })?);
    }
    let chosen = requests::chosen(&set.requests, limit);
    cases.retain(|case| chosen.binary_search(&(case.number - 1)).is_ok());
    if cases.is_empty() { Err(PocketError::NoRequests) } else { Ok(cases) }
}

fn case<'a>(
    number: usize,
    request: &'a Request,
    places: &BTreeMap<&str, Place>,
) -> Result<Case<'a>, String> {
    let place = places.get(request.workspace.as_str());
    let place = place.ok_or_else(|| format!("names no workspace: `{}`", request.workspace))?;
    let expected = truth::expected(request, &place.facts)?;
    Ok(Case { number, request, expected, root: Arc::clone(&place.root) })
}

async fn evaluate(
    bench: &Bench,
    cases: &[Case<'_>],
    progress: impl Fn(usize, usize),
) -> Result<Outcome, PocketError> {
    let mut outcome = Outcome::default();
    let (mut tokens, mut time) = (0, Duration::ZERO);
    for (index, case) in cases.iter().enumerate() {
        let made = bench.run(&case.request.request, &case.root).await?;
        tokens += made.tokens;
        time += made.model_time;
        if let Some(took) = made.first_call {
            outcome.first_calls.push_ms(took);
        }
        record(&mut outcome, case, made);
        progress(index + 1, cases.len());
    }
    let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
    outcome.tokens_per_second = f64::from(tokens) / time.as_secs_f64();
    Ok(outcome)
}

/// Judges a run.
fn record(outcome: &mut Outcome, case: &Case<'_>, made: Made) {
    let request = case.request;
    let first_call = call::first_is_right(&request.calls, &made.calls);
    let task = judge::is_right(&case.expected, &made);
    if let Some(raw) = made.first_mean {
        // Of a request that is to be refused, the first reply is the refusal.
        let right = if request.calls.is_empty() { task } else { first_call };
        outcome.judged.push(Judged { raw: f64::from(raw), right });
    }
    let tally = outcome.kinds.entry(request.kind.clone()).or_default();
    tally.requests += 1;
    tally.first_call += u32::from(first_call);
    tally.task += u32::from(task);
    let wrong = match (first_call, task) {
        (true, true) => return,
        _ if request.is_refusal() && task => return,
        _ if request.is_refusal() => "refusal",
        (false, true) => "first call",
        (true, false) => "task",
        (false, false) => "first call and task",
    };
    let answer = match (made.answer, made.failure) {
        (Some(answer), _) => answer,
        (None, failure) => format!("none: {}", failure.unwrap_or_default()),
    };
    outcome.failures.push(Failure {
        number: case.number,
        kind: request.kind.clone(),
        request: request.request.clone(),
        expected: request.calls.iter().map(shown_right).collect(),
        calls: made.calls.iter().map(shown).collect(),
        answer,
        wrong,
    });
}

fn shown_right(call: &RightCall) -> String {
    format!("{} {}", call.name, call.arguments)
}

fn shown(call: &ToolCall) -> String {
    format!("{} {}", call.name, call.arguments)
}
