//! The strongest confinement that works, and what runs in it.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::process::Command;

use super::arguments::{Arguments, Inside, of_launcher, push_command};
use super::bubblewrap::{self, Temporary};
use super::identity::{self, Identities, Lent};
use super::output::Buffer;
use super::scratch::Scratch;
use super::spawner::{Running, Spawner};
use super::system::System;
use super::tier::OWN_NETWORK;
use super::{ChildOutcome, ChildSpec, ConfineError, LimitHit, Limits, Tier, UserRange, usage};

/// The launcher's exit code where it could not confine the program.
const NOT_CONFINED: i32 = 125;
/// What its message begins with, and bubblewrap's.
const NOT_CONFINED_BY: [&str; 2] = ["agentos-launcher: ", "bwrap: "];
/// How long a program that was told to end may take to.
const GRACE: Duration = Duration::from_secs(5);
/// Programs that do nothing, to try a tier with.
const NOTHING: [&str; 2] = ["/usr/bin/true", "/bin/true"];

/// How programs are to be confined.
#[derive(Debug, Clone)]
pub struct ConfinementConfig {
    /// The program `agentos-launcher`. Users of `users` must reach it.
    pub launcher: PathBuf,
    /// The program `bwrap`; `None` does without.
    pub bubblewrap: Option<PathBuf>,
    /// A folder for temporary folders; it is made where it does not exist.
    /// Users of `users` must reach it.
    pub scratch: PathBuf,
    /// As whom programs run where this process is root.
    pub users: UserRange,
    /// Whether bubblewrap gives a program a network namespace also where no
    /// network was granted. The filter refuses it every socket anyway; without
    /// the second line it starts sooner (the benchmark says by how much).
    pub own_network: bool,
}

impl ConfinementConfig {
    /// With the machine's bubblewrap, if it has one.
    pub fn new(launcher: impl Into<PathBuf>, scratch: impl Into<PathBuf>) -> Self {
        let installed = ["/usr/bin/bwrap", "/usr/local/bin/bwrap"].map(PathBuf::from);
        Self {
            launcher: launcher.into(),
            bubblewrap: installed.into_iter().find(|path| path.is_file()),
            scratch: scratch.into(),
            users: UserRange::default(),
            own_network: true,
        }
    }
}

/// A confinement that works on this machine: it was tried.
#[derive(Debug)]
pub struct Confinement {
    tier: Tier,
    config: ConfinementConfig,
    system: System,
    identities: Identities,
    spawner: Spawner,
    weaker_because: Option<String>,
}

impl Confinement {
    /// Finds the strongest tier that works by running a program in it.
    ///
    /// # Errors
    /// `Unavailable` where none does.
    pub async fn detect(mut config: ConfinementConfig) -> Result<Self, ConfineError> {
        if !cfg!(target_os = "linux") {
            let reasons = "there is no launcher for this system".to_owned();
            return Err(ConfineError::Unavailable { reasons });
        }
        std::fs::create_dir_all(&config.scratch)?;
        // A data folder may lie behind a link, as those of systemd do.
        config.scratch = config.scratch.canonicalize()?;
        let mut confinement = Self {
            tier: Tier::Bubblewrap,
            system: System::look(),
            identities: Identities::new(config.users),
            spawner: Spawner::start()?,
            weaker_because: None,
            config,
        };
        let mut reasons = Vec::new();
        for tier in [Tier::Bubblewrap, Tier::Launcher] {
            confinement.tier = tier;
            match confinement.try_out().await {
                Ok(()) => {
                    confinement.weaker_because = reasons.pop();
                    return Ok(confinement);
                }
                Err(reason) => reasons.push(format!("{tier}: {reason}")),
            }
        }
        Err(ConfineError::Unavailable { reasons: reasons.join("; ") })
    }

    /// What is active.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// What holds for every program that runs in it.
    #[must_use]
    pub fn guarantees(&self) -> Vec<&'static str> {
        let own_network = self.config.own_network;
        let holds = |guarantee: &&str| own_network || *guarantee != OWN_NETWORK;
        self.tier.guarantees().into_iter().filter(holds).collect()
    }

    /// Why it is not a stronger one.
    #[must_use]
    pub fn weaker_because(&self) -> Option<&str> {
        self.weaker_because.as_deref()
    }

    async fn try_out(&self) -> Result<(), String> {
        if self.tier == Tier::Bubblewrap && self.config.bubblewrap.is_none() {
            return Err("bubblewrap is not installed".to_owned());
        }
        let scratch = Scratch::new(&self.config.scratch).map_err(|error| error.to_string())?;
        let program = NOTHING.iter().find(|path| Path::new(path).is_file());
        let program = program.ok_or("there is no program `true` to try it with")?;
        let mut spec = ChildSpec::new(*program, scratch.path());
        spec.limits = Limits { wall: Duration::from_secs(10), ..Limits::default() };
        spec.writable = vec![PathBuf::from("try")];
        match self.run(&spec).await {
            Ok(outcome) if outcome.code == 0 => Ok(()),
            Ok(outcome) => {
                Err(format!("a trial ended with {}: {}", outcome.code, outcome.stderr.text.trim()))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Runs a program to its end or to the first limit. Dropping the future
    /// ends it with all that it started.
    ///
    /// # Errors
    /// The program did not run: see [`ConfineError`]. `Io` with `TimedOut`:
    /// what was left of it could not be ended.
    pub async fn run(&self, spec: &ChildSpec) -> Result<ChildOutcome, ConfineError> {
        spec.check(self.tier)?;
        let identity = self.identities.take().await?;
        let scratch = self.prepare(spec, identity.as_ref()).await?;
        let mut watched: Vec<_> = spec.writable_paths().collect();
        watched.extend([scratch.files(), scratch.shared_memory()]);
        let (command, signal) = self.command(spec, &scratch, identity.as_ref())?;
        let running = self.spawner.spawn(command, signal).await?;
        let (mut stdout, mut stderr) =
            (Buffer::new(spec.limits.output), Buffer::new(spec.limits.output));
        let (code, limit) =
            follow(running, &mut stdout, &mut stderr, watched, &spec.limits).await?;
        let outcome =
            ChildOutcome { code, stdout: stdout.captured(), stderr: stderr.captured(), limit };
        refuse_unconfined(outcome)
    }

    async fn prepare(
        &self,
        spec: &ChildSpec,
        identity: Option<&Lent>,
    ) -> Result<Scratch, ConfineError> {
        let (base, folder) = (self.config.scratch.clone(), spec.folder.clone());
        let (writable, uid) = (spec.writable.clone(), identity.map(|lent| lent.uid));
        let work = move || prepare(&base, &folder, &writable, uid);
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
    }

    /// What is to be started, and the signal that ends it and all below it.
    fn command(
        &self,
        spec: &ChildSpec,
        scratch: &Scratch,
        identity: Option<&Lent>,
    ) -> Result<(Command, Signal), ConfineError> {
        let (files, shared_memory) = (scratch.files(), scratch.shared_memory());
        let launcher = &self.config.launcher;
        let (program, given, signal) = match (self.tier, &self.config.bubblewrap) {
            (Tier::Bubblewrap, Some(bubblewrap)) => {
                let temporary = Temporary { files: &files, shared_memory: &shared_memory };
                let given = bubblewrap::arguments(
                    spec,
                    &self.system,
                    launcher,
                    &temporary,
                    self.config.own_network,
                );
                // Its first process inside dies with it, and all others with that one.
                (bubblewrap, given, Signal::SIGKILL)
            }
            _ => (launcher, self.launcher_alone(spec, &files, identity)?, Signal::SIGTERM),
        };
        let mut command = Command::new(program);
        command.args(given.0).env_clear().current_dir(&spec.folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(lent) = identity {
            command.uid(lent.uid).gid(lent.uid);
        }
        Ok((command, signal))
    }

    fn launcher_alone(
        &self,
        spec: &ChildSpec,
        temporary: &Path,
        identity: Option<&Lent>,
    ) -> io::Result<Arguments> {
        let other_processes = match identity {
            // The supervisor.
            Some(_) => 1,
            None => identity::tasks_of_own_user()?.saturating_add(1),
        };
        let mut given = Arguments::default();
        given.one("--supervised-by", OsStr::new(&std::process::id().to_string()));
        let inside = Inside { temporary, namespaces: false, other_processes };
        given.0.extend(of_launcher(spec, &self.system, &inside).0);
        push_command(&mut given, spec);
        Ok(given)
    }
}

/// Makes the temporary folder and the writable ones, which the program's user gets.
fn prepare(
    base: &Path,
    folder: &Path,
    writable: &[PathBuf],
    uid: Option<u32>,
) -> Result<Scratch, ConfineError> {
    let scratch = Scratch::new(base)?;
    if folder.canonicalize()? != folder {
        let reason = format!("`{}` lies behind a link: give its real path", folder.display());
        return Err(ConfineError::InvalidSpec { reason });
    }
    for path in writable {
        make_folders(folder, path)?;
        if let Some(uid) = uid {
            identity::give(&folder.join(path), uid)?;
        }
    }
    if let Some(uid) = uid {
        identity::give(&scratch.files(), uid)?;
        identity::give(&scratch.shared_memory(), uid)?;
    }
    Ok(scratch)
}

/// Makes the folders of `path` below `folder`. A link among them would be
/// granted in their place.
fn make_folders(folder: &Path, path: &Path) -> Result<(), ConfineError> {
    let mut whole = folder.to_owned();
    for part in path {
        whole.push(part);
        match std::fs::symlink_metadata(&whole) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => {
                let reason = format!("`{}` is no folder: remove it", whole.display());
                return Err(ConfineError::InvalidSpec { reason });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => std::fs::create_dir(&whole)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Reads what a program prints until it ends, or until it meets a limit and is
/// ended.
async fn follow(
    mut running: Running,
    stdout: &mut Buffer,
    stderr: &mut Buffer,
    watched: Vec<PathBuf>,
    limits: &Limits,
) -> io::Result<(i32, Option<LimitHit>)> {
    let (mut out, mut err) = running.outputs()?;
    let mut reading = std::pin::pin!(async {
        tokio::join!(stdout.fill(&mut out), stderr.fill(&mut err));
    });
    let mut time = std::pin::pin!(tokio::time::sleep(limits.wall));
    let mut usage = std::pin::pin!(usage::exceeded(watched, limits));
    let mut read = false;
    let (status, limit) = loop {
        tokio::select! {
            biased;
            // The pipes end with the last process that could write to them, or
            // where all have closed them.
            () = &mut reading, if !read => read = true,
            status = running.wait(), if read => break (Some(status?), None),
            () = &mut time => break (None, Some(LimitHit::WallTime)),
            () = &mut usage => break (None, Some(LimitHit::Disk)),
        }
    };
    let status = match status {
        Some(status) => status,
        None => {
            running.end();
            let ended = async {
                if !read {
                    reading.await;
                }
                running.wait().await
            };
            let late = "a program that was told to end did not";
            let late = |_| io::Error::new(io::ErrorKind::TimedOut, late);
            tokio::time::timeout(GRACE, ended).await.map_err(late)??
        }
    };
    let code = status.code().unwrap_or(128 + Signal::SIGKILL as i32);
    let by_signal = |signal: Signal| code == 128 + signal as i32;
    let limit = limit
        .or(by_signal(Signal::SIGXCPU).then_some(LimitHit::CpuTime))
        .or(by_signal(Signal::SIGXFSZ).then_some(LimitHit::FileSize));
    Ok((code, limit))
}

/// What only looks as if the program had run.
fn refuse_unconfined(outcome: ChildOutcome) -> Result<ChildOutcome, ConfineError> {
    let said = outcome.stderr.text.trim();
    let failed = matches!(outcome.code, NOT_CONFINED | 1)
        && NOT_CONFINED_BY.iter().any(|prefix| said.starts_with(prefix));
    if failed { Err(ConfineError::NotConfined { reason: said.to_owned() }) } else { Ok(outcome) }
}
