//! `agentos-launcher`: confines itself as its arguments say, then becomes the
//! program that they name. In this order: files (Landlock), limits, descriptors,
//! environment, system calls (seccomp), exec. Where a step fails, it says which
//! on standard error, ends with code 125, and nothing has run.

#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod filter;
#[cfg(target_os = "linux")]
mod policy;
#[cfg(target_os = "linux")]
mod system;

use std::io::Write as _;
use std::process::ExitCode;

/// The exit code where confinement could not be established.
const NOT_CONFINED: u8 = 125;

/// Which step failed, and why.
struct Failed(&'static str, String);

/// What went wrong in the step `step`.
#[cfg(target_os = "linux")]
fn at<E: std::fmt::Display>(step: &'static str) -> impl Fn(E) -> Failed {
    move |error| Failed(step, error.to_string())
}

fn main() -> ExitCode {
    let Failed(step, reason) = match run() {
        Ok(code) => return ExitCode::from(code),
        Err(failed) => failed,
    };
    // Nothing is left to do if even standard error is gone.
    let _ = writeln!(std::io::stderr(), "agentos-launcher: {step}: {reason}");
    ExitCode::from(NOT_CONFINED)
}

#[cfg(not(target_os = "linux"))]
fn run() -> Result<u8, Failed> {
    Err(Failed("platform", "only Linux has Landlock and seccomp".to_owned()))
}

#[cfg(target_os = "linux")]
fn run() -> Result<u8, Failed> {
    let policy = policy::Policy::parse(std::env::args_os().skip(1))?;
    if nix::unistd::geteuid().is_root() {
        let advice = "the user is root, whom no limit holds: start it as another user";
        return Err(Failed("user", advice.to_owned()));
    }
    if let Some(parent) = policy.supervised_by
        && let Some(child) = agentos_supervisor::split(parent).map_err(at("supervisor"))?
    {
        return Ok(agentos_supervisor::until_the_end(child));
    }
    files::confine(&policy)?;
    for (resource, most) in &policy.limits {
        let (_, hard) = nix::sys::resource::getrlimit(*resource).map_err(at("limits"))?;
        // A second more than what it is told of: it gets SIGXCPU, then SIGKILL.
        let more = u64::from(*resource == nix::sys::resource::Resource::RLIMIT_CPU);
        let (soft, hard) = ((*most).min(hard), most.saturating_add(more).min(hard));
        nix::sys::resource::setrlimit(*resource, soft, hard).map_err(at("limits"))?;
    }
    system::close_from(3).map_err(at("descriptors"))?;
    filter::install(policy.proxied)?;
    // The environment is that of the policy alone.
    match nix::unistd::execve(&policy.command[0], &policy.command, &policy.environment) {
        Ok(never) => match never {},
        Err(error) => Err(Failed("exec", error.to_string())),
    }
}
