//! A mock of model providers as a process of its own, for benchmarks.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use agentos_mock_provider::{Fault, MockProvider, Script};
use anyhow::{Context as _, Result};
use clap::Parser;
use serde_json::Value;

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
    /// The answer to requests that give a JSON schema
    #[arg(long, value_parser = json)]
    json: Option<Value>,
    /// A call that the model asks for after its text; repeatable
    #[arg(long = "tool-call", value_name = "NAME=JSON", value_parser = tool_call)]
    tool_calls: Vec<(String, Value)>,
    /// How many requests `GET /mock/requests` tells of, with how their answers ended
    #[arg(long, default_value_t = 0)]
    keep: usize,
}

/// Without this clap would take any text for a string.
fn json(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

fn tool_call(text: &str) -> Result<(String, Value), String> {
    let (name, arguments) = text.split_once('=').ok_or("write NAME=JSON")?;
    let arguments = json(arguments).map_err(|error| error.to_string())?;
    Ok((name.to_owned(), arguments))
}

// One thread, so that it takes one core at most from what is measured.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let mut script = Script::words(cli.chunks);
    script.gap = Duration::from_millis(cli.gap_ms);
    script.delay = Duration::from_millis(cli.delay_ms);
    script.fault = cli.fault;
    script.json = cli.json;
    for (number, (name, arguments)) in cli.tool_calls.into_iter().enumerate() {
        script = script.with_tool_call(&format!("call_{number}"), &name, arguments);
    }
    let provider = MockProvider::start_on(cli.listen, script)
        .await
        .with_context(|| format!("cannot listen on {}", cli.listen))?;
    // Usually nobody asks for them, and benchmarks are long.
    provider.keep(cli.keep);
    writeln!(std::io::stdout(), "{}", provider.address()).context("cannot say the address")?;
    tokio::signal::ctrl_c().await.context("cannot wait for a signal")?;
    provider.stop().await;
    Ok(())
}
