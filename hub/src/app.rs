//! The running hub.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agentos_api::{Api, Services, TokenVerifier};
use agentos_config::Watch;
use agentos_domain::{Clock, SystemClock, WorkspaceId};
use agentos_engine::{Authentication, Engine, EngineHandle, Notifier};
use agentos_link::{EdgeSessions as _, HubLink};
use agentos_process::until_end;
use agentos_router::Router;
use agentos_snapshot::BlobStore;
use agentos_store::{Ledger, SqliteConfig, SqliteStore, Store};
use tokio_util::sync::CancellationToken;

use crate::billing::Billing;
use crate::error::HubError;
use crate::executor::OwnExecutor;
use crate::models;
use crate::models::runs::RunModels;
use crate::notify::Webhooks;
use crate::paths::{DataDir, remove, write_private};
use crate::settings::Settings;
use crate::tls::ApiTls;
use crate::tokens;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// How long the store may take to write what it has accepted.
const CLOSE_DEADLINE: Duration = Duration::from_secs(10);
/// How long the costs of the last calls of models may take to be noted.
const MODELS_DEADLINE: Duration = Duration::from_secs(5);
/// Connections that read the database.
const READERS: usize = 2;

/// All parts of the hub, bound to their ports and not yet running.
pub struct App {
    store: Arc<SqliteStore>,
    engine: Engine,
    link: HubLink,
    api: Api,
    tls: Option<ApiTls>,
    agents: Watch,
    models: Router,
    executor: Option<OwnExecutor>,
    data: PathBuf,
    webhooks: Option<Arc<Webhooks>>,
    billing: Billing,
}

impl App {
    /// Opens the data folder and binds the ports.
    ///
    /// # Errors
    /// Where the folder, the database or a port cannot be used; nothing is
    /// left half done.
    pub async fn start(settings: &Settings) -> Result<Self, HubError> {
        let data = DataDir::create(settings.data())?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let config = SqliteConfig { path: settings.database(), readers: READERS };
        let store = Arc::new(SqliteStore::open(config).await?);
        let blobs = Arc::new(BlobStore::open(&data.blobs())?);

        let mut engine = Engine::new(
            settings.engine(),
            Arc::clone(&store) as Arc<dyn Store>,
            blobs,
            Arc::clone(&clock),
        );
        let webhooks = settings.webhooks()?.map(Arc::new);
        if let Some(webhooks) = &webhooks {
            engine = engine.with_notifier(Arc::clone(webhooks) as Arc<dyn Notifier>);
        }
        ensure_admin_key(&engine.handle(), &data.admin_key()).await?;

        let link = HubLink::bind(
            settings.link(data.link(), VERSION),
            engine.registry(),
            engine.routes(),
            Arc::clone(&clock),
        )
        .await?;

        let verifier = tokens::verifier(&settings.loaded, Arc::clone(&clock)).await?;
        let tls = start_tls(settings, &data, &link, Arc::clone(&clock))?;
        let models = models::start(
            settings,
            Arc::clone(&store) as Arc<dyn Ledger>,
            engine.handle(),
            Arc::new(link.handle()),
            Arc::clone(&clock),
        )
        .await?;
        let engine = engine.with_models(Arc::new(RunModels(models.clone())));
        let executor = own_executor(settings, &engine, &data, Arc::clone(&clock)).await?;
        let billing =
            Billing::open(settings, Arc::clone(&store), Arc::clone(&clock), webhooks.clone())
                .await?;
        let api = bind_api(settings, engine.handle(), verifier, &models, &billing).await?;
        let api = api.with_tls(tls.as_ref().map(ApiTls::server));
        write_private(&data.api_address(), &api.local_addr().to_string())?;
        write_private(&data.link_address(), &link.handle().local_addr().to_string())?;
        announce(settings, &api, &link, tls.is_some());
        let agents = settings.loaded.watch_agents();
        let data = settings.data().to_owned();
        Ok(Self {
            store,
            engine,
            link,
            api,
            tls,
            agents,
            models,
            executor,
            data,
            webhooks,
            billing,
        })
    }

    /// Serves until `cancel`.
    ///
    /// # Errors
    /// Where a part cannot go on; the others are then stopped.
    pub async fn run(self, cancel: CancellationToken) -> Result<(), HubError> {
        let Self {
            store,
            engine,
            link,
            api,
            tls,
            agents,
            models,
            executor,
            data,
            webhooks,
            billing,
        } = self;
        let (handle, engine_handle) = (link.handle(), engine.handle());
        let sessions = Arc::new(handle.clone());
        let parts = async {
            tokio::try_join!(
                async {
                    let follow = Settings::follow_agents(agents, engine_handle);
                    cancel.run_until_cancelled(follow).await;
                    Ok(())
                },
                async {
                    if let Some(tls) = tls {
                        cancel.run_until_cancelled(tls.keep()).await;
                    }
                    Ok(())
                },
                async {
                    let learning = models::learned::keep(&data, &models);
                    let alerts = models::alerts::tell(&models, webhooks.as_deref());
                    let books = async { tokio::join!(models.keep_books(), learning, alerts) };
                    cancel.run_until_cancelled(books).await;
                    Ok(())
                },
                async {
                    billing.run(cancel.clone()).await;
                    Ok(())
                },
                async {
                    let Some(executor) = executor else { return Ok(()) };
                    until_end(&cancel, executor.run(handle, cancel.clone())).await
                },
                until_end(&cancel, async { Ok(link.run(cancel.clone()).await?) }),
                until_end(&cancel, async { Ok(engine.run(sessions, cancel.clone()).await?) }),
                until_end(&cancel, async {
                    api.run(cancel.clone()).await;
                    Ok(())
                }),
            )
        };
        // Boxed: the future of everything is large.
        let result = Box::pin(parts).await;
        billing.close().await;
        models.close(MODELS_DEADLINE).await;
        store.close(CLOSE_DEADLINE).await;
        result.map(|_| ())
    }
}

/// Listens for requests, which are passed on to these.
async fn bind_api(
    settings: &Settings,
    engine: EngineHandle,
    verifier: Option<Arc<dyn TokenVerifier>>,
    models: &Router,
    billing: &Billing,
) -> Result<Api, HubError> {
    let (models, kernel) = (Some(models.clone()), Some(Arc::clone(&billing.kernel)));
    let mut config = settings.api(VERSION);
    config.webhook_secret = settings.webhook_secret()?.map(Arc::new);
    Ok(Api::bind_with(config, engine, Services { verifier, models, kernel }).await?)
}

/// The hub's own executor, if it is to have one.
async fn own_executor(
    settings: &Settings,
    engine: &Engine,
    data: &DataDir,
    clock: Arc<dyn Clock>,
) -> Result<Option<OwnExecutor>, HubError> {
    match settings.engine().runs_on_hub {
        0 => Ok(None),
        _ => {
            let tools = settings.tools(data).await;
            OwnExecutor::open(engine, data, tools, clock, VERSION).await.map(Some)
        }
    }
}

/// Says where the hub is.
fn announce(settings: &Settings, api: &Api, link: &HubLink, https: bool) {
    tracing::info!(api = %api.local_addr(), https, link = %link.handle().local_addr(),
        data = %settings.data().display(), "the hub is up");
    if !https && !api.local_addr().ip().is_loopback() {
        tracing::warn!(
            "the API listens beyond this machine without TLS: \
            keep it on a network that you trust, or set server.tls.mode"
        );
    }
}

/// What the API proves itself with, if it is to speak HTTPS.
fn start_tls(
    settings: &Settings,
    data: &DataDir,
    link: &HubLink,
    clock: Arc<dyn Clock>,
) -> Result<Option<ApiTls>, HubError> {
    let copy = data.api_certificate();
    match settings.tls(data) {
        Some(source) => ApiTls::new(source, link.handle(), clock, copy).map(Some),
        None => remove(&copy).map(|()| None),
    }
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
