//! How the tools get out.

use std::sync::Arc;

use agentos_domain::ToolError;
use agentos_egress::{
    AddressRules, AllowList, Credentials, EgressPolicy, FetchLimits, FetchRequest, Fetched,
    Fetcher, Host, Resolver, Subject, TlsConfig,
};
use url::Url;

use crate::{ToolContext, blocking};

/// The way out of one run.
#[derive(Debug, Clone)]
pub struct Web {
    /// Under the policy of the run.
    pub fetcher: Fetcher,
    /// On whose behalf.
    pub subject: Subject,
}

/// Knows the way out of the run that a call belongs to.
pub trait WebAccess: Send + Sync + 'static {
    /// The way out.
    ///
    /// # Errors
    /// The run has none.
    fn of(&self, context: &ToolContext) -> Result<Web, ToolError>;
}

impl WebAccess for Web {
    /// The same for every call.
    fn of(&self, _context: &ToolContext) -> Result<Web, ToolError> {
        Ok(self.clone())
    }
}

/// Fetches, unless the call is ended before.
pub(super) async fn fetch(
    fetcher: &Fetcher,
    request: &FetchRequest,
    context: &ToolContext,
) -> Result<Fetched, ToolError> {
    let fetching = Box::pin(fetcher.fetch(request));
    let fetched = context.cancel.run_until_cancelled(fetching).await;
    Ok(fetched.ok_or_else(blocking::cancelled)??)
}

/// A way to one service that the configuration names, and to nothing else.
/// Named by a person, it may be in the home network.
pub(super) fn to_service(
    base: &Url,
    credentials: Credentials,
    tls: &TlsConfig,
    resolver: Arc<dyn Resolver>,
    limits: FetchLimits,
) -> Result<Fetcher, ToolError> {
    let unusable = || {
        let message = "the configured address is unusable: write one that begins with https://";
        ToolError::new("not_configured", message)
    };
    let host = Host::of(base).map_err(|_| unusable())?;
    let port = base.port_or_known_default().ok_or_else(unusable)?;
    let allow = AllowList::new([format!("{host}:{port}")]).map_err(|_| unusable())?;
    let policy = EgressPolicy::new(allow, AddressRules::new().trust(&host), resolver);
    let fetcher = Fetcher::new(Arc::new(policy), tls).with_limits(limits);
    Ok(fetcher.with_credentials(Arc::new(credentials)))
}
