//! One process under test.

use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::place::Place;
use super::wait::eventually;

/// How a process is started.
pub struct Launch {
    /// What its log is called; processes of one name share a log.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment, apart from `PATH`.
    pub env: Vec<(String, String)>,
    /// The network namespace that it lives in; `None` is that of the caller.
    #[cfg(target_os = "linux")]
    pub namespace: Option<Arc<super::namespace::Namespace>>,
}

impl Launch {
    /// A program with arguments.
    pub fn new<A: Into<String>>(
        name: &str,
        program: &Path,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            args: args.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            #[cfg(target_os = "linux")]
            namespace: None,
        }
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn with_env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Sets a variable of the environment anew, or takes it away.
    pub fn set_env(&mut self, name: &str, value: Option<String>) {
        self.env.retain(|(known, _)| known != name);
        self.env.extend(value.map(|value| (name.to_owned(), value)));
    }
}

/// A process, killed when this is dropped.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// Where this process' part of the log begins.
    log_start: u64,
    /// Keeps the folder as long as the process.
    _place: Arc<Place>,
}

impl Process {
    /// Starts one, as the user of `place`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(place: &Arc<Place>, launch: &Launch) -> Result<Self> {
        let log = place.path(&format!("{}.log", launch.name));
        let output = OpenOptions::new().append(true).create(true).open(&log)?;
        let log_start = output.metadata()?.len();
        let mut command = Command::new(place.program(&launch.program)?);
        command
            .args(&launch.args)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        if let Some(user) = place.user() {
            command.uid(user).gid(user);
        }
        let child = spawn(command, launch)
            .with_context(|| format!("cannot start {}", launch.program.display()))?;
        let place = Arc::clone(place);
        Ok(Self { name: launch.name.clone(), child, log, log_start, _place: place })
    }

    /// What this process has written so far.
    #[must_use]
    pub fn output(&self) -> String {
        let mut bytes = Vec::new();
        let read = std::fs::File::open(&self.log).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.log_start))?;
            file.read_to_end(&mut bytes)
        });
        match read {
            Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => format!("(its log cannot be read: {error})"),
        }
    }

    /// Waits until a line of its output holds all of `words`; returns the line.
    ///
    /// # Errors
    /// If there is none in time.
    pub async fn says(&self, words: &[&str]) -> Result<String> {
        let found = |output: String| {
            let line = output.lines().find(|line| words.iter().all(|word| line.contains(word)));
            line.map(str::to_owned)
        };
        eventually(&format!("{} to say {words:?}", self.name), async || Ok(found(self.output())))
            .await
            .with_context(|| format!("it said:\n{}", self.output()))
    }

    /// `kill -9`, and waits until it is gone.
    ///
    /// # Errors
    /// If it is not the test's to kill.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end (SIGTERM).
    ///
    /// # Errors
    /// If it cannot be asked.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::SIGTERM)
    }

    /// Stops it as it is (SIGSTOP), until [`Self::resume`].
    ///
    /// # Errors
    /// If it is not the test's to stop.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// If it is not the test's to let go on.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(i32::try_from(self.child.id())?), signal)?)
    }

    /// The number by which the system knows it.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If it does not end in time.
    pub async fn exit(&mut self) -> Result<ExitStatus> {
        let (name, child) = (&self.name, &mut self.child);
        eventually(&format!("the end of {name}"), async || Ok(child.try_wait()?)).await
    }
}

#[cfg(target_os = "linux")]
fn spawn(mut command: Command, launch: &Launch) -> Result<Child> {
    match &launch.namespace {
        Some(namespace) => super::namespace::inside(namespace, move || Ok(command.spawn()?)),
        None => Ok(command.spawn()?),
    }
}

#[cfg(not(target_os = "linux"))]
fn spawn(mut command: Command, _launch: &Launch) -> Result<Child> {
    Ok(command.spawn()?)
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
