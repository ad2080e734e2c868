//! Reads a set of keys from its address: one GET over HTTP/1.1, no redirects.
//!
//! Over TLS 1.3 with the roots of Mozilla that are part of the program: the
//! hub's image holds no files of certificate authorities.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::AuthError;

/// The most that is read, in bytes.
pub(crate) const MAX_BYTES: usize = 256 * 1024;

/// An address that a set of keys is read from.
pub(crate) struct Endpoint {
    uri: Uri,
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// The roots that the world trusts.
pub(crate) fn public_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

impl Endpoint {
    pub(crate) fn new(url: &str, roots: RootCertStore) -> Result<Self, AuthError> {
        let wrong = |problem| AuthError::Url { problem };
        let shape =
            || wrong("is no URL: give one like https://auth.example.org/.well-known/jwks.json");
        let uri: Uri = url.parse().map_err(|_| shape())?;
        let authority = uri.authority().ok_or_else(shape)?;
        if authority.as_str().contains('@') {
            return Err(wrong("has a user or password in it: leave them out"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let secure = uri.scheme() == Some(&Scheme::HTTPS);
        if !secure && uri.scheme() != Some(&Scheme::HTTP) {
            return Err(wrong("is not https: give an https address"));
        }
        if !secure && !is_this_machine(&host) {
            return Err(wrong(
                "is plain http to another machine, where anyone between could put in keys of \
                 their own: use https, or copy the set to a file and name that",
            ));
        }
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let tls = match secure {
            true => {
                let name = ServerName::try_from(host.clone()).map_err(|_| shape())?;
                Some((connector(roots)?, name))
            }
            false => None,
        };
        Ok(Self { uri, host, port, tls })
    }

    /// The body of what is there, or what went wrong. The caller sets the deadline.
    pub(crate) async fn get(&self) -> Result<Vec<u8>, String> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(text)?;
        match &self.tls {
            None => self.exchange(TokioIo::new(tcp)).await,
            Some((connector, name)) => {
                let tls = connector.connect(name.clone(), tcp).await.map_err(text)?;
                self.exchange(TokioIo::new(tls)).await
            }
        }
    }

    async fn exchange<S>(&self, stream: S) -> Result<Vec<u8>, String>
    where
        S: Read + Write + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(stream).await.map_err(text)?;
        // Ends with this function, whichever way that ends.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let request = Request::get(self.uri.path_and_query().map_or("/", |path| path.as_str()))
            .header(header::HOST, authority)
            .header(header::ACCEPT, "application/jwk-set+json, application/json")
            .header(header::USER_AGENT, "agentos-hub")
            .body(Empty::<Bytes>::new())
            .map_err(text)?;
        let response = sender.send_request(request).await.map_err(text)?;
        if response.status() != StatusCode::OK {
            return Err(format!("the server answered {}", response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_BYTES).collect().await.map_err(text)?;
        Ok(body.to_bytes().to_vec())
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn connector(roots: RootCertStore) -> Result<TlsConnector, AuthError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| AuthError::Url { problem: "needs TLS 1.3, which this program lacks" })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
