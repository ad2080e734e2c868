//! HTTPS: what the API proves itself with, and the beginning of a connection.
//!
//! TLS 1.2 and 1.3 on `ring`. Who speaks plain HTTP to this port is told so.

use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use agentos_domain::Classified;
use rustls::version::{TLS12, TLS13};
use rustls::{Error, InconsistentKeys, ServerConfig};
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::stall::StallGuard;

const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";
/// The first byte of a TLS connection: a record of the handshake.
const HANDSHAKE_RECORD: u8 = 0x16;
/// How long a client that speaks plain HTTP may take to read that it should not.
const REFUSAL_LIMIT: Duration = Duration::from_secs(1);
const REFUSAL: &str = "this port speaks HTTPS: begin the address with https://\n";

/// Certificate and key of the API. Clones are the same; new connections get
/// what was put in last.
#[derive(Clone)]
pub struct ServerTls(Arc<RwLock<Arc<ServerConfig>>>);

impl ServerTls {
    /// From a chain of certificates, that of the server first, and its private
    /// key, both PEM.
    ///
    /// # Errors
    /// [`TlsError`], where they cannot be used or do not belong together.
    pub fn new(chain_pem: &[u8], key_pem: &[u8]) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(RwLock::new(config(chain_pem, key_pem)?))))
    }

    /// Takes another chain and key for all connections from now on.
    ///
    /// # Errors
    /// As [`ServerTls::new`]; then everything stays as it was.
    pub fn replace(&self, chain_pem: &[u8], key_pem: &[u8]) -> Result<(), TlsError> {
        let config = config(chain_pem, key_pem)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The handshake. None: the client spoke plain HTTP, and was told, or said
    /// nothing. The caller sets the deadline.
    pub(crate) async fn accept(
        &self,
        mut stream: TcpStream,
        stall_limit: Duration,
    ) -> io::Result<Option<TlsStream<StallGuard<TcpStream>>>> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Ok(None);
        }
        if first[0].is_ascii_alphabetic() {
            // Whether it was heard makes no difference.
            let _ = tokio::time::timeout(REFUSAL_LIMIT, refuse(&mut stream)).await;
            return Ok(None);
        }
        if first[0] != HANDSHAKE_RECORD {
            return Ok(None);
        }
        let guarded = StallGuard::new(stream, stall_limit);
        TlsAcceptor::from(self.current()).accept(guarded).await.map(Some)
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls")
    }
}

/// Whether client and server have agreed on HTTP/2.
pub(crate) fn is_http2<S>(stream: &TlsStream<S>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP2)
}

async fn refuse(stream: &mut TcpStream) -> io::Result<()> {
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{REFUSAL}",
        REFUSAL.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // A connection that is closed with something unread is reset, and the
    // client may never see the answer.
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

fn config(chain_pem: &[u8], key_pem: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(chain_pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| TlsError::Certificate(error.to_string()))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::NoKey,
        other => TlsError::Key(other.to_string()),
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| TlsError::Key(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch,
            Error::InvalidCertificate(cause) => TlsError::Certificate(cause.to_string()),
            other => TlsError::Key(other.to_string()),
        })?;
    config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    Ok(Arc::new(config))
}

/// Why a certificate and key cannot be used. The texts go on from the name of
/// the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// There is none.
    #[error("holds no certificate in PEM")]
    NoCertificate,
    /// It is damaged, or of a kind that is not understood.
    #[error("holds a certificate that cannot be used ({0})")]
    Certificate(String),
    /// There is none.
    #[error("holds no private key in PEM; an encrypted one must be decrypted first")]
    NoKey,
    /// It is damaged, or of a kind that is not understood.
    #[error("holds a private key that cannot be used ({0})")]
    Key(String),
    /// Each is good for itself.
    #[error("is not the key of the certificate: give the two that belong together")]
    Mismatch,
}

impl TlsError {
    /// Whether the key's file is at fault, rather than the certificate's.
    #[must_use]
    pub fn is_of_key(&self) -> bool {
        matches!(self, Self::NoKey | Self::Key(_) | Self::Mismatch)
    }
}

impl Classified for TlsError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoCertificate | Self::Certificate(_) => "tls_certificate",
            Self::NoKey | Self::Key(_) => "tls_key",
            Self::Mismatch => "tls_mismatch",
        }
    }

    fn is_retryable(&self) -> bool {
        false
    }
}
