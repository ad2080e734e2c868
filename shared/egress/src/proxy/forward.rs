//! Plain HTTP: the proxy reads each request and asks in its place.

use std::sync::Arc;

use http::header::{
    CONNECTION, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use url::{Position, Url};

use super::handler::{Answer, Handler, NotServed};
use super::meter::Metered;
use super::server::Connection;
use crate::{Host, MethodClass, Refusal, dial};

/// Headers that are for the next machine alone (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 7] =
    [CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
const OLD_HOP_BY_HOP: [&str; 2] = ["keep-alive", "proxy-connection"];

/// Carries one request to the host that its address names.
pub(super) async fn forward(
    handler: &Handler,
    request: Request<Incoming>,
    connection: &Connection,
) -> Result<Answer, NotServed> {
    let url = Url::parse(&request.uri().to_string()).map_err(|_| NotServed::NoProxyRequest)?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    if url.scheme() != "http" || has_user {
        return Err(NotServed::NoProxyRequest);
    }
    if let Some(scanner) = &handler.scanner
        && let Some(name) = scanner.in_url(&url)
    {
        return Err(Refusal::Secret { name }.into());
    }
    let host = Host::of(&url).map_err(Refusal::from)?;
    let port = url.port_or_known_default().ok_or(NotServed::NoProxyRequest)?;
    let class = MethodClass::of(request.method());
    let target = handler.policy.admit(&handler.subject, &host, port, class).await?;
    let request = rewrite(handler, request, &url, &host)?;
    let stream = dial(&target, handler.limits.connect).await?;
    let asking = async {
        let (mut sender, carrying) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|_| NotServed::Broken)?;
        let cancel = connection.cancel.clone();
        connection.tasks.spawn(async move {
            cancel.run_until_cancelled(carrying).await;
        });
        sender.send_request(request).await.map_err(|error| refused_in(&error))
    };
    let response = timeout(handler.limits.answer, asking).await.map_err(|_| NotServed::Late)??;
    let (mut head, body) = response.into_parts();
    strip(&mut head.headers);
    Ok(Answer::from_parts(head, body.map_err(Into::into).boxed()))
}

/// What made a request fail: the proxy's own refusal of the body, or the host.
fn refused_in(error: &hyper::Error) -> NotServed {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(refusal) = inner.downcast_ref::<Refusal>() {
            return refusal.clone().into();
        }
        source = inner.source();
    }
    NotServed::Broken
}

/// The request as the host gets it, and counted as such.
fn rewrite(
    handler: &Handler,
    request: Request<Incoming>,
    url: &Url,
    host: &Host,
) -> Result<Request<Metered>, NotServed> {
    let (mut head, body) = request.into_parts();
    let path = &url[Position::BeforePath..Position::AfterQuery];
    head.uri = path.parse::<Uri>().map_err(|_| NotServed::NoProxyRequest)?;
    strip(&mut head.headers);
    let authority = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    };
    let authority = HeaderValue::from_str(&authority).map_err(|_| NotServed::NoProxyRequest)?;
    head.headers.insert(HOST, authority);
    let lines = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    let size = path.len() + lines.sum::<usize>();
    handler.uploads.charge(host, size as u64)?;
    let uploads = Arc::clone(&handler.uploads);
    Ok(Request::from_parts(head, Metered { body, host: host.clone(), uploads }))
}

/// Takes out what is for the next machine alone, also what `connection` names.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    for name in OLD_HOP_BY_HOP {
        headers.remove(name);
    }
}
