//! AgentDojo against the policy. The manifests of its tools (`manifests.json`)
//! are written from the tools' documentation: what they do, who writes what they
//! answer, what their arguments decide.

mod policies;
mod session;

use agentos_domain::ToolSpec;

pub use policies::Policy;
pub use session::{Request, Session};

/// The manifests of AgentDojo's tools.
///
/// # Errors
/// Where the file is no list of manifests.
pub fn manifests() -> serde_json::Result<Vec<ToolSpec>> {
    serde_json::from_str(include_str!("../manifests.json"))
}
