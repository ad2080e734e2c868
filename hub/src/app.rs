//! The running hub.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agentos_api::{Api, ApiConfig};
use agentos_domain::{Clock, SystemClock, WorkspaceId};
use agentos_engine::{Authentication, Engine, EngineConfig, EngineHandle};
use agentos_link::{HubLink, HubLinkConfig};
use agentos_snapshot::BlobStore;
use agentos_store::{SqliteConfig, SqliteStore, Store};
use tokio_util::sync::CancellationToken;

use crate::cli::ServeArgs;
use crate::error::HubError;
use crate::paths::{DataDir, write_private};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// How long the store may take to write what it has accepted.
const CLOSE_DEADLINE: Duration = Duration::from_secs(10);
/// Connections that read the database.
const READERS: usize = 2;

/// All parts of the hub, bound to their ports and not yet running.
pub struct App {
    store: Arc<SqliteStore>,
    engine: Engine,
    link: HubLink,
    api: Api,
}

impl App {
    /// Opens the data folder and binds the ports.
    ///
    /// # Errors
    /// Where the folder, the database or a port cannot be used; nothing is
    /// left half done.
    pub async fn start(args: &ServeArgs) -> Result<Self, HubError> {
        let data = DataDir::create(&args.data)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let config = SqliteConfig { path: data.database(), readers: READERS };
        let store = Arc::new(SqliteStore::open(config).await?);
        let blobs = Arc::new(BlobStore::open(&data.blobs())?);

        let engine = Engine::new(
            EngineConfig {
                runs_per_edge: usize::from(args.runs_per_edge),
                lease_ttl: Duration::from_secs(args.lease_seconds),
                ..EngineConfig::default()
            },
            Arc::clone(&store) as Arc<dyn Store>,
            blobs,
            Arc::clone(&clock),
        );
        ensure_admin_key(&engine.handle(), &data.admin_key()).await?;

        let mut link_config = HubLinkConfig::new(args.link_listen, data.link(), VERSION);
        link_config.names.clone_from(&args.link_names);
        let link = HubLink::bind(link_config, engine.registry(), engine.routes(), clock).await?;

        let api_config = ApiConfig::new(args.api_address(), VERSION);
        let api = Api::bind(api_config, engine.handle()).await?;
        write_private(&data.api_address(), &api.local_addr().to_string())?;
        write_private(&data.link_address(), &link.handle().local_addr().to_string())?;
        tracing::info!(api = %api.local_addr(), link = %link.handle().local_addr(),
            data = %args.data.display(), "the hub is up");
        if !api.local_addr().ip().is_loopback() {
            tracing::warn!(
                "the API listens beyond this machine without TLS: \
                keep it on a network that you trust"
            );
        }
        Ok(Self { store, engine, link, api })
    }

    /// Serves until `cancel`.
    ///
    /// # Errors
    /// Where a part cannot go on; the others are then stopped.
    pub async fn run(self, cancel: CancellationToken) -> Result<(), HubError> {
        let Self { store, engine, link, api } = self;
        let link_handle = link.handle();
        let parts = async {
            tokio::try_join!(
                until_end(&cancel, async { Ok(link.run(cancel.clone()).await?) }),
                until_end(&cancel, async { Ok(engine.run(link_handle, cancel.clone()).await?) }),
                until_end(&cancel, async {
                    api.run(cancel.clone()).await;
                    Ok(())
                }),
            )
        };
        let result = parts.await;
        store.close(CLOSE_DEADLINE).await;
        result.map(|_| ())
    }
}

/// Runs a part; its end, for whatever reason, ends the others.
async fn until_end(
    cancel: &CancellationToken,
    part: impl Future<Output = Result<(), HubError>>,
) -> Result<(), HubError> {
    let _end = cancel.clone().drop_guard();
    part.await
}

/// Makes the first key and writes it where only the owner can read it.
async fn ensure_admin_key(engine: &EngineHandle, path: &Path) -> Result<(), HubError> {
    if let Ok(key) = std::fs::read_to_string(path)
        && matches!(engine.authenticate(key.trim()).await?, Authentication::Known(_))
    {
        return Ok(());
    }
    let scopes = ["read", "run", "approve", "admin"];
    let key = engine.create_key("admin", WorkspaceId::default(), &scopes).await?;
    write_private(path, &key)?;
    tracing::info!(file = %path.display(), "made an admin key");
    Ok(())
}
