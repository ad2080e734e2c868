//! All that CI runs, stage by stage, the benchmarks and the evaluation.

use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo::{self, cargo};
use crate::{clock, contract, openai, say, toolchain};

/// The target of an Apple silicon Mac.
const MAC: &str = "aarch64-apple-darwin";

/// Runs the stages. The tests come last, so that the last line is their own
/// summary.
pub(crate) fn test(fast: bool) -> Result<u8> {
    say::stage("tool chain");
    toolchain::ensure(true)?;
    if !fast {
        toolchain::ensure_contract()?;
    }
    let mut stages: Vec<(&str, Vec<&str>)> = vec![
        ("format", vec!["fmt", "--all", "--check"]),
        ("lints", vec!["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    ];
    if !fast {
        stages.push(("documentation", vec!["doc", "--workspace", "--no-deps"]));
        if cfg!(target_os = "macos") {
            say::line("macOS: this is one, so every stage checks it");
        } else if has_mac_target() {
            // Other crates compile C, for which a Mac's headers are needed.
            stages.push(("types on macOS", vec!["check", "--package", "xtask", "--target", MAC]));
        } else {
            say::line(&format!("macOS type check: skipped, `rustup target add {MAC}` enables it"));
        }
    }
    // The end-to-end tests start the binaries.
    stages.push(("binaries", vec!["build", "--workspace", "--bins"]));
    let mut tests = if has_nextest() {
        vec!["nextest", "run", "--workspace"]
    } else {
        say::line("cargo-nextest is not installed: the tests run by `cargo test`");
        vec!["test", "--workspace"]
    };
    if fast {
        tests.extend(["--exclude", "agentos-tests", "--exclude", "agentos-gateway-bench"]);
    }
    for (name, args) in &stages {
        let code = stage(name, args)?;
        if code != 0 {
            return Ok(code);
        }
    }
    if !fast {
        // The one feature that the other stages leave out.
        let traces = ["test", "--package", "agentos-telemetry", "--features", "otel"];
        let code = stage("traces", &traces)?;
        if code != 0 {
            return Ok(code);
        }
        let built = cargo::binaries(false)?;
        let options = contract::Options::default();
        let code = contract::check(&built.join("agentos-hub"), &options)?;
        if code != 0 {
            return Ok(code);
        }
        let code = openai::check(&built)?;
        if code != 0 {
            return Ok(code);
        }
    }
    stage("tests", &tests)
}

fn stage(name: &str, args: &[&str]) -> Result<u8> {
    let line = format!("cargo {}", args.join(" "));
    say::stage(&format!("{name}: {line}"));
    let begin = clock::now();
    let mut command = cargo(args)?;
    let flags = if name == "documentation" { "RUSTDOCFLAGS=-Dwarnings " } else { "" };
    if !flags.is_empty() {
        command.env("RUSTDOCFLAGS", "-D warnings");
    }
    let status = command.status().context("cargo could not be started")?;
    let seconds = (clock::now() - begin).as_secs();
    if status.success() {
        if name != "tests" {
            say::line(&format!("{name}: ok, {seconds} s"));
        }
        return Ok(0);
    }
    let target = cargo::target_dir(&|name| std::env::var_os(name))?;
    say::problem(&format!(
        "{name}: FAILED after {seconds} s; repeat it with\n  CARGO_TARGET_DIR={} {flags}{line}",
        target.display()
    ));
    Ok(exit_code(status.code()))
}

/// `cargo xtask bench system`: builds and runs the benchmark.
pub(crate) fn bench(args: &[&str]) -> Result<u8> {
    toolchain::ensure(false)?;
    cargo::build(&["agentos-hub", "agentos-edge", "agentos-tests"], false)?;
    run_of_tests("bench-system", args)
}

/// `cargo xtask bench engine`: builds that benchmark and the programs that it
/// starts, and runs it.
pub(crate) fn bench_engine(args: &[&str]) -> Result<u8> {
    toolchain::ensure(false)?;
    let mut build = vec!["build", "--package", "agentos-tests"];
    build.extend(["--bin", "bench-engine", "--bin", "hub-under-test", "--bin", "probed-edge"]);
    match stage("build", &build)? {
        0 => run_of_tests("bench-engine", args),
        code => Ok(code),
    }
}

/// `cargo xtask bench auth`: builds and runs that benchmark.
pub(crate) fn bench_auth(args: &[&str]) -> Result<u8> {
    toolchain::ensure(false)?;
    match stage("build", &["build", "--package", "agentos-tests", "--bin", "bench-auth"])? {
        0 => run_of_tests("bench-auth", args),
        code => Ok(code),
    }
}

/// `cargo xtask bench gateway`: builds that benchmark and the programs that it
/// starts, and runs it.
pub(crate) fn bench_gateway(args: &[&str]) -> Result<u8> {
    toolchain::ensure(false)?;
    let (release, args) = without_release(args);
    match build("agentos-gateway-bench", release)? {
        0 => run_as("agentos-gateway-bench", "bench-gateway", release, &args),
        code => Ok(code),
    }
}

/// `cargo xtask bench sandbox`: builds that benchmark and the launcher, and runs
/// it.
pub(crate) fn bench_sandbox(args: &[&str]) -> Result<u8> {
    toolchain::ensure(true)?;
    let (release, args) = without_release(args);
    for package in ["agentos-launcher", "agentos-supervisor", "agentos-escape"] {
        match build(package, release)? {
            0 => {}
            code => return Ok(code),
        }
    }
    run_as("agentos-escape", "bench-sandbox", release, &args)
}

/// `cargo xtask chaos`: builds what is harmed and what harms it, and runs it.
pub(crate) fn chaos(args: &[&str]) -> Result<u8> {
    toolchain::ensure(false)?;
    let mut build = vec!["build", "--package", "agentos-tests"];
    for program in ["hub-under-test", "chaos-edge", "chaos"] {
        build.extend(["--bin", program]);
    }
    match stage("build", &build)? {
        0 => run_of_tests("chaos", args),
        code => Ok(code),
    }
}

/// `cargo xtask eval-pocket`: builds and runs the evaluation.
pub(crate) fn eval_pocket(args: &[&str]) -> Result<u8> {
    toolchain::ensure(false)?;
    let build = ["build", "--package", "agentos-tests", "--bin", "eval-pocket"];
    match stage("build", &build)? {
        0 => run_of_tests("eval-pocket", args),
        code => Ok(code),
    }
}

/// Builds a program that needs nothing but Rust, and runs it.
pub(crate) fn build_and_run(package: &str, program: &str, args: &[&str]) -> Result<u8> {
    match stage("build", &["build", "--package", package, "--bin", program])? {
        0 => run_of(package, program, args),
        code => Ok(code),
    }
}

/// `cargo xtask sim`: builds and runs the simulator.
pub(crate) fn sim(args: &[&str]) -> Result<u8> {
    toolchain::ensure(false)?;
    let (release, args) = without_release(args);
    match build("agentos-sim", release)? {
        0 => run_as("agentos-sim", "sim", release, &args),
        code => Ok(code),
    }
}

/// Whether `--release` is among the arguments, and the others.
fn without_release<'a>(args: &[&'a str]) -> (bool, Vec<&'a str>) {
    let (release, others): (Vec<&str>, Vec<_>) = args.iter().partition(|arg| **arg == "--release");
    (!release.is_empty(), others)
}

fn build(package: &str, release: bool) -> Result<u8> {
    let mut line = vec!["build", "--package", package, "--bins"];
    line.extend(release.then_some("--release"));
    stage("build", &line)
}

/// Runs a program of the tests, and builds it where it is not.
fn run_of_tests(program: &str, args: &[&str]) -> Result<u8> {
    run_of("agentos-tests", program, args)
}

fn run_of(package: &str, program: &str, args: &[&str]) -> Result<u8> {
    run_as(package, program, false, args)
}

fn run_as(package: &str, program: &str, release: bool, args: &[&str]) -> Result<u8> {
    let mut line = vec!["run", "--quiet", "--package", package, "--bin", program];
    line.extend(release.then_some("--release"));
    line.push("--");
    line.extend(args);
    let status = cargo(&line)?.status().context("cargo could not be started")?;
    Ok(exit_code(status.code()))
}

/// What a shell would see; a signal is a failure.
fn exit_code(code: Option<i32>) -> u8 {
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

fn has_nextest() -> bool {
    let output = cargo(&["nextest", "--version"]).and_then(|mut command| Ok(command.output()?));
    output.is_ok_and(|output| output.status.success())
}

fn has_mac_target() -> bool {
    let output = Command::new("rustup").args(["target", "list", "--installed"]).output();
    output.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).lines().any(|line| line == MAC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_is_chosen_and_the_rest_handed_on() {
        assert_eq!(without_release(&["--seeds", "5"]), (false, vec!["--seeds", "5"]));
        assert_eq!(without_release(&["--quick", "--release"]), (true, vec!["--quick"]));
    }

    #[test]
    fn exit_codes_are_handed_on_and_signals_are_failures() {
        assert_eq!(exit_code(Some(100)), 100);
        assert_eq!(exit_code(None), 1);
        assert_eq!(exit_code(Some(-1)), 1);
    }
}
