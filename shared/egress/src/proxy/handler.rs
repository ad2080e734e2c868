//! What the proxy answers to a request.

use std::sync::Arc;

use agentos_domain::Classified as _;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use super::forward;
use super::meter::Uploads;
use super::server::{Connection, ProxyLimits};
use super::tunnel;
use crate::{EgressPolicy, LeakScanner, MethodClass, Refusal, Subject, dial, host};

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(super) type Answer = Response<BoxBody<Bytes, BoxError>>;

#[derive(Clone)]
pub(super) struct Handler {
    pub(super) policy: Arc<EgressPolicy>,
    pub(super) subject: Subject,
    pub(super) limits: ProxyLimits,
    pub(super) uploads: Arc<Uploads>,
    pub(super) scanner: Option<Arc<LeakScanner>>,
}

/// Why a request is not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotServed {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the proxy does not know you: use the proxy address that the run was given")]
    Unauthorized,
    #[error("this is no request to a proxy: send CONNECT host:port, or http:// with the host")]
    NoProxyRequest,
    #[error("the host did not answer in time: try again later")]
    Late,
    #[error("the host's answer cannot be read: try again later")]
    Broken,
}

impl NotServed {
    fn status(&self) -> StatusCode {
        match self {
            Self::Refused(Refusal::NotFound { .. } | Refusal::Unreachable { .. })
            | Self::Broken => StatusCode::BAD_GATEWAY,
            Self::Refused(_) => StatusCode::FORBIDDEN,
            Self::Unauthorized => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            Self::NoProxyRequest => StatusCode::BAD_REQUEST,
            Self::Late => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    fn to_json(&self) -> Value {
        let code = match self {
            Self::Refused(refusal) => return refusal.to_json(),
            Self::Unauthorized => "proxy_unauthorized",
            Self::NoProxyRequest => "no_proxy_request",
            Self::Late => "timed_out",
            Self::Broken => "protocol",
        };
        json!({ "error": code, "message": self.to_string() })
    }

    fn into_answer(self) -> Answer {
        let body = Full::new(Bytes::from(self.to_json().to_string()));
        let mut answer = Response::new(body.map_err(|never| match never {}).boxed());
        *answer.status_mut() = self.status();
        let json = HeaderValue::from_static("application/json");
        answer.headers_mut().insert(CONTENT_TYPE, json);
        if matches!(self, Self::Unauthorized) {
            let basic = HeaderValue::from_static("Basic realm=\"egress\"");
            answer.headers_mut().insert(PROXY_AUTHENTICATE, basic);
        }
        answer
    }
}

impl Handler {
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> Answer {
        let shown = request.headers().get(PROXY_AUTHORIZATION);
        let token = connection.token.as_ref();
        let known = token.is_none_or(|token| shown.is_some_and(|it| token.is_in(it.as_bytes())));
        let served = if !known {
            Err(NotServed::Unauthorized)
        } else if request.method() == Method::CONNECT {
            self.connect(request, connection).await
        } else {
            Box::pin(forward::forward(self, request, connection)).await
        };
        served.unwrap_or_else(|reason| {
            if let NotServed::Refused(refusal) = &reason {
                let (agent, tool) = (&self.subject.agent, &self.subject.tool);
                tracing::info!(%agent, %tool, code = refusal.code(), %refusal, "egress refused");
            }
            reason.into_answer()
        })
    }

    async fn connect(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> Result<Answer, NotServed> {
        let authority = request.uri().authority().ok_or(NotServed::NoProxyRequest)?;
        let (host, port) = host::with_port(authority.as_str()).map_err(Refusal::from)?;
        let admitted = self.policy.admit(&self.subject, &host, port, MethodClass::Tunnel).await;
        let target = admitted?;
        let server = dial(&target, self.limits.connect).await?;
        let (uploads, limits) = (Arc::clone(&self.uploads), self.limits);
        let carrying = async move {
            let Ok(client) = hyper::upgrade::on(request).await else { return };
            let client = TokioIo::new(client);
            if let Err(error) = tunnel::carry(client, server, &host, &uploads, &limits).await {
                tracing::info!(%host, %error, "a tunnel was closed");
            }
        };
        let kept = connection.clone();
        connection.tasks.spawn(async move {
            kept.cancel.run_until_cancelled(carrying).await;
            // All of it, and so its place, which a tunnel keeps to its end.
            drop(kept);
        });
        Ok(Response::new(Empty::new().map_err(|never| match never {}).boxed()))
    }
}
