//! What the API proves itself with: a certificate of the hub's own authority, or
//! given files. Either is kept up to date while the hub runs.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agentos_api::{ServerTls, TlsError};
use agentos_domain::Clock;
use agentos_link::HubLinkHandle;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::error::HubError;
use crate::paths::write_private;

/// How often given files are looked at.
const FILES_CHECK: Duration = Duration::from_secs(15);
/// How often the certificate of the hub's authority is looked at: often, since
/// the clock of a machine may be set at any time.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(3600);
/// A given certificate that ends sooner is worth a word.
const ENDS_SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// Where certificate and key come from.
#[derive(Debug, Clone)]
pub(crate) enum TlsSource {
    /// The hub's own authority issues them.
    HubCa {
        /// Where they are kept.
        folder: PathBuf,
        /// Host names and addresses of the API.
        names: Vec<String>,
    },
    /// Files that somebody else looks after.
    Files {
        /// The chain of certificates, PEM.
        cert: PathBuf,
        /// The private key, PEM.
        key: PathBuf,
    },
}

/// A chain of certificates and a private key, both PEM.
#[derive(Clone, PartialEq, Eq)]
struct Pair {
    chain: Vec<u8>,
    key: Vec<u8>,
}

impl TlsSource {
    fn read(&self, link: &HubLinkHandle) -> Result<Pair, HubError> {
        match self {
            Self::HubCa { folder, names } => {
                let made = agentos_process::create_private(folder);
                made.map_err(|source| HubError::DataDir { path: folder.clone(), source })?;
                let issued = link.server_certificate(folder, names)?;
                Ok(Pair { chain: issued.chain_pem.into(), key: issued.key_pem.into() })
            }
            Self::Files { cert, key } => Ok(Pair {
                chain: read("server.tls.cert", cert)?,
                key: read("server.tls.key", key)?,
            }),
        }
    }

    /// What is wrong, with the file that it is wrong with.
    fn unusable(&self, error: TlsError) -> HubError {
        let (setting, path) = match self {
            Self::HubCa { folder, .. } if error.is_of_key() => {
                ("hub_ca", folder.join("server.key"))
            }
            Self::HubCa { folder, .. } => ("hub_ca", folder.join("server.pem")),
            Self::Files { key, .. } if error.is_of_key() => ("server.tls.key", key.clone()),
            Self::Files { cert, .. } => ("server.tls.cert", cert.clone()),
        };
        HubError::Tls { setting, path, error }
    }

    fn check_every(&self) -> Duration {
        match self {
            Self::HubCa { .. } => CERTIFICATE_CHECK,
            Self::Files { .. } => FILES_CHECK,
        }
    }
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, HubError> {
    std::fs::read(path).map_err(|source| HubError::TlsFile {
        setting,
        path: path.to_owned(),
        source,
    })
}

/// The API's certificate and key, kept up to date.
pub(crate) struct ApiTls {
    source: TlsSource,
    link: HubLinkHandle,
    clock: Arc<dyn Clock>,
    /// A copy of the chain, by which the commands on this machine know the hub.
    copy: PathBuf,
    tls: ServerTls,
    seen: Option<Pair>,
}

impl ApiTls {
    /// Reads or makes certificate and key, and says by what clients know the hub.
    ///
    /// # Errors
    /// Where they cannot be used: which file, and what to do.
    pub(crate) fn new(
        source: TlsSource,
        link: HubLinkHandle,
        clock: Arc<dyn Clock>,
        copy: PathBuf,
    ) -> Result<Self, HubError> {
        let pair = source.read(&link)?;
        let tls = ServerTls::new(&pair.chain, &pair.key).map_err(|error| source.unusable(error))?;
        let this = Self { source, link, clock, copy, tls, seen: Some(pair.clone()) };
        this.tell(&pair)?;
        Ok(this)
    }

    /// For the API. What is renewed here is renewed there.
    pub(crate) fn server(&self) -> ServerTls {
        self.tls.clone()
    }

    /// Takes up what changes, for ever. What cannot be used is told, and
    /// changes nothing.
    pub(crate) async fn keep(mut self) {
        loop {
            tokio::time::sleep(self.source.check_every()).await;
            match self.renew() {
                Ok(true) => tracing::info!("the API has a new certificate"),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, "the API keeps the certificate that it has");
                }
            }
        }
    }

    /// Looks once. True: there is a new certificate or key.
    fn renew(&mut self) -> Result<bool, HubError> {
        let pair = match self.source.read(&self.link) {
            Ok(pair) => pair,
            // Told once, until it can be read again.
            Err(error) => return self.seen.take().map_or(Ok(false), |_| Err(error)),
        };
        if self.seen.as_ref() == Some(&pair) {
            return Ok(false);
        }
        // The same unusable files are not told again.
        self.seen = Some(pair.clone());
        let replaced = self.tls.replace(&pair.chain, &pair.key);
        replaced.map_err(|error| self.source.unusable(error))?;
        self.tell(&pair)?;
        Ok(true)
    }

    fn tell(&self, pair: &Pair) -> Result<(), HubError> {
        let chain = certificates(&pair.chain);
        if let Some(authority) = chain.last() {
            tracing::info!(
                fingerprint = %fingerprint(authority),
                "clients know the API by this certificate (SHA-256): \
                 compare it at `agentos login https://HOST:PORT`"
            );
        }
        let left = chain.first().and_then(|leaf| self.left(leaf));
        match left {
            Some(left) if left.is_zero() => {
                tracing::warn!("the API's certificate is not valid now: clients will refuse it");
            }
            Some(left) if left < ENDS_SOON => {
                tracing::warn!(days = left.as_secs() / 86_400, "the API's certificate ends soon");
            }
            _ => {}
        }
        write_private(&self.copy, &String::from_utf8_lossy(&pair.chain))
    }

    /// How long a certificate is still valid; zero, if it is not.
    fn left(&self, certificate: &CertificateDer<'_>) -> Option<Duration> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let (from, to) = (parsed.validity().not_before, parsed.validity().not_after);
        let now = self.clock.now().millis() / 1000;
        let left = if now < from.timestamp() { 0 } else { to.timestamp() - now };
        Some(Duration::from_secs(u64::try_from(left).unwrap_or(0)))
    }
}

fn certificates(chain_pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(chain_pem).filter_map(Result::ok).collect()
}

/// SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` writes it.
fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let bytes = Sha256::digest(certificate);
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// The host names and addresses of the API: this machine's, that of
/// `public_url`, the address that it listens on unless it is every one, and
/// `more`.
pub(crate) fn names(
    listen: SocketAddr,
    public_url: Option<&str>,
    host_name: Option<&str>,
    more: &[String],
) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    if let Some(host) = host_name.map(|host| host.trim_end_matches('.').to_lowercase()) {
        let label = host.split('.').next().unwrap_or_default();
        let local = format!("{label}.local");
        if is_host(&host) && host.parse::<IpAddr>().is_err() {
            names.push(host.clone());
            names.push(local);
        }
    }
    names.extend(public_url.and_then(host_of));
    if !listen.ip().is_unspecified() {
        names.push(listen.ip().to_canonical().to_string());
    }
    names.extend(more.iter().cloned());
    let mut known = std::collections::HashSet::new();
    let mut plain = Vec::new();
    for name in names {
        let name = name.parse::<IpAddr>().map_or_else(|_| name.to_lowercase(), |ip| ip.to_string());
        if name != "localhost.local" && known.insert(name.clone()) {
            plain.push(name);
        }
    }
    plain
}

fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() < 64
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    name.len() < 254 && name.split('.').all(label)
}

/// The host of a URL, an address without its brackets.
fn host_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(address) => address.split(']').next()?,
        None => host.split(':').next()?,
    };
    let known = host.parse::<IpAddr>().is_ok() || is_host(host);
    known.then(|| host.to_owned())
}

/// What this machine is called, if it is called something.
pub(crate) fn host_name() -> Option<String> {
    nix::unistd::gethostname().ok()?.into_string().ok()
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
