//! A hub under test.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail};

use super::client::Client;
use super::place::Place;
use super::process::{Launch, Process};
use super::wait::eventually;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Below those that systems give to outgoing connections: a port stays free
/// while its hub restarts.
const PORTS: std::ops::Range<u32> = 12_000..32_000;

/// Where a hub listens.
#[derive(Debug, Clone, Copy)]
pub struct HubPorts {
    /// Its API.
    pub api: SocketAddr,
    /// Where edges dial.
    pub link: SocketAddr,
}

impl HubPorts {
    /// Free ones of this machine.
    ///
    /// # Errors
    /// If there are none.
    pub fn free() -> Result<Self> {
        Ok(Self { api: free(LOCAL)?, link: free(LOCAL)? })
    }

    /// Fixed ones, for a namespace that has no other hub.
    #[must_use]
    pub fn fixed(link: IpAddr) -> Self {
        Self { api: SocketAddr::new(LOCAL, 7777), link: SocketAddr::new(link, 7443) }
    }
}

/// An address with a port that is free for both TCP and UDP.
fn free(ip: IpAddr) -> Result<SocketAddr> {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    for _ in 0..1000 {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        // Test processes that run side by side begin far apart.
        let offset = std::process::id().wrapping_mul(7919).wrapping_add(tried);
        let port = PORTS.start + offset % (PORTS.end - PORTS.start);
        let address = SocketAddr::new(ip, u16::try_from(port)?);
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no free port")
}

/// A hub that can be killed and started again over the same data.
pub struct Hub {
    place: Arc<Place>,
    launch: Launch,
    /// Its data folder.
    pub data: PathBuf,
    /// Where it listens.
    pub ports: HubPorts,
    process: Option<Process>,
}

impl Hub {
    /// One that is not started yet.
    pub fn new(
        place: &Arc<Place>,
        program: &Path,
        data: PathBuf,
        ports: HubPorts,
        args: &[&str],
    ) -> Self {
        let (folder, api, link) =
            (data.display().to_string(), ports.api.to_string(), ports.link.to_string());
        let fixed = ["serve", "--data", &folder, "--listen", &api, "--link-listen", &link];
        let mut launch = Launch::new("hub", program, fixed);
        launch.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        Self { place: Arc::clone(place), launch, data, ports, process: None }
    }

    /// Puts it into a network namespace.
    #[cfg(target_os = "linux")]
    pub fn live_in(&mut self, namespace: &Arc<super::namespace::Namespace>) {
        self.launch.namespace = Some(Arc::clone(namespace));
    }

    /// Sets a variable of its environment, from its next start on; or takes it
    /// away.
    pub fn set_env(&mut self, name: &str, value: Option<String>) {
        self.launch.set_env(name, value);
    }

    /// Starts it without waiting for anything.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn launch(&mut self) -> Result<()> {
        self.process = Some(Process::start(&self.place, &self.launch)?);
        Ok(())
    }

    /// Starts it and waits until its API answers.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn start(&mut self) -> Result<Client> {
        self.launch()?;
        let (data, api) = (self.data.join("admin.key"), self.ports.api);
        let process = self.process()?;
        let client = eventually("the hub's API", async || {
            if !process.is_running()? {
                return Ok(Some(Err(anyhow::anyhow!("the hub ended:\n{}", process.output()))));
            }
            let client = Client::new(api, std::fs::read_to_string(&data)?.trim())?;
            client.health().await?;
            Ok(Some(Ok(client)))
        });
        client.await?
    }

    /// Its process.
    ///
    /// # Errors
    /// If it was never started, or is killed.
    pub fn process(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("the hub does not run")
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// If it does not run.
    pub fn kill(&mut self) -> Result<()> {
        self.process()?.kill()
    }
}
