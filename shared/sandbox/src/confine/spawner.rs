//! A thread that starts programs. The kernel tells a program that its parent
//! has died when the *thread* that started it ends; threads of the runtime may
//! end any time, this one does when the process does.

use std::io;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Requests that may wait.
const WAITING: usize = 64;

struct Request {
    command: Command,
    signal: Signal,
    runtime: Handle,
    answer: oneshot::Sender<io::Result<Running>>,
}

/// Starts programs.
#[derive(Debug)]
pub(super) struct Spawner {
    requests: SyncSender<Request>,
}

/// A program that runs. Dropping this ends it.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    /// What makes it end all that it started, and itself.
    signal: Signal,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

impl Running {
    /// Its outputs; there once.
    pub(super) fn outputs(&mut self) -> io::Result<(ChildStdout, ChildStderr)> {
        let outputs = self.child.stdout.take().zip(self.child.stderr.take());
        outputs.ok_or_else(|| io::Error::other("the outputs were taken before"))
    }

    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Tells it to end. Its number is nobody else's as long as it was not waited for.
    pub(super) fn end(&self) {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(pid), self.signal);
        }
    }
}

impl Spawner {
    pub(super) fn start() -> io::Result<Self> {
        let (requests, waiting) = sync_channel(WAITING);
        let work = move || serve(&waiting);
        std::thread::Builder::new().name("spawner".to_owned()).spawn(work)?;
        Ok(Self { requests })
    }

    /// Starts `command`, which ends with all that it started when it gets `signal`.
    pub(super) async fn spawn(&self, command: Command, signal: Signal) -> io::Result<Running> {
        let (answer, answered) = oneshot::channel();
        let request = Request { command, signal, runtime: Handle::current(), answer };
        let gone = || io::Error::other("the thread that starts programs has ended");
        // Starting one takes a millisecond: the channel is full only for moments.
        self.requests.try_send(request).map_err(|error| io::Error::other(error.to_string()))?;
        answered.await.map_err(|_| gone())?
    }
}

fn serve(requests: &Receiver<Request>) {
    while let Ok(Request { mut command, signal, runtime, answer }) = requests.recv() {
        let _entered = runtime.enter();
        let running = command.spawn().map(|child| Running { child, signal });
        // Nobody waits any more: what was started ends with the answer.
        drop(answer.send(running));
    }
}
