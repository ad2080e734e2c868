use std::io;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use agentos_domain::{Clock as _, ManualClock};
use agentos_snapshot::BlobStore;
use agentos_store::{SqliteConfig, SqliteStore};
use tempfile::TempDir;
use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::config::EngineConfig;
use crate::engine::Engine;
use crate::vault::MasterKeySource;

const CANARY: &str = "sk-canary-5f1d0c7b9e";

struct Hub {
    dir: TempDir,
    clock: Arc<ManualClock>,
    keys: EngineHandle,
}

impl Hub {
    async fn new() -> Self {
        Self::at(TempDir::new().unwrap()).await
    }

    async fn at(dir: TempDir) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_000_000_000)));
        let store = Arc::new(store_in(dir.path()).await);
        let blobs = Arc::new(BlobStore::open(&dir.path().join("blobs")).unwrap());
        let master_key = Some(MasterKeySource::File(dir.path().join("secrets.key")));
        let config = EngineConfig { master_key, ..EngineConfig::default() };
        let keys = Engine::new(config, store, blobs, Arc::clone(&clock) as _).handle();
        Self { dir, clock, keys }
    }

    /// Ends the hub, has `meanwhile` done to its folder, and starts it again.
    async fn restarted(self, meanwhile: impl AsyncFnOnce(&Path)) -> Self {
        let Self { dir, keys, .. } = self;
        drop(keys);
        meanwhile(dir.path()).await;
        Self::at(dir).await
    }

    fn key_file(&self) -> PathBuf {
        self.dir.path().join("secrets.key")
    }

    async fn set(&self, workspace: &str, provider: &str, text: &str) -> ProviderKeyInfo {
        let (ws, provider) = (workspace.parse().unwrap(), provider.parse().unwrap());
        let secret = ProviderSecret::new(text.to_owned()).unwrap();
        self.keys.set_provider_key(&ws, &provider, &secret).await.unwrap()
    }

    async fn get(&self, workspace: &str, provider: &str) -> Result<Option<String>, EngineError> {
        let (ws, provider) = (workspace.parse().unwrap(), provider.parse().unwrap());
        let secret = self.keys.provider_secret(&ws, &provider).await?;
        Ok(secret.map(|secret| secret.expose().to_owned()))
    }

    /// Names, and whether each can be read.
    async fn list(&self, workspace: &str) -> Vec<(String, bool)> {
        let keys = self.keys.provider_keys(&workspace.parse().unwrap()).await.unwrap();
        keys.into_iter().map(|key| (key.provider.to_string(), key.readable)).collect()
    }

    async fn locked(&self) -> Locked {
        let shared = &self.keys.shared;
        let master = shared.vault.key().unwrap();
        locked(shared, master.as_ref()).await.unwrap()
    }
}

fn pair(provider: &str, readable: bool) -> (String, bool) {
    (provider.to_owned(), readable)
}

async fn store_in(folder: &Path) -> SqliteStore {
    let config = SqliteConfig { path: folder.join("test.db"), readers: 1 };
    SqliteStore::open(config).await.unwrap()
}

#[tokio::test]
async fn a_provider_key_is_kept_listed_replaced_and_removed() {
    let hub = Hub::new().await;
    let first = hub.set("default", "openai", CANARY).await;
    assert_eq!((first.hint.as_deref(), first.readable), (Some("7b9e"), true));
    assert_eq!(first.created_at, hub.clock.now());
    assert_eq!(hub.get("default", "openai").await.unwrap().as_deref(), Some(CANARY));
    assert_eq!(hub.get("default", "anthropic").await.unwrap(), None);

    hub.clock.advance(Duration::from_secs(60));
    let second = hub.set("default", "openai", "short").await;
    assert_eq!((second.hint, second.created_at), (None, first.created_at));
    assert_eq!(second.updated_at, hub.clock.now());
    let hub = hub.restarted(async |_| ()).await;
    assert_eq!(hub.get("default", "openai").await.unwrap().as_deref(), Some("short"));
    assert_eq!(hub.list("default").await, [pair("openai", true)]);

    let (ws, openai) = (WorkspaceId::default(), "openai".parse().unwrap());
    let keys = &hub.keys;
    keys.remove_provider_key(&ws, &openai).await.unwrap();
    assert_eq!(hub.get("default", "openai").await.unwrap(), None);
    let error = keys.remove_provider_key(&ws, &openai).await.unwrap_err();
    assert!(matches!(error, EngineError::NotFound(_)), "{error}");
}

#[tokio::test]
async fn a_workspace_gets_no_key_of_another() {
    let hub = Hub::new().await;
    hub.set("a", "openai", CANARY).await;
    assert_eq!(hub.get("b", "openai").await.unwrap(), None);
    assert_eq!(hub.list("b").await, []);
    let (b, openai) = ("b".parse().unwrap(), "openai".parse().unwrap());
    assert!(hub.keys.remove_provider_key(&b, &openai).await.is_err());
    hub.set("b", "openai", "key of b").await;
    assert_eq!(hub.get("a", "openai").await.unwrap().as_deref(), Some(CANARY));
    assert_eq!(hub.get("b", "openai").await.unwrap().as_deref(), Some("key of b"));
}

#[tokio::test]
async fn a_row_that_was_moved_or_changed_does_not_open() {
    let hub = Hub::new().await;
    for (workspace, provider) in [("a", "openai"), ("b", "openai"), ("a", "anthropic")] {
        hub.set(workspace, provider, &format!("{CANARY}-{workspace}-{provider}")).await;
    }
    let ids = ["a", "b"].map(|name| name.parse::<WorkspaceId>().unwrap());
    let [openai, anthropic] = ["openai", "anthropic"].map(|name| name.parse().unwrap());
    let store = &hub.keys.shared.store;
    let now = hub.clock.now();
    let mine = store.provider_key(&ids[0], &openai).await.unwrap().unwrap().key;
    let theirs = store.provider_key(&ids[1], &openai).await.unwrap().unwrap().key;

    // Somebody who can write the database gives `b` the key of `a`, and the reverse.
    store.put_provider_key(&ids[0], &openai, &theirs, now).await.unwrap();
    store.put_provider_key(&ids[1], &openai, &mine, now).await.unwrap();
    store.put_provider_key(&ids[0], &anthropic, &mine, now).await.unwrap();
    for (workspace, provider) in [("a", "openai"), ("b", "openai"), ("a", "anthropic")] {
        let error = hub.get(workspace, provider).await.unwrap_err();
        assert!(matches!(error, EngineError::ProviderKeyDamaged), "{error}");
    }
    assert_eq!(hub.list("a").await, [pair("anthropic", false), pair("openai", false)]);

    store.put_provider_key(&ids[0], &openai, &mine, now).await.unwrap();
    assert!(hub.get("a", "openai").await.unwrap().is_some());
    let mut changed = mine.clone();
    *changed.sealed.last_mut().unwrap() ^= 1;
    store.put_provider_key(&ids[0], &openai, &changed, now).await.unwrap();
    assert!(hub.get("a", "openai").await.is_err());
    // Setting it again is the way out.
    hub.set("a", "openai", CANARY).await;
    assert_eq!(hub.get("a", "openai").await.unwrap().as_deref(), Some(CANARY));
}

#[tokio::test]
async fn a_lost_master_key_is_told_and_comes_back_with_its_file() {
    let hub = Hub::new().await;
    hub.set("a", "openai", CANARY).await;
    hub.set("b", "openai", CANARY).await;
    assert_eq!(hub.locked().await, Locked::default());
    let first = hub.keys.shared.vault.key().unwrap().unwrap().id().to_string();
    let aside = hub.dir.path().join("aside");
    let key_file = hub.key_file();

    let hub = hub.restarted(async |_| std::fs::rename(&key_file, &aside).unwrap()).await;
    let said = format!(
        "this provider key was stored under another master key (id {first}): \
         restore the key file or set the provider key again"
    );
    assert_eq!(hub.get("a", "openai").await.unwrap_err().to_string(), said);
    assert_eq!(hub.list("a").await, [pair("openai", false)]);
    assert_eq!(hub.locked().await, Locked { count: 2, master_keys: vec![first.clone()] });
    assert!(!hub.key_file().exists(), "reading must not make another master key");

    // One key is set again: under a new master key, and the other row stays.
    hub.set("a", "openai", "set again").await;
    assert_eq!(hub.get("a", "openai").await.unwrap().as_deref(), Some("set again"));
    assert_eq!(hub.get("b", "openai").await.unwrap_err().to_string(), said);
    assert_eq!(hub.locked().await, Locked { count: 1, master_keys: vec![first] });

    let hub = hub.restarted(async |_| std::fs::rename(&aside, &key_file).unwrap()).await;
    assert_eq!(hub.get("b", "openai").await.unwrap().as_deref(), Some(CANARY));
    let error = hub.get("a", "openai").await.unwrap_err();
    assert!(matches!(error, EngineError::OtherMasterKey { .. }), "{error}");
}

#[tokio::test]
async fn a_broken_key_file_stops_provider_keys_alone() {
    let hub = Hub::new().await;
    hub.set("default", "openai", CANARY).await;
    let key_file = hub.key_file();
    let hub = hub.restarted(async |_| std::fs::write(&key_file, "broken").unwrap()).await;
    assert_eq!(hub.list("default").await, [pair("openai", false)]);
    let error = hub.get("default", "openai").await.unwrap_err();
    assert!(matches!(error, EngineError::NoMasterKey { .. }), "{error}");
    let (ws, openai) = (WorkspaceId::default(), "openai".parse().unwrap());
    let secret = ProviderSecret::new("new".to_owned()).unwrap();
    let error = hub.keys.set_provider_key(&ws, &openai, &secret).await.unwrap_err();
    assert!(matches!(error, EngineError::NoMasterKey { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(hub.key_file()).unwrap(), "broken");
    hub.keys.create_key("laptop", ws, &["read"]).await.unwrap();
}

/// Log lines in memory.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Lines {
    /// Those of all threads of the process, of every level, from now on.
    fn of_all() -> Self {
        static LINES: LazyLock<Lines> = LazyLock::new(|| {
            let lines = Lines::default();
            tracing::subscriber::set_global_default(lines.subscriber()).unwrap();
            lines
        });
        LINES.clone()
    }

    fn subscriber(&self) -> impl Subscriber + Send + Sync + 'static {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(self.clone())
            .finish()
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn the_start_warns_of_keys_that_cannot_be_read() {
    let lines = Lines::of_all();
    let hub = Hub::new().await;
    warn_of_locked(&hub.keys.shared).await;
    for workspace in ["a", "b", "c"] {
        hub.set(workspace, "openai", CANARY).await;
    }
    warn_of_locked(&hub.keys.shared).await;
    assert!(!lines.text().contains("another master key"), "{}", lines.text());

    let id = hub.keys.shared.vault.key().unwrap().unwrap().id();
    let key_file = hub.key_file();
    let hub = hub.restarted(async |_| std::fs::remove_file(&key_file).unwrap()).await;
    warn_of_locked(&hub.keys.shared).await;
    let text = lines.text();
    let line = text.lines().find(|line| line.contains("another master key")).unwrap();
    assert!(line.contains("WARN") && line.contains("count=3"), "{line}");
    assert!(line.contains(&id.to_string()), "{line}");
    std::fs::write(&key_file, "broken").unwrap();
    warn_of_locked(&hub.keys.shared).await;
    let text = lines.text();
    let line = text.lines().find(|line| line.contains("neither read nor set")).unwrap();
    assert!(line.contains("ERROR") && line.contains("secrets.key"), "{line}");
}

/// Every file below a folder, with its content.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_provider_key_is_nowhere_in_clear() {
    let lines = Lines::of_all();
    let hub = Hub::new().await;
    // Also one that is replaced, one that is removed, and one that fills pages.
    let long = format!("{}{CANARY}", "canary-".repeat(580));
    for (provider, text) in
        [("openai", CANARY), ("openai", "sk-canary-second"), ("gone", CANARY), ("long", &long)]
    {
        let told = hub.set("default", provider, text).await;
        assert!(!format!("{told:?}").contains("canary"), "{told:?}");
        let secret = hub.get("default", provider).await.unwrap();
        assert_eq!(secret.as_deref(), Some(text));
    }
    let ws = WorkspaceId::default();
    hub.keys.remove_provider_key(&ws, &"gone".parse().unwrap()).await.unwrap();
    let key = std::fs::read_to_string(hub.key_file()).unwrap();
    let key = key.trim_end();
    // While it runs, with the log; and after its end, with the log written back.
    let look = |folder: &Path, wanted: &[&str]| {
        let files = files(folder);
        for name in wanted {
            assert!(files.iter().any(|(path, _)| path.ends_with(name)), "{name} is missing");
        }
        for (path, bytes) in files {
            assert!(!holds(&bytes, "canary"), "{} holds a key", path.display());
            let is_key_file = path.ends_with("secrets.key");
            assert_eq!(holds(&bytes, key), is_key_file, "{}", path.display());
            assert!(!holds(&bytes, &String::from_utf8_lossy(&hex::decode(key).unwrap())));
        }
    };
    let database = std::fs::read(hub.dir.path().join("test.db-wal")).unwrap();
    assert!(holds(&database, "openai") && holds(&database, "7b9e"), "looked in the wrong place");
    look(hub.dir.path(), &["test.db", "test.db-wal", "secrets.key"]);
    let hub = hub
        .restarted(async |folder| {
            store_in(folder).await.close(Duration::from_secs(10)).await;
            look(folder, &["test.db", "secrets.key"]);
        })
        .await;
    assert_eq!(hub.list("default").await, [pair("long", true), pair("openai", true)]);
    let text = lines.text();
    assert!(text.contains("made a master key"), "{text}");
    assert!(!text.contains("canary") && !text.contains(key), "{text}");
}
