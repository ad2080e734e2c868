//! The steps.

mod files;
mod filter;
mod policy;
mod system;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::Failed;

/// What went wrong in the step `step`.
fn at<E: std::fmt::Display>(step: &'static str) -> impl Fn(E) -> Failed {
    move |error| Failed(step, error.to_string())
}

/// All steps in their order; returns only where one fails, or as the supervisor.
pub(crate) fn run() -> Result<u8, Failed> {
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
    for (resource, most) in policy.limits.iter().chain(&[(Resource::RLIMIT_CORE, 0)]) {
        let (_, hard) = getrlimit(*resource).map_err(at("limits"))?;
        // A second more than what it is told of: it gets SIGXCPU, then SIGKILL.
        let more = u64::from(*resource == Resource::RLIMIT_CPU);
        let (soft, hard) = ((*most).min(hard), most.saturating_add(more).min(hard));
        setrlimit(*resource, soft, hard).map_err(at("limits"))?;
    }
    system::close_from(3).map_err(at("descriptors"))?;
    filter::install(policy.proxied)?;
    // The environment is that of the policy alone.
    match nix::unistd::execve(&policy.command[0], &policy.command, &policy.environment) {
        Ok(never) => match never {},
        Err(error) => Err(Failed("exec", error.to_string())),
    }
}
