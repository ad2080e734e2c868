//! The programs that are asked, each a process of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use agentos_domain::{Clock as _, SystemClock};
use anyhow::{Context as _, Result, bail, ensure};

use crate::client::Client;
use crate::options::{CHUNKS, Programs};
use crate::process::Process;
use crate::request::{Asked, Kind};

/// The key that the bare proxy wants, and that the provider is given.
const KEY: &str = "sk-measured";
/// The model behind all names: one whose price is known.
const MODEL: &str = "gpt-4o-mini";
/// The longest that a program may take to start.
const START: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// Nothing but the gateway limits what is measured. What a call costs counts
/// against a budget that is never used up.
fn config(provider: SocketAddr) -> String {
    format!(
        "\
limits:
  requests_per_minute_per_key: 1000000
  requests_per_minute_per_address: 1000000
  burst: 100000
  connections: 4096
logging: {{path: agent.log}}
models:
  model_list:
    - model_name: free
      litellm_params:
        {{model: openai/{MODEL}, api_base: 'http://{provider}/v1', api_key: {KEY}}}
      model_info: {{location: local}}
    - model_name: priced
      litellm_params:
        {{model: openai/{MODEL}, api_base: 'http://{provider}/v1', api_key: {KEY}}}
      model_info: {{location: cloud}}
router:
  budget_manager: {{enabled: true, monthly_budget_usd: 1000000}}
  max_concurrent: 4096
"
    )
}

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// The provider itself.
    Direct,
    /// The bare proxy.
    Bare,
    /// The hub, for a model that costs nothing.
    Free,
    /// The hub, for a model under a budget.
    Priced,
}

impl Who {
    /// In the order in which the first round asks them.
    pub(crate) const ALL: [Self; 4] = [Self::Direct, Self::Bare, Self::Free, Self::Priced];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Bare => "bare proxy",
            Self::Free => "hub, free",
            Self::Priced => "hub, priced",
        }
    }

    fn model(self) -> &'static str {
        match self {
            Self::Direct | Self::Bare => MODEL,
            Self::Free => "free",
            Self::Priced => "priced",
        }
    }
}

/// One program, and how it is asked.
struct Program {
    process: Process,
    client: Client,
    address: SocketAddr,
    key: String,
}

/// All programs.
pub(crate) struct World {
    provider: Program,
    proxy: Program,
    hub: Program,
}

impl World {
    /// Starts them, with the hub's data in `folder`.
    pub(crate) async fn start(programs: &Programs, folder: &Path) -> Result<Self> {
        let chunks = CHUNKS.to_string();
        let (process, line) =
            Process::start_and_listen(&programs.provider, &["--chunks", &chunks])?;
        let provider = program(process, &line, KEY)?;
        let base = format!("http://{}", provider.address);
        let args = ["--upstream", &base, "--key", KEY, "--model", MODEL];
        let (process, line) = Process::start_and_listen(&programs.proxy, &args)?;
        let proxy = program(process, &line, KEY)?;
        let hub = start_hub(&programs.hub, folder, provider.address).await?;
        Ok(Self { provider, proxy, hub })
    }

    fn program(&self, who: Who) -> &Program {
        match who {
            Who::Direct => &self.provider,
            Who::Bare => &self.proxy,
            Who::Free | Who::Priced => &self.hub,
        }
    }

    /// What a target is asked, and through which connections.
    pub(crate) fn asked(&self, who: Who, kind: Kind) -> (Client, Asked) {
        let Program { client, address, key, .. } = self.program(who);
        (client.clone(), Asked::new(*address, key, who.model(), kind))
    }

    /// The process whose time and memory a target takes.
    pub(crate) fn process(&self, who: Who) -> &Process {
        &self.program(who).process
    }
}

fn program(process: Process, address: &str, key: &str) -> Result<Program> {
    let address: SocketAddr = address.parse().with_context(|| format!("no address: {address}"))?;
    Ok(Program { process, client: Client::new(address), address, key: key.to_owned() })
}

async fn start_hub(binary: &Path, folder: &Path, provider: SocketAddr) -> Result<Program> {
    let (file, data) = (folder.join("agent_os.yaml"), folder.join("hub"));
    std::fs::write(&file, config(provider))?;
    let (file, shown) = (file.display().to_string(), data.display().to_string());
    let any = "127.0.0.1:0";
    let args = ["serve", "--config", &file, "--data", &shown, "--listen", any];
    let args: Vec<&str> = args.into_iter().chain(["--link-listen", any]).collect();
    let mut process = Process::start(binary, &args)?;
    let begin = SystemClock.monotonic();
    loop {
        ensure!(!process.has_ended()?, "the hub ended: see {}", data.display());
        let read = |name: &str| std::fs::read_to_string(data.join(name)).unwrap_or_default();
        let (key, address) = (read("admin.key"), read("api.addr"));
        if !key.trim().is_empty() && !address.trim().is_empty() {
            return program(process, address.trim(), key.trim());
        }
        if SystemClock.monotonic().saturating_sub(begin) > START {
            bail!("the hub did not start within {} s", START.as_secs());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
