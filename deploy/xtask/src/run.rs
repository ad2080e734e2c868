//! `cargo xtask run`: the whole system on one machine.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::daemon::{Daemon, command};
use crate::run_dir::RunDir;
use crate::{account, cargo, clock, http, ports, sample, say, toolchain};

const TICK: Duration = Duration::from_millis(100);
const HUB_STARTS: Duration = Duration::from_secs(60);
/// A large model takes minutes to load from a slow disk.
const MODEL_LOADS: Duration = Duration::from_secs(600);

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    once: bool,
    release: bool,
    model: Option<PathBuf>,
    task: Option<String>,
}

impl Options {
    /// From the words after `run`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} wants a value"));
            match *word {
                "--once" => options.once = true,
                "--release" => options.release = true,
                "--model" => options.model = Some(PathBuf::from(value()?)),
                "--task" => options.task = Some((*value()?).to_owned()),
                other => bail!("`{other}` is unknown: see `cargo xtask help`"),
            }
        }
        Ok(options)
    }
}

/// Everything that runs.
struct System {
    dir: RunDir,
    // Dropped in this order: the edge ends before the hub.
    edge: Option<Daemon>,
    hub: Daemon,
    port: u16,
    link_port: u16,
    stop: Arc<AtomicBool>,
}

/// Runs it all; gives the exit code.
pub(crate) fn run(options: &Options) -> Result<u8> {
    let model = model(options)?;
    say::stage("tool chain");
    toolchain::ensure(false)?;
    let dir = RunDir::open()?;
    say::stage("build");
    let packages =
        ["agentos-hub", "agentos-edge", "agentos-cli", "agentos-launcher", "agentos-tools"];
    let built = cargo::build(&packages, options.release)?;
    dir.install(&built)?;

    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    say::stage("hub and edge");
    let mut system = System::start_hub(dir, stop)?;
    let outcome = system.use_it(options, model.as_deref());
    let interrupted = system.stop.load(Ordering::Relaxed);
    system.shut_down();
    match outcome {
        Ok(()) => Ok(0),
        Err(_) if interrupted => {
            say::line("Interrupted.");
            Ok(130)
        }
        Err(error) => Err(error),
    }
}

/// The model's file, if one is named, and readable by the edge's user.
fn model(options: &Options) -> Result<Option<PathBuf>> {
    let named = std::env::var_os("AGENT_OS_MODEL").filter(|path| !path.is_empty());
    let Some(path) = options.model.clone().or_else(|| named.map(PathBuf::from)) else {
        return Ok(None);
    };
    let path = path.canonicalize().with_context(|| format!("no model at {}", path.display()))?;
    if account::is_root()
        && let Some(closed) = account::first_closed(&path)
    {
        bail!("the edge's user cannot read {closed}: copy the model to a place that all can read");
    }
    Ok(Some(path))
}

impl System {
    fn start_hub(dir: RunDir, stop: Arc<AtomicBool>) -> Result<Self> {
        let port = port("API", 7777, false)?;
        let link_port = port_of_link()?;
        let data = dir.hub();
        if !dir.admin_key().exists() && dir.joined().exists() {
            // A hub without data knows no edge.
            std::fs::remove_file(dir.joined())?;
        }
        let mut hub = command(&dir.binary("agentos-hub"), &data, dir.hub_user);
        hub.args(["serve", "--listen", &format!("127.0.0.1:{port}")]);
        hub.args(["--link-listen", &format!("127.0.0.1:{link_port}"), "--data"]).arg(&data);
        let hub = Daemon::start("agentos-hub", hub, dir.log("hub"))?;
        let mut system = Self { dir, edge: None, hub, port, link_port, stop };
        system.wait_for("the hub to answer", HUB_STARTS, |system| {
            let up = http::get(system.port, "/health").is_ok_and(|(status, _)| status == 200);
            up && system.dir.admin_key().exists()
        })?;
        say::line(&format!("The hub answers on http://127.0.0.1:{port}"));
        Ok(system)
    }

    fn use_it(&mut self, options: &Options, model: Option<&std::path::Path>) -> Result<()> {
        self.enrol()?;
        self.start_edge(model)?;
        say::stage("sample workspace");
        self.must(&["files", "put"], &[sample::folder()])?;
        let demonstration = self.is_demonstration()?;
        say::stage("task");
        let key = format!("xtask-{}", clock::unix_nanos());
        let usual = if demonstration { sample::SMALL_TASK } else { sample::TASK };
        let text = options.task.as_deref().unwrap_or(usual);
        if demonstration {
            explain_demonstration();
        }
        say::line(&format!("> {text}"));
        let args = ["task", "run", "--timeout", "900", "--idempotency-key", &key, "--", text];
        let status = self.agentos(&args).status().context("agentos could not be started")?;
        self.check()?;
        if !status.success() {
            bail!("the task did not complete ({status}); the end of the edge's log:\n{}", {
                self.edge.as_ref().map(Daemon::tail).unwrap_or_default()
            });
        }
        self.report(&key, demonstration)?;
        if options.once {
            return Ok(());
        }
        say::line("\nHub and edge stay up until Ctrl-C.");
        while !self.stop.load(Ordering::Relaxed) {
            self.check()?;
            sleep(TICK);
        }
        Ok(())
    }

    /// Gives the edge its certificate, once.
    fn enrol(&mut self) -> Result<()> {
        if self.dir.joined().exists() {
            say::line("The edge has joined before");
            return Ok(());
        }
        let invitation = self.ask(&["edge", "invite", "--name", "local"])?;
        let token = invitation["token"].as_str().context("the invitation has no token")?;
        let data = self.dir.edge();
        let mut join = command(&self.dir.binary("agentos-edge"), &data, self.dir.edge_user);
        join.args(["join", &format!("127.0.0.1:{}", self.link_port), token, "--name", "local"]);
        join.arg("--data").arg(&data);
        let output = join.output().context("agentos-edge could not be started")?;
        if !output.status.success() {
            bail!("the edge could not join:\n{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        std::fs::write(self.dir.joined(), "")?;
        say::line("The edge has joined the hub by a one-time token");
        Ok(())
    }

    fn start_edge(&mut self, model: Option<&std::path::Path>) -> Result<()> {
        let data = self.dir.edge();
        let mut edge = command(&self.dir.binary("agentos-edge"), &data, self.dir.edge_user);
        edge.args(["run", "--hub", &format!("127.0.0.1:{}", self.link_port), "--data"]).arg(&data);
        edge.env_remove("AGENT_OS_MODEL");
        if let Some(model) = model {
            edge.arg("--model").arg(model);
        }
        self.edge = Some(Daemon::start("agentos-edge", edge, self.dir.log("edge"))?);
        self.wait_for("the edge to load its model", MODEL_LOADS, |system| {
            http::get(system.port, "/ready").is_ok_and(|(_, body)| {
                body["edges_connected"].as_u64() > Some(0) && body["models"].as_u64() > Some(0)
            })
        })?;
        say::line("The edge is connected and its model is loaded");
        Ok(())
    }

    fn is_demonstration(&self) -> Result<bool> {
        Ok(has_demonstration_only(&self.ask(&["edge", "list"])?))
    }

    /// `agentos ARGS` with the admin key.
    fn agentos(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.dir.binary("agentos"));
        command.args(["--url", &format!("http://127.0.0.1:{}", self.port)]);
        command.arg("--api-key-file").arg(self.dir.admin_key()).args(args).stdin(Stdio::null());
        command
    }

    /// `agentos --json ARGS`, whose answer is wanted.
    fn ask(&self, args: &[&str]) -> Result<Value> {
        let mut command = self.agentos(&["--json"]);
        let output = command.args(args).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            bail!("`agentos {}` failed ({})", args.join(" "), output.status);
        }
        serde_json::from_slice(&output.stdout).context("agentos printed no JSON")
    }

    /// `agentos ARGS PATHS`, which must succeed.
    fn must(&self, args: &[&str], paths: &[PathBuf]) -> Result<()> {
        let status = self.agentos(args).args(paths).status()?;
        if !status.success() {
            bail!("`agentos {}` failed ({status})", args.join(" "));
        }
        Ok(())
    }

    fn report(&self, key: &str, demonstration: bool) -> Result<()> {
        let page = self.ask(&["task", "list"])?;
        let items = page["items"].as_array().cloned().unwrap_or_default();
        let task = items.into_iter().find(|task| task["idempotency_key"] == key);
        let task = task.context("the task is not in the hub's list")?;
        let (url, binary) = (format!("http://127.0.0.1:{}", self.port), self.dir.binary("agentos"));
        let admin_key = self.dir.admin_key().display().to_string();
        say::stage("done");
        say::line(&summary(&task, demonstration));
        say::line(&format!("API       {url}"));
        say::line(&format!("admin key {admin_key}"));
        say::line(&format!("logs      {}", self.dir.log("hub").display()));
        say::line(&format!("          {}", self.dir.log("edge").display()));
        say::line("\nTry, while both are up:");
        say::line(&format!("  export AGENT_OS_URL={url} AGENT_OS_API_KEY_FILE={admin_key}"));
        let agentos = binary.display();
        let id = task["task_id"].as_str().unwrap_or_default();
        say::line(&format!("  {agentos} task show {id} --steps"));
        say::line(&format!("  {agentos} task run \"Which file in sample is the largest?\""));
        say::line(&format!("  {agentos} files list"));
        say::line(&format!(
            "  curl -H \"Authorization: Bearer $(cat {admin_key})\" {url}/api/tasks"
        ));
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        self.hub.check()?;
        self.edge.as_mut().map_or(Ok(()), Daemon::check)
    }

    fn wait_for(
        &mut self,
        what: &str,
        patience: Duration,
        done: impl Fn(&Self) -> bool,
    ) -> Result<()> {
        let deadline = clock::now() + patience;
        while !done(self) {
            self.check()?;
            if self.stop.load(Ordering::Relaxed) {
                bail!("interrupted");
            }
            if clock::now() > deadline {
                let logs = self.edge.as_ref().unwrap_or(&self.hub).tail();
                bail!(
                    "waited {} s for {what} in vain; the end of the log:\n{logs}",
                    patience.as_secs()
                );
            }
            sleep(TICK);
        }
        Ok(())
    }

    fn shut_down(mut self) {
        say::line("\nStopping the edge and the hub");
        if let Some(edge) = &mut self.edge
            && !edge.stop()
        {
            say::problem("the edge did not end in good order");
        }
        if !self.hub.stop() {
            say::problem("the hub did not end in good order");
        }
    }
}

fn port(what: &str, wanted: u16, udp: bool) -> Result<u16> {
    let port = ports::choose(wanted, udp)?;
    if port != wanted {
        say::line(&format!("Port {wanted} is taken: the {what} uses {port}"));
    }
    Ok(port)
}

fn port_of_link() -> Result<u16> {
    port("link", 7443, true)
}

/// Whether the connected edges have nothing but the built-in model.
fn has_demonstration_only(edges: &Value) -> bool {
    let edges = edges["items"].as_array().into_iter().flatten();
    let models: Vec<_> = edges
        .filter(|edge| edge["connected"] == true)
        .flat_map(|edge| edge["load"]["models"].as_array().into_iter().flatten())
        .collect();
    !models.is_empty() && models.iter().all(|model| model["demonstration"] == true)
}

fn explain_demonstration() {
    say::line(
        "\
The POCKET MODEL answers: 2.4 million parameters inside the edge's program. It
lists, reads, searches, counts and compares files, in English, and refuses the
rest. It is a demonstration. For a model that can do more, name a GGUF file
that can call tools, a Qwen3 for instance:
  cargo xtask run --model /path/to/model.gguf     (or AGENT_OS_MODEL=…)
",
    );
}

fn summary(task: &Value, demonstration: bool) -> String {
    let word = |name: &str| task[name].as_str().unwrap_or("none").to_owned();
    // The text is a model's: a terminal must not obey it.
    let answer: String =
        word("output").chars().map(|c| if c.is_control() { ' ' } else { c }).take(400).collect();
    let kind = if demonstration { " (pocket model)" } else { "" };
    let seconds = task["execution_time_ms"].as_f64().unwrap_or_default() / 1_000.0;
    format!(
        "task      {} {}\nanswer{kind}\n          {}\ntokens    {} in, {} out\ntime      {seconds:.1} s\ntools     {} called, {} steps in the journal",
        word("task_id"),
        word("status"),
        answer.trim(),
        task["input_tokens"],
        task["output_tokens"],
        task["tool_calls"],
        task["steps"],
    )
}

#[cfg(test)]
mod tests;
