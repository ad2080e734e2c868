//! What a tool is, and what it is given.

use std::sync::Arc;

use agentos_domain::{ToolError, ToolSpec};
use agentos_sandbox::GrantedRoot;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// What a call may use.
#[derive(Debug, Clone)]
pub struct ToolContext {
    /// The files of the run.
    pub root: Arc<GrantedRoot>,
    /// The same for every repetition of one call, different for different calls.
    pub idempotency_key: String,
    /// Ends the call early.
    pub cancel: CancellationToken,
}

/// Something that an agent can call.
#[async_trait::async_trait]
pub trait Tool: Send + Sync + 'static {
    /// The tool's declaration; always the same.
    fn spec(&self) -> &ToolSpec;

    /// Performs a call. The arguments fit the declared schema. Dropping the
    /// future ends the call, as `context.cancel` does.
    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<Value, ToolError>;
}
