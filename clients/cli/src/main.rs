//! `agentos`, the command line of the hub.

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let code = runtime.block_on(agentos_cli::main(std::env::args_os()));
    // A read of the terminal may hang for ever: it must not keep the program alive.
    runtime.shutdown_background();
    Ok(code)
}
