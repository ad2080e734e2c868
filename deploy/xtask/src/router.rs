//! The tier decision: its weights and its evaluation. Both are programs of
//! their own, so that xtask stays quick to build.

use anyhow::Result;

use crate::stages;

const PACKAGE: &str = "agentos-router-eval";

/// `cargo xtask fit-router`: makes the weights from the project's requests.
pub(crate) fn fit(args: &[&str]) -> Result<u8> {
    stages::build_and_run(PACKAGE, "fit-router", args)
}

/// `cargo xtask eval-router`: measures the decision, also on public data.
pub(crate) fn eval(args: &[&str]) -> Result<u8> {
    stages::build_and_run(PACKAGE, "eval-router", args)
}
