//! A mock of model providers as a process of its own, for benchmarks.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use agentos_mock_provider::{Fault, MockProvider, Script};
use anyhow::{Context as _, Result};
use clap::Parser;

/// Answers in the shapes of OpenAI and Anthropic. The first line that it prints
/// is the address it listens on.
#[derive(Debug, Parser)]
struct Cli {
    /// The address to listen on; port 0 is any that is free
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Words in an answer, one in each chunk
    #[arg(long, default_value_t = 50)]
    chunks: usize,
    /// Between two chunks, in milliseconds
    #[arg(long, default_value_t = 0)]
    gap_ms: u64,
    /// From a request to the first byte of its answer, in milliseconds
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// What goes wrong: close, stall, error, malformed, drip, end, quota, credit
    /// or a status; then `@headers` or `@` and after how many chunks
    #[arg(long, value_name = "KIND@CHUNK")]
    fault: Option<Fault>,
}

// One thread, so that it takes one core at most from what is measured.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let mut script = Script::words(cli.chunks);
    script.gap = Duration::from_millis(cli.gap_ms);
    script.delay = Duration::from_millis(cli.delay_ms);
    script.fault = cli.fault;
    let provider = MockProvider::start_on(cli.listen, script)
        .await
        .with_context(|| format!("cannot listen on {}", cli.listen))?;
    // Nobody asks for them, and benchmarks are long.
    provider.keep(0);
    writeln!(std::io::stdout(), "{}", provider.address()).context("cannot say the address")?;
    tokio::signal::ctrl_c().await.context("cannot wait for a signal")?;
    provider.stop().await;
    Ok(())
}
