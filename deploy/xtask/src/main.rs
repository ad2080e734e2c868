//! `cargo xtask`: sets everything up, shows it, tests it. Needs nothing but
//! Rust, and builds in seconds: no runtime, no HTTP library.

mod account;
mod cargo;
mod clock;
mod contract;
mod coverage;
mod daemon;
mod dojo;
mod http;
mod openai;
mod ports;
mod router;
mod run;
mod run_dir;
mod sample;
mod say;
mod stages;
mod toolchain;
mod venv;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask COMMAND

run [--once] [--model PATH] [--task TEXT] [--release]
    Builds everything, starts a hub and an edge on this machine, enrols the
    edge, uploads sample documents and runs a task on them. Stays up until
    Ctrl-C; --once ends after the task.
      --model PATH  a GGUF file (or AGENT_OS_MODEL=PATH); without it the
                    pocket model inside the edge answers, a demonstration
      --task TEXT   what to ask
      --release     optimised builds
    Data lies in AGENT_OS_RUN_DIR (default: /var/lib/agentos/run for root,
    else ~/.local/share/agentos/run); a second run uses it again.

test [--fast]
    All that CI runs: formatting, lints, documentation, the contract, OpenAI's
    client, tests. --fast leaves out the documentation, the contract, OpenAI's
    client and the end-to-end tests.

contract [--full] [--seed N]
    Holds a running hub against its own OpenAPI description by schemathesis,
    and its metrics against promtool. Needs Python, and the network once.
      --full    more requests, and sequences of them: up to 10 minutes
      --seed N  other requests than usual; a failure names its seed

openai
    Has OpenAI's own Python package, unchanged, use a running hub whose models
    are mocks of two providers. Needs Python, and the network once.

coverage
    The share of the lines of the configuration and the API that their tests
    reach; fails under 90 %. The last line is JSON. Needs cargo-llvm-cov.

sim [--seeds N] [--from SEED] [--seed SEED] [--release]
    Simulates hub and edges in virtual time, with crashes, power loss and a bad
    network (default: 1000 seeds); the last line is JSON. --seed SEED runs one
    and prints all that happens in it; --release builds for minutes and runs in
    less time.

bench system [ARGS]
    Measures link, journal, engine and memory; the last line is JSON.

bench engine [--quick] [--check]
    Measures, with real processes, a restart over a large journal, the way from
    an approval to the tool, a long queue, runs that wait for people, and steps;
    the last line is JSON. --quick is a look of seconds; --check fails where an
    aim that is a ratio or a size is missed.

bench auth [--rounds N] [--check]
    Measures the processor time that authentication adds to a request, by kind
    of credential; the last line is JSON. --check fails where it is over 30 µs.

bench gateway [--release] [--quick] [--check] [--requests N]
    Measures what the gateway adds to a call of a model, beside a bare proxy in
    the same run: processor time, latency, memory; the last line is JSON.
      --quick       a look of seconds
      --check       fails where a request failed, or where the hub takes more
                    than six times the processor time of the bare proxy
      --requests N  requests over which memory is watched (default: 100,000)
      --release     the builds that are shipped; builds for minutes

bench sandbox [--release] [--runs N] [--check]
    Measures what confining a program adds to starting it, by the launcher alone
    and with bubblewrap; the last line is JSON. --check fails where it is more
    than is aimed at.

chaos [--kills N] [--seed S] [--keep] [--json]
    Kills hub and edge at every crash point and anywhere else, stops them, cuts
    them off, moves them and fills the disk, all under load, and checks that
    nothing is lost or done twice; the last line is JSON.
      --kills N  so many kills (default: 200, or five at each crash point)
      --seed S   the same load and the same faults as a run before
      --keep     keeps logs and history also where nothing is wrong
      --json     the JSON line alone

eval-dojo [--only NAME] [--show] [--check]
    Has an agent that obeys every injection run AgentDojo's attacks against the
    policy, at several strictnesses; the last line is JSON. Needs Python, and the
    network once.
      --only NAME  one strictness of the curve, such as Q5
      --show       what is asked, and why
      --check      fails where an attack succeeds

eval-pocket [ARGS]
    Runs requests through a small model that drives the tools for files, and
    judges its calls and answers; the last line is JSON.
      --model FILE     a GGUF file (default: edge/pocket/pocket.gguf)
      --requests FILE  what to ask (default: edge/pocket/evaluation/held_out.json)
      --limit N        only so many requests
      --show N         print so many failures; --all-failures prints all
      --help           all options

eval-router [--data PATH]
    Measures the decision between the fast and the smart tier: on RouteLLM's
    public data beside prompt length and chance, and on the project's own
    requests; the last line is JSON. Public data that is absent is skipped.
      --data PATH  that data (default: ../shared/data/routellm)

fit-router [--check]
    Makes the weights of that decision from hub/tiering/data/requests.jsonl, and
    reports how well requests are judged that they were not made from.
      --check  only report

help
    This text.

Builds go to CARGO_TARGET_DIR, or to ~/.cache/agentos/target, which every
clone shares. What llama.cpp needs to build (cmake, a C++ compiler, libclang)
is checked first, and installed if you agree.
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say::problem(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs a command; gives the exit code.
fn dispatch(args: &[String]) -> Result<u8> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["run", rest @ ..] => run::run(&run::Options::parse(rest)?),
        ["test"] => stages::test(false),
        ["test", "--fast"] => stages::test(true),
        ["contract", rest @ ..] => contract::run(&contract::Options::parse(rest)?),
        ["openai"] => openai::run(),
        ["coverage"] => coverage::run(),
        ["bench", "system", rest @ ..] => stages::bench(rest),
        ["bench", "engine", rest @ ..] => stages::bench_engine(rest),
        ["bench", "auth", rest @ ..] => stages::bench_auth(rest),
        ["bench", "gateway", rest @ ..] => stages::bench_gateway(rest),
        ["bench", "sandbox", rest @ ..] => stages::bench_sandbox(rest),
        ["chaos", rest @ ..] => stages::chaos(rest),
        ["eval-dojo", rest @ ..] => dojo::eval(rest),
        ["eval-pocket", rest @ ..] => stages::eval_pocket(rest),
        ["eval-router", rest @ ..] => router::eval(rest),
        ["fit-router", rest @ ..] => router::fit(rest),
        ["sim", rest @ ..] => stages::sim(rest),
        [] | ["help" | "--help" | "-h", ..] => {
            say::raw(HELP);
            Ok(0)
        }
        other => bail!("`{}` is no command: see `cargo xtask help`", other.join(" ")),
    }
}
