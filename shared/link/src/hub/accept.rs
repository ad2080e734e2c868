//! From a new connection to a served one.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{EdgeId, SessionEpoch};
use agentos_proto::v1::enrolment_server::EnrolmentServer;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, rustls};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::conn::{Carrier, Conn, admission, client_leaf};
use super::enrolment::EnrolmentService;
use super::listen::Shared;
use super::sources::Place;
use super::table::Lane;
use crate::error::LinkError;
use crate::identity::Leaf;
use crate::quic;
use crate::serve::{Gate, KeepAlive, Serving, Tasks, serve_h2};
use crate::tcp::{HANDSHAKE_LIMIT, LaneKind, accept_lane, bound_send_buffer, read_header};
use crate::tls::ALPN_JOIN;

/// How long a connection may stay without Hello.
const HELLO_LIMIT: Duration = Duration::from_secs(5);
/// How long a connection for joining may stay.
const JOIN_LIMIT: Duration = Duration::from_secs(10);
const MAX_JOIN_MESSAGE: usize = 16 << 10;
/// Requests at a time on a connection for joining.
const JOIN_STREAMS: u32 = 2;

/// Why a connection was not served. Never leaves this machine.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Quic(#[from] quinn::ConnectionError),
    #[error("no complete handshake in time")]
    Late(#[from] tokio::time::error::Elapsed),
    #[error("{0}")]
    Session(&'static str),
}

pub(crate) async fn accept_quic(
    hub: Arc<Shared>,
    routes: Routes,
    incoming: quinn::Incoming,
    permit: OwnedSemaphorePermit,
) -> Result<(), Refusal> {
    let connection = timeout(HANDSHAKE_LIMIT, incoming.accept()?).await??;
    let identity = connection.peer_identity();
    let chain = identity.and_then(|any| any.downcast::<Vec<_>>().ok());
    let leaf = client_leaf(chain.as_ref().map(|chain| chain.as_slice()))?;
    let tasks = Tasks::new(hub.stop.child_token());
    let conn = Conn::new(&leaf, Carrier::Quic(connection.clone()), tasks)?;
    if is_known_revoked(&hub, &conn.edge).await {
        connection.close(quic::REFUSED, b"it was revoked or is unknown");
        return Err(Refusal::Session("the edge was revoked"));
    }
    drop(permit);
    let gate = Gate { routes, admit: admission(Arc::clone(&conn)) };
    let cancel = conn.tasks.cancel().clone();
    let hello_limit = tokio::time::sleep(HELLO_LIMIT);
    tokio::pin!(hello_limit);
    let mut greeted = false;
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            () = &mut hello_limit, if !greeted => {
                greeted = conn.peer.get().is_some();
                if !greeted {
                    conn.end("no Hello in time");
                }
            }
            stream = connection.accept_bi() => match stream {
                Ok((out, into)) => {
                    let (gate, tasks) = (gate.clone(), conn.tasks.clone());
                    conn.tasks.spawn(async move {
                        let io = tokio::io::join(into, out);
                        serve_h2(io, gate, &tasks, Serving::session(None)).await;
                    });
                }
                Err(error) => conn.end(&error.to_string()),
            }
        }
    }
    connection.close(quic::CLOSED, conn.reason().as_bytes());
    conn.tasks.shut_down().await;
    Ok(())
}

/// At the door; an unanswered question is asked again at Hello.
async fn is_known_revoked(hub: &Shared, edge: &EdgeId) -> bool {
    hub.registry.is_revoked(edge).await.unwrap_or(false)
}

pub(crate) async fn accept_tcp(
    hub: Arc<Shared>,
    routes: Routes,
    stream: TcpStream,
    addr: SocketAddr,
    turn: (Place, OwnedSemaphorePermit),
) -> Result<(), Refusal> {
    stream.set_nodelay(true)?;
    // One limit for all that the other side could draw out.
    let arrival = timeout(HANDSHAKE_LIMIT, Box::pin(arrive(&hub, stream))).await??;
    drop(turn);
    let (leaf, epoch, Lane { kind, mut io }) = match arrival {
        Arrival::Join(io) => return serve_join(hub, io, addr).await,
        Arrival::Lane(leaf, epoch, lane) => (leaf, epoch, lane),
    };
    bound_send_buffer(io.get_ref().0, kind)?;
    if kind == LaneKind::EdgeCalls {
        accept_lane(&mut io).await?;
        let tasks = Tasks::new(hub.stop.child_token());
        let conn = Conn::new(&leaf, Carrier::Tcp(addr), tasks)?;
        serve_first_lane(&hub, routes, conn, io).await;
        return Ok(());
    }
    let edge = leaf.edge_id()?;
    if is_known_revoked(&hub, &edge).await {
        return Err(Refusal::Session("the edge was revoked"));
    }
    deliver(&hub, &edge, epoch, Lane { kind, io })
}

/// A connection over TCP that has said what it wants.
enum Arrival {
    Join(TlsStream<TcpStream>),
    Lane(Leaf, SessionEpoch, Lane),
}

async fn arrive(hub: &Shared, stream: TcpStream) -> Result<Arrival, Refusal> {
    let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
    let tls = hub.tls.get();
    let joining =
        start.client_hello().alpn().is_some_and(|mut names| names.any(|name| name == ALPN_JOIN));
    if joining {
        return Ok(Arrival::Join(start.into_stream(tls.join).await?));
    }
    let mut io = start.into_stream(tls.link).await?;
    let leaf = client_leaf(io.get_ref().1.peer_certificates())?;
    let (kind, epoch) = read_header(&mut io).await?;
    Ok(Arrival::Lane(leaf, epoch, Lane { kind, io }))
}

fn deliver(hub: &Shared, edge: &EdgeId, epoch: SessionEpoch, lane: Lane) -> Result<(), Refusal> {
    match hub.table.deliver(edge, epoch, lane) {
        true => Ok(()),
        false => Err(Refusal::Session("a lane for no open session")),
    }
}

/// Revocation is checked by Hello, whose answer the edge can read.
async fn serve_first_lane(hub: &Shared, routes: Routes, conn: Arc<Conn>, io: TlsStream<TcpStream>) {
    let gate = Gate { routes, admit: admission(Arc::clone(&conn)) };
    let keep_alive = KeepAlive::new(hub.config.keepalive, hub.config.idle);
    let greeted = async {
        tokio::time::sleep(HELLO_LIMIT).await;
        if conn.peer.get().is_some() {
            std::future::pending::<()>().await;
        }
    };
    let reason = tokio::select! {
        () = conn.tasks.cancel().cancelled() => "closed",
        () = greeted => "no Hello in time",
        () = serve_h2(io, gate, &conn.tasks, Serving::session(Some(keep_alive))) => "the edge closed the connection, or is silent",
    };
    conn.end(reason);
    conn.tasks.shut_down().await;
}

async fn serve_join(
    hub: Arc<Shared>,
    io: TlsStream<TcpStream>,
    addr: SocketAddr,
) -> Result<(), Refusal> {
    let full = Refusal::Session("too many join at once");
    let Some(_place) = hub.join_sources.enter(addr.ip()) else { return Err(full) };
    let Ok(_permit) = hub.joins.try_acquire() else { return Err(full) };
    let tasks = Tasks::new(hub.stop.child_token());
    let keep_alive = KeepAlive::new(hub.config.keepalive, hub.config.idle);
    let answered = CancellationToken::new();
    let service = EnrolmentServer::new(EnrolmentService::new(Arc::clone(&hub), answered.clone()))
        .max_decoding_message_size(MAX_JOIN_MESSAGE);
    let gate = Gate::open(Routes::new(service).prepare());
    let serving = Serving { keep_alive: Some(keep_alive), streams: JOIN_STREAMS, drain: answered };
    let served = timeout(JOIN_LIMIT, serve_h2(io, gate, &tasks, serving));
    tokio::select! {
        () = tasks.cancel().cancelled() => {}
        _ = served => {}
    }
    tasks.shut_down().await;
    Ok(())
}
