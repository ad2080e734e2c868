//! Hello, renewal, and the life of a session.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::SessionEpoch;
use agentos_proto::v1::session_server::Session;
use agentos_proto::v1::{HelloRequest, RenewReply, RenewRequest, Welcome};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::{Request, Response, Status};

use super::conn::{Carrier, Conn};
use super::handle::EdgeSession;
use super::listen::Shared;
use super::table::Lane;
use crate::PROBE_LIMIT;
use crate::channel::LinkChannel;
use crate::serve::{KeepAlive, Peer};
use crate::tcp::{LaneKind, SentinelEnd, accept_lane, watch_sentinel};

/// How long a TCP link may take to open its further lanes.
const LANES_LIMIT: Duration = Duration::from_secs(5);
/// How long the registry may take to note the end of a session.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// What an edge may say that it still works on.
const ATTEMPTS: usize = 1024;
const OFFLINE: &str = "edge offline: it is not connected";
const BULK_PRIORITY: i32 = -1;

pub(crate) struct SessionService {
    hub: Arc<Shared>,
}

impl SessionService {
    pub(crate) fn new(hub: Arc<Shared>) -> Self {
        Self { hub }
    }

    async fn open(&self, conn: &Arc<Conn>, hello: HelloRequest) -> Result<SessionEpoch, Status> {
        let registry = &self.hub.registry;
        if registry.is_revoked(&conn.edge).await? {
            return Err(Status::permission_denied("it was revoked or is unknown"));
        }
        let epoch = registry.open_session(&conn.edge, &hello).await?;
        let peer = Peer { edge: conn.edge.clone(), epoch };
        if conn.peer.set(peer).is_err() {
            registry.close_session(&conn.edge, epoch).await;
            return Err(Status::failed_precondition("the session is open already"));
        }
        start(Arc::clone(&self.hub), Arc::clone(conn), hello, epoch);
        Ok(epoch)
    }
}

fn conn_of<T>(request: &Request<T>) -> Result<Arc<Conn>, Status> {
    let conn = request.extensions().get::<Arc<Conn>>().cloned();
    conn.ok_or_else(|| Status::internal("a request without its connection"))
}

fn check(hello: &HelloRequest) -> Result<(), Status> {
    let short = |text: &String| text.len() <= 128;
    let fits = short(&hello.boot_id)
        && short(&hello.version)
        && hello.capabilities.len() <= 64
        && hello.capabilities.iter().all(short)
        && hello.attempts.len() <= ATTEMPTS
        && hello.attempts.iter().all(|held| short(&held.attempt_id) && short(&held.task_id));
    match fits {
        true => Ok(()),
        false => Err(Status::invalid_argument("a field of Hello is too long")),
    }
}

#[async_trait::async_trait]
impl Session for SessionService {
    async fn hello(&self, request: Request<HelloRequest>) -> Result<Response<Welcome>, Status> {
        let conn = conn_of(&request)?;
        let hello = request.into_inner();
        check(&hello)?;
        if conn.peer.get().is_some() {
            return Err(Status::failed_precondition("the session is open already"));
        }
        let epoch = self.open(&conn, hello).await?;
        Ok(Response::new(Welcome {
            session_epoch: epoch.0,
            edge_id: conn.edge.to_string(),
            version: self.hub.config.version.clone(),
            now_ms: self.hub.clock.now().millis(),
        }))
    }

    async fn renew_certificate(
        &self,
        request: Request<RenewRequest>,
    ) -> Result<Response<RenewReply>, Status> {
        let conn = conn_of(&request)?;
        let hub = &self.hub;
        if hub.registry.is_revoked(&conn.edge).await? {
            return Err(Status::permission_denied("it was revoked or is unknown"));
        }
        let (life, now) = (hub.config.certificate_life, hub.clock.now());
        let certificate_pem = hub
            .ca
            .issue_edge(&request.into_inner().csr_pem, &conn.edge, life, now)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        Ok(Response::new(RenewReply { certificate_pem, ca_pem: hub.ca.pem().to_owned() }))
    }
}

/// Over QUIC the session is up when this returns.
fn start(hub: Arc<Shared>, conn: Arc<Conn>, hello: HelloRequest, epoch: SessionEpoch) {
    let lanes = hub.table.expect_lanes(&conn.edge, epoch);
    let quic = match &conn.carrier {
        Carrier::Quic(connection) => {
            let channel = |priority| {
                LinkChannel::quic(connection.clone(), priority, conn.tasks.clone(), OFFLINE)
            };
            let session = new_session(&conn, &hello, epoch, channel(0), channel(BULK_PRIORITY));
            hub.table.up(session);
            Some(channel(0))
        }
        Carrier::Tcp(_) | Carrier::Memory => None,
    };
    let tracker = hub.tracker.clone();
    tracker.spawn(async move {
        match quic {
            Some(calls) => hold_quic(&hub, &conn, calls, lanes).await,
            None => Box::pin(hold_tcp(&hub, &conn, &hello, epoch, lanes)).await,
        }
        hub.table.down(&conn.edge, epoch, conn.reason());
        let closed = hub.registry.close_session(&conn.edge, epoch);
        if timeout(CLOSE_LIMIT, closed).await.is_err() {
            tracing::warn!(edge = %conn.edge, %epoch, "the registry is slow to close a session");
        }
        conn.tasks.shut_down().await;
    });
}

pub(crate) fn new_session(
    conn: &Arc<Conn>,
    hello: &HelloRequest,
    epoch: SessionEpoch,
    calls: LinkChannel,
    bulk: LinkChannel,
) -> EdgeSession {
    EdgeSession {
        edge_id: conn.edge.clone(),
        epoch,
        boot_id: hello.boot_id.clone(),
        version: hello.version.clone(),
        capabilities: hello.capabilities.clone(),
        transport: conn.transport(),
        attempts: hello.attempts.clone(),
        certificate_serial: conn.serial.clone(),
        calls,
        bulk,
        conn: Arc::clone(conn),
    }
}

/// An edge that was revoked between the check of Hello and the entry in the
/// table was missed by `disconnect`.
async fn check_again(hub: &Shared, conn: &Conn) {
    if hub.registry.is_revoked(&conn.edge).await.unwrap_or(false) {
        conn.end("it was revoked or is unknown");
    }
}

async fn hold_quic(hub: &Shared, conn: &Conn, calls: LinkChannel, mut lanes: mpsc::Receiver<Lane>) {
    check_again(hub, conn).await;
    let mut sentinel: Pin<Box<dyn Future<Output = SentinelEnd> + Send>> =
        Box::pin(std::future::pending());
    loop {
        tokio::select! {
            () = conn.tasks.cancel().cancelled() => return,
            Some(mut lane) = lanes.recv() => {
                if lane.kind == LaneKind::Sentinel && accept_lane(&mut lane.io).await.is_ok() {
                    let (keepalive, idle) = (hub.config.keepalive, hub.config.idle);
                    sentinel = Box::pin(watch_sentinel(lane.io, keepalive, idle));
                }
            }
            end = &mut sentinel => {
                sentinel = Box::pin(std::future::pending());
                // Of silence the idle limit of QUIC judges.
                if end == SentinelEnd::Gone && !calls.answers_within(PROBE_LIMIT).await {
                    conn.end("the edge's process is gone");
                }
            }
        }
    }
}

async fn hold_tcp(
    hub: &Shared,
    conn: &Arc<Conn>,
    hello: &HelloRequest,
    epoch: SessionEpoch,
    mut lanes: mpsc::Receiver<Lane>,
) {
    let cancel = conn.tasks.cancel();
    let opened = async {
        let (mut calls, mut bulk) = (None, None);
        while let Some(lane) = lanes.recv().await {
            match lane.kind {
                LaneKind::HubCalls => calls = open_lane(hub, conn, lane).await,
                LaneKind::HubBulk => bulk = open_lane(hub, conn, lane).await,
                LaneKind::EdgeCalls | LaneKind::Sentinel => {}
            }
            if let (Some(calls), Some(bulk)) = (&calls, &bulk) {
                return Some((LinkChannel::clone(calls), LinkChannel::clone(bulk)));
            }
        }
        None
    };
    match cancel.run_until_cancelled(timeout(LANES_LIMIT, Box::pin(opened))).await {
        Some(Ok(Some((calls, bulk)))) => hub.table.up(new_session(conn, hello, epoch, calls, bulk)),
        Some(_) => conn.end("the edge did not open all lanes in time"),
        None => return,
    }
    check_again(hub, conn).await;
    cancel.cancelled().await;
}

async fn open_lane(hub: &Shared, conn: &Arc<Conn>, mut lane: Lane) -> Option<LinkChannel> {
    accept_lane(&mut lane.io).await.ok()?;
    let keep_alive = KeepAlive::new(hub.config.keepalive, hub.config.idle);
    let (channel, driver) =
        LinkChannel::tcp(lane.io, keep_alive, conn.tasks.clone(), OFFLINE).await.ok()?;
    let owner = Arc::clone(conn);
    conn.tasks.spawn(async move {
        driver.await;
        owner.end("a lane of the edge closed, or is silent");
    });
    Some(channel)
}

#[cfg(test)]
mod tests {
    use agentos_proto::v1::HeldAttempt;

    use super::*;

    #[test]
    fn a_hello_says_a_bounded_amount() {
        let held = |count, id: &str| HelloRequest {
            attempts: vec![HeldAttempt { attempt_id: id.to_owned(), ..Default::default() }; count],
            ..Default::default()
        };
        assert!(check(&held(ATTEMPTS, "att_1")).is_ok());
        for too_much in [held(ATTEMPTS + 1, "att_1"), held(1, &"a".repeat(129))] {
            assert_eq!(check(&too_much).unwrap_err().code(), tonic::Code::InvalidArgument);
        }
    }
}
