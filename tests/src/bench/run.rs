//! The whole benchmark, one part after the other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentos_domain::{Clock, SystemClock};
use agentos_generation::EngineError;
use agentos_link::TransportChoice;

use super::disk::Disk;
use super::error::BenchError;
use super::idle;
use super::link::{self, RoundTrips};
use super::machine::Machine;
use super::options::{Options, Rounds};
use super::report::Figures;
use super::steps::{self, Steps};
use super::system::Hub;
use super::tokens::{self, Tokens};
use super::tool_call::{self, ToolCalls};

/// What the benchmark found.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Where it ran.
    pub machine: Machine,
    /// The folder that held the databases; it is gone.
    pub folder: PathBuf,
    /// The model that generated the tokens.
    pub model: String,
    /// The figures.
    pub figures: Figures,
}

/// Everything as it was measured.
struct Measured {
    quic: RoundTrips,
    tcp: RoundTrips,
    steps: Steps,
    tool_calls: ToolCalls,
    tokens: Tokens,
    idle_bytes: u64,
}

/// Runs everything, and tells `progress` which part begins.
///
/// # Errors
/// Where a part cannot be measured. A missed aim is no error.
pub async fn run(options: &Options, progress: impl Fn(&str)) -> Result<Outcome, BenchError> {
    let rounds = options.rounds();
    // Before minutes of measuring.
    let program = idle::hub_program(options.hub_binary.as_deref())?;
    if let Some(model) = options.model.as_ref().filter(|model| !model.is_file()) {
        return Err(EngineError::NoModel { path: model.clone() }.into());
    }
    let parent = options.dir.clone().unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::Builder::new()
        .prefix("agentos-bench-")
        .tempdir_in(&parent)
        .map_err(|reason| BenchError::Folder { path: parent, reason })?;
    let machine = Machine::look(folder.path());

    progress("memory of the hub at idle");
    let idle_bytes = idle::measure(folder.path(), &program).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut disk = Disk::open(folder.path(), Arc::clone(&clock))?;
    progress("journaled steps");
    let steps = steps::measure(folder.path(), clock, rounds, &mut disk).await?;

    let hub = Hub::start(folder.path()).await?;
    let model = options.model.as_deref();
    let path = over_the_link(&hub, folder.path(), model, rounds, &mut disk, &progress).await;
    let stopped = hub.stop().await;
    let (quic, tcp, tool_calls, tokens) = path?;
    stopped?;

    let measured = Measured { quic, tcp, steps, tool_calls, tokens, idle_bytes };
    Ok(Outcome {
        figures: figures(&measured, &machine, options.quick),
        model: measured.tokens.model,
        folder: folder.path().to_owned(),
        machine,
    })
}

async fn over_the_link(
    hub: &Hub,
    folder: &Path,
    model: Option<&Path>,
    rounds: Rounds,
    disk: &mut Disk,
    progress: &impl Fn(&str),
) -> Result<(RoundTrips, RoundTrips, ToolCalls, Tokens), BenchError> {
    progress("link over QUIC and over TCP");
    let quic = link::measure(hub, TransportChoice::QuicOnly, rounds).await?;
    let tcp = link::measure(hub, TransportChoice::TcpOnly, rounds).await?;
    progress("tool calls over the link");
    let tool_calls = tool_call::measure(hub, rounds, disk).await?;
    progress("tokens, directly and through the path");
    let tokens = tokens::measure(hub, folder, model, rounds).await?;
    Ok((quic, tcp, tool_calls, tokens))
}

fn figures(measured: &Measured, machine: &Machine, quick: bool) -> Figures {
    let Measured { quic, tcp, steps, tool_calls, tokens, .. } = measured;
    let (direct, path) = (tokens.direct.p50(), tokens.path.p50());
    let kibibytes = u32::try_from(measured.idle_bytes / 1024).unwrap_or(u32::MAX);
    Figures {
        link_rtt_quic_us: rounded(quic.hub_to_edge.p50(), 1),
        link_rtt_quic_p99_us: rounded(quic.hub_to_edge.p99(), 1),
        link_rtt_quic_to_hub_us: rounded(quic.edge_to_hub.p50(), 1),
        link_rtt_tcp_us: rounded(tcp.hub_to_edge.p50(), 1),
        link_rtt_tcp_p99_us: rounded(tcp.hub_to_edge.p99(), 1),
        link_rtt_tcp_to_hub_us: rounded(tcp.edge_to_hub.p50(), 1),
        fsync_ms: rounded(steps.fsync.p50(), 3),
        step_p50_ms: rounded(steps.one_run.p50(), 3),
        step_p99_ms: rounded(steps.one_run.p99(), 3),
        step_p50_ms_50_runs: rounded(steps.runs_at_once.p50(), 3),
        step_p99_ms_50_runs: rounded(steps.runs_at_once.p99(), 3),
        steps_per_s: rounded(steps.per_second, 1),
        tool_call_fsync_ms: rounded(tool_calls.fsync.p50(), 3),
        tool_call_p50_ms: rounded(tool_calls.calls.p50(), 3),
        tool_call_p99_ms: rounded(tool_calls.calls.p99(), 3),
        tokens_ratio: rounded(path / direct, 4),
        tokens_per_s_direct: rounded(direct, 1),
        tokens_direct_spread: rounded(tokens.direct.spread(), 4),
        tokens_per_s_path: rounded(path, 1),
        answer_tokens: tokens.answer_tokens,
        hub_idle_mb: rounded(f64::from(kibibytes) * 1024.0 / 1e6, 2),
        cores: machine.cores,
        load_average: rounded(machine.load_average, 2),
        in_memory: machine.in_memory,
        quick,
    }
}

/// To so many places after the point.
fn rounded(value: f64, places: i32) -> f64 {
    let scale = 10_f64.powi(places);
    (value * scale).round() / scale
}
