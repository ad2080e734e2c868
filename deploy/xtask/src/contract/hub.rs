//! A hub to be tested, with a folder of its own and no edge.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::contract::folder;
use crate::daemon::{Daemon, command};
use crate::venv::Venv;
use crate::{account, clock, http, ports, say};

const TICK: Duration = Duration::from_millis(50);
const STARTS: Duration = Duration::from_secs(60);
/// Where ports are looked for first.
const API_PORT: u16 = 7797;
const LINK_PORT: u16 = 7463;

/// The limits that a test must not meet: the highest that can be set.
const LIMITS: [(&str, &str); 3] = [
    ("AGENT_OS_LIMITS__REQUESTS_PER_MINUTE_PER_KEY", "1000000"),
    ("AGENT_OS_LIMITS__REQUESTS_PER_MINUTE_PER_ADDRESS", "1000000"),
    ("AGENT_OS_LIMITS__BURST", "100000"),
];

/// A folder for the hubs' data, logs and reports.
pub(crate) struct Workbench(PathBuf);

impl Workbench {
    /// A new folder among the temporary ones.
    pub(crate) fn new() -> Result<Self> {
        let name = format!("agentos-contract-{}", clock::unix_nanos());
        let path = std::env::temp_dir().join(name);
        account::private_dir(&path, None)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Removes it with all that is in it.
    pub(crate) fn remove(&self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            say::problem(&format!("{} is left over: {error}", self.0.display()));
        }
    }
}

/// A hub, until it is dropped.
pub(crate) struct Hub {
    daemon: Daemon,
    port: u16,
    token: String,
}

impl Hub {
    /// Starts a hub without data, and waits until it answers.
    pub(crate) fn start(
        bench: &Workbench,
        venv: &Venv,
        binary: &Path,
        number: usize,
    ) -> Result<Self> {
        let data = bench.path().join(format!("hub-{number}"));
        account::private_dir(&data, None)?;
        let secret = secret()?;
        let port = ports::choose(API_PORT, false)?;
        let link_port = ports::choose(LINK_PORT, true)?;
        let mut serve = command(binary, &data, None);
        // Nothing of the caller's environment: it may configure another hub.
        serve.env_clear().env("HOME", &data).envs(LIMITS).env("BETTER_AUTH_SECRET", &secret);
        serve.args(["serve", "--listen", &format!("127.0.0.1:{port}")]);
        serve.args(["--link-listen", &format!("127.0.0.1:{link_port}"), "--data"]).arg(&data);
        let log = bench.path().join(format!("hub-{number}.log"));
        let daemon = Daemon::start("agentos-hub", serve, log)?;
        let mut hub = Self { daemon, port, token: token(venv, &secret)? };
        hub.wait()?;
        Ok(hub)
    }

    fn wait(&mut self) -> Result<()> {
        let deadline = clock::now() + STARTS;
        while !http::get(self.port, "/health").is_ok_and(|(status, _)| status == 200) {
            self.check()?;
            if clock::now() > deadline {
                bail!("the hub does not answer; the end of its log:\n{}", self.daemon.tail());
            }
            sleep(TICK);
        }
        Ok(())
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A token with every scope.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Fails where it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.daemon.check()
    }

    /// Ends it; says whether it ended in good order.
    pub(crate) fn stop(&mut self) -> bool {
        self.daemon.stop()
    }

    /// Holds the metrics against promtool, after requests of some kinds.
    pub(crate) fn check_metrics(&self) -> Result<()> {
        http::get(self.port, "/ready")?;
        http::get(self.port, "/api/tasks")?;
        http::get_as(self.port, "/api/files", &self.token)?;
        let (status, metrics) = http::get_as(self.port, "/metrics", &self.token)?;
        if status != 200 || metrics.trim().is_empty() {
            bail!("GET /metrics answers {status} with {} bytes", metrics.len());
        }
        promtool(&metrics)
    }
}

/// Fails where promtool finds fault with the metrics.
fn promtool(metrics: &str) -> Result<()> {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("promtool could not be started")?;
    // It reads all before it writes.
    child.stdin.take().context("promtool has no input")?.write_all(metrics.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!(
            "`promtool check metrics` finds fault with GET /metrics ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&said).trim()
        );
    }
    Ok(())
}

/// A secret that nobody can guess.
fn secret() -> Result<String> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A token with every scope.
fn token(venv: &Venv, secret: &str) -> Result<String> {
    let mut sign = Command::new(venv.program("python"));
    sign.arg(folder().join("sign.py")).env("BETTER_AUTH_SECRET", secret);
    let output = sign.output().context("no token can be signed")?;
    if !output.status.success() {
        bail!("no token can be signed:\n{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_and_new_each_time() {
        let (one, other) = (secret().unwrap(), secret().unwrap());
        assert_eq!(one.len(), 64);
        assert_ne!(one, other);
    }

    #[test]
    fn a_workbench_is_removed_with_all_in_it() {
        let bench = Workbench::new().unwrap();
        fs::write(bench.path().join("log"), "x").unwrap();
        bench.remove();
        assert!(!bench.path().exists());
    }
}
