//! One request and the head of its answer, over a connection of its own.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{FetchError, FetchLimits};
use crate::{Host, Target, dial};

/// The most bytes of an answer's head.
const MAX_HEAD: usize = 64 * 1024;
/// The most lines of an answer's head.
const MAX_HEADERS: usize = 100;

/// An answer whose body has not been read. The connection lives as long.
pub(super) struct Exchange {
    pub(super) response: Response<Incoming>,
    /// Carries the bytes.
    pub(super) connection: JoinSet<()>,
}

/// How clients prove whom they talk to.
pub type TlsConfig = Arc<ClientConfig>;

/// TLS as a browser does it: the roots of the Mozilla programme.
///
/// # Errors
/// Where TLS cannot be set up.
pub fn tls_config() -> Result<TlsConfig, FetchError> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| FetchError::Tls { reason: error.to_string() })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn server_name(host: &Host) -> Result<ServerName<'static>, FetchError> {
    match host {
        Host::Address(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::Name(name) => ServerName::try_from(name.as_str().to_owned())
            .map_err(|_| FetchError::Tls { reason: "no certificate can be for it".to_owned() }),
    }
}

/// Connects to the target and asks. `tls` is `None` for plain HTTP.
pub(super) async fn ask(
    target: &Target,
    tls: Option<&Arc<ClientConfig>>,
    request: Request<Empty<Bytes>>,
    limits: &FetchLimits,
) -> Result<Exchange, FetchError> {
    let stream = dial(target, limits.connect).await?;
    let Some(tls) = tls else { return send(stream, request, limits).await };
    let name = server_name(target.host())?;
    let securing = TlsConnector::from(Arc::clone(tls)).connect(name, stream);
    let stream = timeout(limits.connect, securing)
        .await
        .map_err(|_| FetchError::Timeout { stage: "to set up a secure connection" })?
        .map_err(|error| FetchError::Tls { reason: error.to_string() })?;
    send(stream, request, limits).await
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Empty<Bytes>>,
    limits: &FetchLimits,
) -> Result<Exchange, FetchError> {
    let failed = |error: hyper::Error| FetchError::Protocol { reason: error.to_string() };
    let answering = async {
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        let mut running = JoinSet::new();
        running.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended badly");
            }
        });
        let response = sender.send_request(request).await.map_err(failed)?;
        Ok(Exchange { response, connection: running })
    };
    timeout(limits.first_byte, answering)
        .await
        .map_err(|_| FetchError::Timeout { stage: "to answer" })?
}
