//! `cargo xtask contract`: holds a running hub against its own description, by
//! schemathesis, and its metrics against promtool.
//!
//! The hub shuts out an address that presents too many wrong keys, so the check
//! that wrong keys are refused has passes of its own, each with a fresh hub.

mod hub;
mod report;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::contract::hub::{Hub, Workbench};
use crate::contract::report::Report;
use crate::venv::Venv;
use crate::{cargo, clock, say, toolchain};

const TICK: Duration = Duration::from_millis(100);
/// The seed where none is given, so that each run makes the same requests.
const SEED: u64 = 20_261_121;
/// Random requests for each operation, beside those that cover its schema.
const EXAMPLES: u32 = 10;
const EXAMPLES_OF_FULL: u32 = 200;
/// Enough that each operation succeeds once.
const EXAMPLES_OF_KEYS: u32 = 10;

/// Groups of operations, by tag, for each of which the allowance of refused
/// keys, ten at once, suffices: each operation needs one.
const GROUPS: [&[&str]; 7] = [
    &["tasks", "edges"],
    &["files", "keys"],
    &["provider keys", "session", "hub"],
    &["approvals"],
    &["schedules"],
    &["models"],
    &["billing"],
];
/// What cannot succeed without an edge, and so shows nothing about wrong keys,
/// and what needs no key and seldom guesses a name.
const OUT_OF_REACH: [&str; 11] = [
    "POST /api/edges/{id}/drain",
    "POST /api/edges/{id}/resume",
    "POST /api/edges/{id}/revoke",
    "GET /docs/{file}",
    "POST /api/kernel/tasks/{task}",
    "POST /api/plugins/{name}/trigger",
    "GET /api/approvals/{id}",
    "POST /api/approvals/{id}/approve",
    "POST /api/approvals/{id}/reject",
    "POST /api/approvals/{id}/resolve",
    "DELETE /api/approvals/grants/{agent}/{tool}",
];

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    full: bool,
    seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { full: false, seed: SEED }
    }
}

impl Options {
    /// From the words after `contract`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--full" => options.full = true,
                "--seed" => {
                    let value = words.next().context("--seed wants a number")?;
                    options.seed = value.parse().context("--seed wants a number")?;
                }
                other => bail!("`{other}` is unknown: see `cargo xtask help`"),
            }
        }
        Ok(options)
    }

    /// The command that does the same again.
    fn command(&self) -> String {
        let full = if self.full { " --full" } else { "" };
        format!("cargo xtask contract{full} --seed {}", self.seed)
    }
}

/// One run of schemathesis, with a hub of its own.
struct Pass {
    name: &'static str,
    args: Vec<String>,
    /// Whether its output is shown while it runs, rather than when it fails.
    shown: bool,
}

/// Builds the hub and runs all; gives the exit code.
pub(crate) fn run(options: &Options) -> Result<u8> {
    say::stage("tool chain");
    toolchain::ensure(false)?;
    toolchain::ensure_contract()?;
    say::stage("build");
    let built = cargo::build(&["agentos-hub"], false)?;
    check(&built.join("agentos-hub"), options)
}

/// Runs all against this hub; gives the exit code.
pub(crate) fn check(binary: &Path, options: &Options) -> Result<u8> {
    say::stage(&format!("contract: {}", options.command()));
    let begin = clock::now();
    let stop = Stop::on_signals()?;
    let bench = Workbench::new()?;
    let outcome = Venv::ensure("contract-venv", &folder().join("requirements.txt"))
        .and_then(|venv| all(&bench, &venv, binary, options, &stop));
    let seconds = (clock::now() - begin).as_secs();
    match outcome {
        Ok(cases) => {
            bench.remove();
            say::line(&format!("contract: ok, {cases} cases, {seconds} s"));
            Ok(0)
        }
        Err(_) if stop.asked() => {
            bench.remove();
            say::line("Interrupted.");
            Ok(130)
        }
        Err(error) => {
            say::problem(&format!(
                "contract: FAILED after {seconds} s: {error:#}\nlogs and reports lie in {}; repeat it with\n  {}",
                bench.path().display(),
                options.command()
            ));
            Ok(1)
        }
    }
}

/// All passes; gives the number of cases.
fn all(
    bench: &Workbench,
    venv: &Venv,
    binary: &Path,
    options: &Options,
    stop: &Stop,
) -> Result<u64> {
    let mut cases = 0;
    for (number, pass) in passes(options).iter().enumerate() {
        let mut hub = Hub::start(bench, venv, binary, number)?;
        hub.check_metrics()?;
        let report = schemathesis(bench, venv, &hub, pass, number, stop)?;
        hub.check()?;
        hub.check_metrics()?;
        if !pass.shown {
            report.all_accepted(&OUT_OF_REACH)?;
        }
        cases += report.cases;
        say::line(&format!(
            "{}: ok, {} operations, {} cases",
            pass.name, report.operations, report.cases
        ));
        if !hub.stop() {
            bail!("the hub did not end in good order");
        }
    }
    Ok(cases)
}

/// What is run, in order.
fn passes(options: &Options) -> Vec<Pass> {
    let words = |text: &str| text.split(' ').map(ToOwned::to_owned).collect::<Vec<_>>();
    let phases = if options.full {
        "examples,coverage,fuzzing,stateful"
    } else {
        "examples,coverage,fuzzing"
    };
    let examples = if options.full { EXAMPLES_OF_FULL } else { EXAMPLES };
    let seed = options.seed;
    let mut passes = vec![Pass {
        name: "schema",
        args: words(&format!(
            "--checks all --exclude-checks ignored_auth --phases {phases} \
             --max-examples {examples} --seed {seed}"
        )),
        shown: true,
    }];
    passes.extend(GROUPS.map(|tags| {
        let mut args = words(&format!(
            "--checks all --phases fuzzing --mode positive \
             --max-examples {EXAMPLES_OF_KEYS} --seed {seed}"
        ));
        args.extend(tags.iter().flat_map(|tag| ["--include-tag".to_owned(), (*tag).to_owned()]));
        // Whoever signs in presents keys: the first pass does.
        args.extend(words("--exclude-operation-id open_session"));
        Pass { name: "wrong keys", args, shown: false }
    }));
    passes
}

/// Runs schemathesis; fails where it found anything.
fn schemathesis(
    bench: &Workbench,
    venv: &Venv,
    hub: &Hub,
    pass: &Pass,
    number: usize,
    stop: &Stop,
) -> Result<Report> {
    let json = bench.path().join(format!("report-{number}.json"));
    let output = bench.path().join(format!("schemathesis-{number}.log"));
    let mut command = Command::new(venv.program("schemathesis"));
    // It writes what it has learnt into the folder that it is started in.
    command.current_dir(bench.path()).env("AGENTOS_CONTRACT_TOKEN", hub.token());
    command.env("SCHEMATHESIS_HOOKS", folder().join("hooks.py"));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg("--config-file").arg(folder().join("schemathesis.toml"));
    command.args(["--no-color", "run"]);
    command.arg(format!("{}/openapi.json", hub.url()));
    command.args(&pass.args).args(["--workers", "1", "--generation-database", "none"]);
    command.args(["--report", "json", "--report-json-path"]).arg(&json).stdin(Stdio::null());
    if !pass.shown {
        let file = std::fs::File::create(&output)?;
        command.stdout(file.try_clone()?).stderr(file);
    }
    let status = finish(command, stop)?;
    let judged = std::fs::read_to_string(&json)
        .context("schemathesis left no report")
        .and_then(|text| Report::parse(&text))
        .and_then(|report| report.judge(status.success()));
    if judged.is_err() && !pass.shown {
        say::raw(&std::fs::read_to_string(&output).unwrap_or_default());
    }
    judged.with_context(|| format!("{} ({status})", pass.name))
}

/// Waits for a process, and ends it where xtask is to end.
fn finish(mut command: Command, stop: &Stop) -> Result<ExitStatus> {
    let mut child = command.spawn().context("schemathesis could not be started")?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if stop.asked() {
            drop(child.kill());
            drop(child.wait());
            bail!("interrupted");
        }
        sleep(TICK);
    }
}

/// Where schemathesis's configuration is.
fn folder() -> PathBuf {
    cargo::root().join("tests").join("contract")
}

/// Whether xtask was told to end. The hub has a process group of its own, so
/// somebody must end it.
struct Stop {
    asked: Arc<AtomicBool>,
    /// Signals do again what they do by default.
    over: Arc<AtomicBool>,
}

impl Stop {
    fn on_signals() -> Result<Self> {
        let (asked, over) = (Arc::default(), Arc::default());
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&over))?;
            signal_hook::flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Self { asked, over })
    }

    fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_can_be_asked_for_again() {
        let options = Options::parse(&["--full", "--seed", "7"]).unwrap();
        assert_eq!(options, Options { full: true, seed: 7 });
        let command = options.command();
        assert_eq!(command, "cargo xtask contract --full --seed 7");
        let words: Vec<_> = command.split(' ').skip(3).collect();
        assert_eq!(Options::parse(&words).unwrap(), options);
        assert_eq!(Options::parse(&[]).unwrap(), Options::default());
        for wrong in [&["--fast"][..], &["--seed"], &["--seed", "x"]] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_check_runs_in_some_pass_and_all_tags_are_in_one() {
        let passes = passes(&Options::default());
        assert_eq!(passes.len(), 1 + GROUPS.len());
        assert!(passes.iter().all(|pass| pass.args.windows(2).any(|w| w == ["--checks", "all"])));
        assert!(passes[1..].iter().all(|pass| !pass.args.iter().any(|arg| arg == "ignored_auth")));
        let text = std::fs::read_to_string(cargo::root().join("hub/api/openapi.json")).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let tags = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]);
        for tag in tags {
            let groups = GROUPS.iter().filter(|group| group.iter().any(|name| tag == name));
            assert_eq!(groups.count(), 1, "{tag}");
        }
    }

    #[test]
    fn every_exception_is_of_an_operation_that_exists() {
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
        let document = read(cargo::root().join("hub/api/openapi.json"));
        let config = read(folder().join("schemathesis.toml"));
        let named: Vec<_> = config
            .lines()
            .filter_map(|line| line.strip_prefix("include-operation-id = "))
            .collect();
        assert!(!named.is_empty());
        for id in named {
            assert!(document.contains(&format!("\"operationId\": {id}")), "{id}");
        }
    }
}
