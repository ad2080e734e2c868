//! An edge under test.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::client::Client;
use super::place::Place;
use super::process::{Launch, Process};
use super::wait::eventually;

/// Which edge.
#[derive(Debug, Clone)]
pub struct EdgeProgram {
    /// The program.
    pub program: PathBuf,
    /// Variables of its environment.
    pub env: Vec<(String, String)>,
    /// More arguments of `run`.
    pub args: Vec<String>,
}

/// An edge that can be killed and started again over the same data.
pub struct Edge {
    place: Arc<Place>,
    program: EdgeProgram,
    /// What it calls itself.
    pub name: String,
    /// Its data folder.
    pub data: PathBuf,
    #[cfg(target_os = "linux")]
    namespace: Option<Arc<super::namespace::Namespace>>,
    process: Option<Process>,
}

impl Edge {
    /// One that has not joined.
    ///
    /// # Errors
    /// If its data folder cannot be made.
    pub fn new(place: &Arc<Place>, program: EdgeProgram, name: &str) -> Result<Self> {
        Ok(Self {
            data: place.folder(name)?,
            place: Arc::clone(place),
            program,
            name: name.to_owned(),
            #[cfg(target_os = "linux")]
            namespace: None,
            process: None,
        })
    }

    /// Puts it into a network namespace.
    #[cfg(target_os = "linux")]
    pub fn live_in(&mut self, namespace: &Arc<super::namespace::Namespace>) {
        self.namespace = Some(Arc::clone(namespace));
    }

    fn launch(&self, args: &[&str]) -> Launch {
        let mut launch = Launch::new(&self.name, &self.program.program, args.iter().copied());
        launch.env.clone_from(&self.program.env);
        launch.args.extend(["--data".to_owned(), self.data.display().to_string()]);
        #[cfg(target_os = "linux")]
        launch.namespace.clone_from(&self.namespace);
        launch
    }

    /// Tries to join; returns the exit code and what was said.
    ///
    /// # Errors
    /// If the program does not end.
    pub async fn try_join(&self, hub: &str, token: &str) -> Result<(i32, String)> {
        let launch = self.launch(&["join", hub, token, "--name", &self.name]);
        let mut process = Process::start(&self.place, &launch)?;
        let status = process.exit().await?;
        Ok((status.code().context("killed by a signal")?, process.output()))
    }

    /// Joins.
    ///
    /// # Errors
    /// If the hub refuses.
    pub async fn join(&self, hub: &str, token: &str) -> Result<()> {
        let (code, said) = self.try_join(hub, token).await?;
        ensure!(code == 0, "cannot join: {said}");
        Ok(())
    }

    /// Starts it without waiting for anything.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn run(&mut self) -> Result<&mut Process> {
        let mut launch = self.launch(&["run", "--threads", "1"]);
        launch.args.extend(self.program.args.iter().cloned());
        Ok(self.process.insert(Process::start(&self.place, &launch)?))
    }

    /// Starts it and waits until the hub has a session with it.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn start(&mut self, client: &Client) -> Result<()> {
        // The hub may not have noticed yet that an older process is gone.
        let old = client.edge(&self.name).await?["session_epoch"].clone();
        self.run()?;
        self.session_after(client, &old).await.map(drop)
    }

    /// Waits for a session; returns what the hub says of the edge.
    ///
    /// # Errors
    /// If there is none in time.
    pub async fn connected(&mut self, client: &Client) -> Result<Value> {
        self.session_after(client, &Value::Null).await
    }

    async fn session_after(&mut self, client: &Client, old: &Value) -> Result<Value> {
        let name = self.name.clone();
        let process = self.process()?;
        eventually("the edge's session", async || {
            if !process.is_running()? {
                return Ok(Some(Err(anyhow::anyhow!("the edge ended:\n{}", process.output()))));
            }
            let edge = client.edge(&name).await?;
            let there = edge["connected"] == true && edge["session_epoch"] != *old;
            Ok(there.then_some(Ok(edge)))
        })
        .await?
    }

    /// Waits until the edge has told the hub that it works on `count` runs.
    ///
    /// # Errors
    /// If it does not in time.
    pub async fn works_on(&self, client: &Client, count: u64) -> Result<()> {
        let what = format!("{count} runs on the edge");
        eventually(&what, async || {
            let edge = client.edge(&self.name).await?;
            Ok((edge["load"]["running_attempts"] == count).then_some(()))
        })
        .await
    }

    /// Sets a variable of its environment, from its next start on.
    pub fn set_env(&mut self, name: &str, value: String) {
        self.unset_env(name);
        self.program.env.push((name.to_owned(), value));
    }

    /// Takes a variable of its environment away, from its next start on.
    pub fn unset_env(&mut self, name: &str) {
        self.program.env.retain(|(known, _)| known != name);
    }

    /// Its process.
    ///
    /// # Errors
    /// If it was never started.
    pub fn process(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("the edge does not run")
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// If it does not run.
    pub fn kill(&mut self) -> Result<()> {
        self.process()?.kill()
    }
}

impl EdgeProgram {
    /// A program without anything special.
    #[must_use]
    pub fn plain(program: &Path) -> Self {
        Self { program: program.to_owned(), env: Vec::new(), args: Vec::new() }
    }
}
