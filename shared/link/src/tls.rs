//! Every TLS configuration of the link: TLS 1.3 only, `ring`, no resumption
//! (so that each connection is judged by its certificate).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use agentos_domain::Clock;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls;

use crate::error::LinkError;
use crate::identity::{EdgeIdentity, HUB_NAME, Leaf, spki_fingerprint};

/// The protocol between a hub and an edge that has joined.
pub(crate) const ALPN_LINK: &[u8] = b"agentos/1";
/// The protocol between a hub and an edge that joins: enrolment alone.
pub(crate) const ALPN_JOIN: &[u8] = b"agentos-join/1";

/// The hub's configurations, rebuilt when its certificate is renewed.
#[derive(Clone)]
pub(crate) struct HubTls {
    /// A client certificate of the hub's authority is required.
    pub(crate) link: Arc<ServerConfig>,
    /// No client certificate.
    pub(crate) join: Arc<ServerConfig>,
}

impl HubTls {
    pub(crate) fn new(
        certificate_pem: &str,
        key_pem: &str,
        ca_pem: &str,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, LinkError> {
        let ca = Leaf::from_pem(ca_pem)?;
        // The authority goes with the certificate: a joining edge knows it by
        // its fingerprint alone.
        let chain = vec![Leaf::from_pem(certificate_pem)?.der().clone(), ca.der().clone()];
        let key =
            PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(LinkError::certificate)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(roots(ca.der())?, provider())
            .build()
            .map_err(LinkError::certificate)?;
        let builder = || {
            ServerConfig::builder_with_details(provider(), clock_of(clock))
                .with_protocol_versions(&[&rustls::version::TLS13])
                .map_err(LinkError::certificate)
        };
        let link = builder()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(LinkError::certificate)?;
        let join = builder()?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(LinkError::certificate)?;
        Ok(Self { link: server(link, ALPN_LINK), join: server(join, ALPN_JOIN) })
    }
}

fn server(mut config: ServerConfig, alpn: &[u8]) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![alpn.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Arc::new(config)
}

/// For an edge that has joined.
pub(crate) fn edge_config(
    identity: &EdgeIdentity,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<ClientConfig>, LinkError> {
    let config = ClientConfig::builder_with_details(provider(), clock_of(clock))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(LinkError::certificate)?
        .with_root_certificates(roots(identity.ca())?)
        .with_client_auth_cert(vec![identity.certificate().clone()], identity.key()?)
        .map_err(LinkError::certificate)?;
    Ok(client(config, ALPN_LINK))
}

/// For an edge that joins: accepts the hub whose authority has this
/// fingerprint and no other.
pub(crate) fn join_config(
    ca_fingerprint: [u8; 32],
    clock: &Arc<dyn Clock>,
) -> Result<Arc<ClientConfig>, LinkError> {
    let pinned = Arc::new(PinnedAuthority { fingerprint: ca_fingerprint, provider: provider() });
    let config = ClientConfig::builder_with_details(provider(), clock_of(clock))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(LinkError::certificate)?
        .dangerous()
        .with_custom_certificate_verifier(pinned)
        .with_no_client_auth();
    Ok(client(config, ALPN_JOIN))
}

fn client(mut config: ClientConfig, alpn: &[u8]) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![alpn.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}

/// The name under which an edge expects its hub.
pub(crate) fn hub_name() -> Result<ServerName<'static>, LinkError> {
    ServerName::try_from(HUB_NAME).map_err(LinkError::certificate)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn roots(ca: &CertificateDer<'static>) -> Result<Arc<RootCertStore>, LinkError> {
    let mut roots = RootCertStore::empty();
    roots.add(ca.clone()).map_err(LinkError::certificate)?;
    Ok(Arc::new(roots))
}

struct ClockTime(Arc<dyn Clock>);

impl fmt::Debug for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClockTime")
    }
}

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let millis = u64::try_from(self.0.now().millis()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_millis(millis)))
    }
}

fn clock_of(clock: &Arc<dyn Clock>) -> Arc<dyn TimeProvider> {
    Arc::new(ClockTime(Arc::clone(clock)))
}

/// Finds the authority in the hub's chain by its fingerprint, then verifies
/// the chain against it as usual.
#[derive(Debug)]
struct PinnedAuthority {
    fingerprint: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedAuthority {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let unknown = || rustls::CertificateError::UnknownIssuer;
        let ca = intermediates
            .iter()
            .find(|cert| spki_fingerprint(cert).is_ok_and(|found| found == self.fingerprint))
            .ok_or_else(unknown)?;
        let roots = roots(&ca.clone().into_owned()).map_err(|_| unknown())?;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&self.provider))
                .build()
                .map_err(|_| unknown())?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::PeerIncompatible::ServerDoesNotSupportTls12Or13.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A value that is replaced as a whole.
pub(crate) struct Current<T>(Mutex<T>);

impl<T: Clone> Current<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn get(&self) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, value: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }
}
