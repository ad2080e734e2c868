//! Network namespaces of Linux: two machines in one.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, anyhow, ensure};
use nix::sched::{CloneFlags, setns};

/// A network namespace, removed when this is dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// A new one, with its loopback device up and a name that no other has.
    ///
    /// # Errors
    /// If this machine or this user cannot have one.
    pub fn new(purpose: &str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("aos{}-{number}-{purpose}", std::process::id());
        ip(&["netns", "add", &name])?;
        let namespace = Self { name };
        namespace.ip(&["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Joins two namespaces by a cable; both ends are called `cable`.
    ///
    /// # Errors
    /// If this machine has no such devices.
    pub fn join(a: &Self, b: &Self) -> Result<()> {
        ip(&[
            "link", "add", "cable", "netns", &a.name, "type", "veth", "peer", "name", "cable",
            "netns", &b.name,
        ])?;
        a.ip(&["link", "set", "cable", "up"])?;
        b.ip(&["link", "set", "cable", "up"])
    }

    /// Runs `ip` in it.
    ///
    /// # Errors
    /// If `ip` fails; with what it said.
    pub fn ip(&self, args: &[&str]) -> Result<()> {
        let mut all = vec!["-n", self.name.as_str()];
        all.extend(args);
        ip(&all)
    }

    /// The thread that calls this lives in the namespace from now on.
    fn enter(&self) -> Result<()> {
        let path = PathBuf::from("/run/netns").join(&self.name);
        let file = File::open(&path).with_context(|| format!("no {}", path.display()))?;
        setns(file, CloneFlags::CLONE_NEWNET).context("cannot enter a network namespace")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // A drop has nobody to tell.
        let _ = ip(&["netns", "del", &self.name]);
    }
}

/// Runs `work` on a thread that lives in the namespace; what it opens or
/// starts lives there too.
///
/// # Errors
/// If the namespace cannot be entered, or `work` fails.
pub fn inside<T: Send>(
    namespace: &Namespace,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            namespace.enter()?;
            work()
        });
        thread.join().map_err(|_| anyhow!("the work in a network namespace panicked"))?
    })
}

fn ip(args: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(args).output().context("there is no `ip`")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {}: {}", args.join(" "), said.trim());
    Ok(())
}
