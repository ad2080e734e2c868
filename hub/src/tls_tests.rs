//! Certificates of the API: issued, given, replaced.

use std::os::unix::fs::PermissionsExt as _;

use agentos_config::MapEnvironment;
use agentos_domain::SystemClock;
use agentos_engine::Engine;
use agentos_link::{HubLink, HubLinkConfig};
use agentos_snapshot::BlobStore;
use agentos_store::{SqliteConfig, SqliteStore, Store};
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::*;
use crate::cli::ServeArgs;
use crate::settings::Settings;

struct Fixture {
    folder: TempDir,
    link: HubLink,
    _engine: Engine,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let path = folder.path().join("db");
        let store = SqliteStore::open(SqliteConfig { path, readers: 1 }).await.unwrap();
        let store = Arc::new(store) as Arc<dyn Store>;
        let blobs = Arc::new(BlobStore::open(&folder.path().join("blobs")).unwrap());
        let settings = Settings::load(&ServeArgs::default(), &MapEnvironment::default()).unwrap();
        let engine = Engine::new(settings.engine(), store, blobs, Arc::clone(&clock));
        let listen = "127.0.0.1:0".parse().unwrap();
        let config = HubLinkConfig::new(listen, folder.path().join("link"), "test");
        let link = HubLink::bind(config, engine.registry(), engine.routes(), clock).await.unwrap();
        Self { folder, link, _engine: engine }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn tls(&self, source: TlsSource) -> Result<ApiTls, HubError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        ApiTls::new(source, self.link.handle(), clock, self.path("api.pem"))
    }

    fn hub_ca(&self, names: &[&str]) -> TlsSource {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        TlsSource::HubCa { folder: self.path("tls"), names }
    }

    fn files(&self) -> TlsSource {
        TlsSource::Files { cert: self.path("cert.pem"), key: self.path("key.pem") }
    }

    fn give(&self, cert: &str, key: &str) {
        std::fs::write(self.path("cert.pem"), cert).unwrap();
        std::fs::write(self.path("key.pem"), key).unwrap();
    }

    fn copy(&self) -> String {
        std::fs::read_to_string(self.path("api.pem")).unwrap()
    }
}

/// A certificate and its key.
fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[tokio::test]
async fn the_hubs_authority_issues_a_certificate_and_keeps_it() {
    let hub = Fixture::new().await;
    let mut tls = hub.tls(hub.hub_ca(&["localhost", "nas.local"])).unwrap();
    let first = hub.copy();
    assert!(first.ends_with(hub.link.handle().ca_pem()));
    let mode = |name| std::fs::metadata(hub.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode("tls"), mode("tls/server.key"), mode("api.pem")], [0o700, 0o600, 0o600]);
    assert!(!tls.renew().unwrap());
    hub.tls(hub.hub_ca(&["localhost", "nas.local"])).unwrap();
    assert_eq!(hub.copy(), first);
    hub.tls(hub.hub_ca(&["localhost"])).unwrap();
    assert_ne!(hub.copy(), first);
    // Taken up by the one that runs; here it wants its own names back.
    assert!(tls.renew().unwrap());
}

#[tokio::test]
async fn files_that_cannot_be_used_are_refused_by_name() {
    let hub = Fixture::new().await;
    let refused = |part: &str| {
        let error = hub.tls(hub.files()).err().unwrap().to_string();
        assert!(error.contains(part), "{error}");
        error
    };
    assert!(refused("cert.pem").contains("server.tls.cert"));
    let ((cert, key), (other, _)) = (pair(), pair());
    hub.give(&cert, "");
    assert!(refused("key.pem").contains("no private key"));
    hub.give("", &key);
    assert!(refused("cert.pem").contains("no certificate"));
    hub.give(&other, &key);
    assert!(refused("key.pem").contains("is not the key of the certificate"));
    hub.give(&cert.replace('M', "-"), &key);
    refused("cert.pem");
    std::fs::remove_file(hub.path("key.pem")).unwrap();
    hub.give(&cert, &key);
    hub.tls(hub.files()).unwrap();
}

#[tokio::test]
async fn changed_files_are_taken_up_and_broken_ones_are_not() {
    let hub = Fixture::new().await;
    let ((one, one_key), (two, two_key)) = (pair(), pair());
    hub.give(&one, &one_key);
    let mut tls = hub.tls(hub.files()).unwrap();
    assert!(!tls.renew().unwrap());
    // The certificate comes first, the key a little later.
    hub.give(&two, &one_key);
    assert!(tls.renew().unwrap_err().to_string().contains("key.pem"));
    // Told once.
    assert!(!tls.renew().unwrap());
    assert_eq!(hub.copy(), one);
    hub.give(&two, &two_key);
    assert!(tls.renew().unwrap());
    assert_eq!(hub.copy(), two);
    std::fs::remove_file(hub.path("key.pem")).unwrap();
    assert!(tls.renew().is_err());
    assert!(!tls.renew().unwrap());
    hub.give(&two, &two_key);
    assert!(tls.renew().unwrap());
}

#[test]
fn the_names_are_those_by_which_clients_come() {
    let of = |listen: &str, url: Option<&str>, host: Option<&str>, more: &[&str]| {
        let more: Vec<_> = more.iter().map(|name| (*name).to_owned()).collect();
        let names = names(listen.parse().unwrap(), url, host, &more);
        assert_eq!(names[..3], ["localhost", "127.0.0.1", "::1"]);
        names[3..].join(" ")
    };
    assert_eq!(of("127.0.0.1:1", None, None, &[]), "");
    assert_eq!(of("0.0.0.0:1", None, Some("NAS"), &[]), "nas nas.local");
    assert_eq!(of("[::]:1", None, Some("nas.local"), &[]), "nas.local");
    assert_eq!(of("[::]:1", None, Some("nas.home.arpa"), &[]), "nas.home.arpa nas.local");
    assert_eq!(of("10.0.0.2:1", None, Some("localhost"), &[]), "10.0.0.2");
    assert_eq!(of("[::ffff:10.0.0.2]:1", None, Some("no host"), &[]), "10.0.0.2");
    let url = Some("https://u:p@Agents.example:8443/x");
    assert_eq!(of("[fd00::2]:1", url, None, &["10.0.0.9"]), "agents.example fd00::2 10.0.0.9");
    assert_eq!(of("[::]:1", Some("https://[fd00:0::3]:1"), None, &["fd00::3"]), "fd00::3");
}

#[test]
fn a_fingerprint_is_written_as_openssl_writes_it() {
    let text = fingerprint(&CertificateDer::from(b"abc".to_vec()));
    assert!(text.starts_with("BA:78:16:BF:8F:01:CF:EA:"), "{text}");
    assert_eq!(text.len(), 95);
}
