//! From the hub's address to a session.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::SessionEpoch;
use agentos_proto::v1::session_client::SessionClient;
use agentos_proto::v1::{HelloRequest, Welcome};
use futures::future::select_ok;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls;
use tokio_util::sync::CancellationToken;

use super::config::TransportChoice;
use super::hold::{Ending, Live};
use super::run::Core;
use crate::channel::LinkChannel;
use crate::error::LinkError;
use crate::quic;
use crate::serve::{Gate, KeepAlive, Serving, Tasks, Transport, serve_h2};
use crate::tcp::{HANDSHAKE_LIMIT, LaneKind, dial_lane};
use crate::tls::edge_config;

const RESOLVE_LIMIT: Duration = Duration::from_secs(5);
const HELLO_LIMIT: Duration = Duration::from_secs(5);
const ADDRESSES: usize = 8;
const OFFLINE: &str = "hub offline: the link is down";

/// The addresses of `HOST:PORT`.
pub(super) async fn resolve(hub: &str) -> Result<Vec<SocketAddr>, LinkError> {
    let port = hub.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if port.is_none() {
        return Err(LinkError::Config(format!(
            "`{hub}` is not the address of a hub: write it as HOST:PORT, such as nas.local:7443"
        )));
    }
    let unreachable = |reason: String| LinkError::Unreachable { hub: hub.to_owned(), reason };
    let found = timeout(RESOLVE_LIMIT, tokio::net::lookup_host(hub))
        .await
        .map_err(|_| unreachable("its name is not resolved in time".to_owned()))?
        .map_err(|error| unreachable(error.to_string()))?;
    let addrs: Vec<_> = found.take(ADDRESSES).collect();
    match addrs.is_empty() {
        true => Err(unreachable("its name has no address".to_owned())),
        false => Ok(addrs),
    }
}

/// QUIC first, then TCP, as the configuration says.
pub(super) async fn dial(core: &Arc<Core>, stop: &CancellationToken) -> Result<Live, LinkError> {
    let config = &core.config;
    let addrs = resolve(&config.hub).await?;
    let tls = edge_config(&core.identity.get(), &core.clock)?;
    match config.transport {
        TransportChoice::QuicOnly => {
            dial_quic(core, &addrs, &tls, config.quic_deadline, stop).await
        }
        TransportChoice::TcpOnly => dial_tcp(core, &addrs, &tls, stop).await,
        TransportChoice::Auto => dial_either(core, &addrs, &tls, stop).await,
    }
}

/// QUIC alone, for an edge that is connected over TCP.
pub(super) async fn dial_quic_again(
    core: &Arc<Core>,
    stop: &CancellationToken,
) -> Result<Live, LinkError> {
    let addrs = resolve(&core.config.hub).await?;
    let tls = edge_config(&core.identity.get(), &core.clock)?;
    dial_quic(core, &addrs, &tls, core.config.quic_deadline, stop).await
}

async fn dial_either(
    core: &Arc<Core>,
    addrs: &[SocketAddr],
    tls: &Arc<rustls::ClientConfig>,
    stop: &CancellationToken,
) -> Result<Live, LinkError> {
    let config = &core.config;
    let mut tried = dial_quic(core, addrs, tls, config.quic_deadline, stop).await;
    if matches!(tried, Err(LinkError::Unreachable { .. })) {
        tcp_answers(&config.hub, addrs).await?;
        tried = dial_quic(core, addrs, tls, config.quic_retry, stop).await;
    }
    match tried {
        // Over TCP a refusal would be the same.
        Ok(_) | Err(LinkError::Refused { .. } | LinkError::WrongHub { .. }) => tried,
        Err(error) => {
            tracing::debug!(%error, "no link over QUIC, trying TCP");
            dial_tcp(core, addrs, tls, stop).await
        }
    }
}

/// Whether somebody listens at the hub's address.
async fn tcp_answers(hub: &str, addrs: &[SocketAddr]) -> Result<(), LinkError> {
    let failed = |error: std::io::Error| LinkError::of_dial(hub, &error);
    let connected = timeout(HANDSHAKE_LIMIT, TcpStream::connect(addrs)).await;
    connected.map_err(|late| failed(late.into()))?.map_err(failed)?;
    Ok(())
}

async fn dial_quic(
    core: &Arc<Core>,
    addrs: &[SocketAddr],
    tls: &Arc<rustls::ClientConfig>,
    deadline: Duration,
    stop: &CancellationToken,
) -> Result<Live, LinkError> {
    let config = &core.config;
    let dials = addrs
        .iter()
        .map(|addr| Box::pin(quic::dial(*addr, Arc::clone(tls), config.keepalive, config.idle)));
    let ((endpoint, connection), _) = timeout(deadline, select_ok(dials))
        .await
        .map_err(|_| LinkError::Unreachable {
            hub: config.hub.clone(),
            reason: "no answer over UDP".to_owned(),
        })?
        .map_err(|error| LinkError::of_dial(&config.hub, &*error))?;
    let tasks = Tasks::new(stop.child_token());
    let ending = Ending::quic(tasks.clone(), connection.clone(), endpoint);
    serve_streams(core, &connection, &ending);
    let channel = LinkChannel::quic(connection.clone(), 0, tasks, OFFLINE);
    let epoch = match hello(core, &channel).await {
        Ok(epoch) => epoch,
        Err(error) => {
            // A refused certificate shows as the end of the connection.
            let closed = connection.close_reason();
            ending.finish("no session").await;
            return Err(match closed.map(|reason| LinkError::of_dial(&config.hub, &reason)) {
                Some(refused @ LinkError::Refused { .. }) => refused,
                _ => error,
            });
        }
    };
    ending.watch_sentinel(core, connection.remote_address(), epoch, channel.clone());
    Ok(Live { epoch, transport: Transport::Quic, channel, ending })
}

/// The edge's services, on the streams that the hub opens.
fn serve_streams(core: &Core, connection: &quinn::Connection, ending: &Ending) {
    let gate = Gate::open(core.routes.clone());
    let (connection, owner) = (connection.clone(), ending.clone());
    ending.tasks().spawn(async move {
        loop {
            match connection.accept_bi().await {
                Ok((out, into)) => {
                    let (gate, tasks) = (gate.clone(), owner.tasks().clone());
                    owner.tasks().spawn(async move {
                        let io = tokio::io::join(into, out);
                        serve_h2(io, gate, &tasks, Serving::session(None)).await;
                    });
                }
                Err(error) => return owner.end(&error.to_string()),
            }
        }
    });
}

async fn dial_tcp(
    core: &Core,
    addrs: &[SocketAddr],
    tls: &Arc<rustls::ClientConfig>,
    stop: &CancellationToken,
) -> Result<Live, LinkError> {
    let tasks = Tasks::new(stop.child_token());
    let ending = Ending::tcp(tasks);
    match open_lanes(core, addrs, tls, &ending).await {
        Ok((epoch, channel)) => Ok(Live { epoch, transport: Transport::Tcp, channel, ending }),
        Err(error) => {
            ending.finish("no session").await;
            Err(error)
        }
    }
}

async fn open_lanes(
    core: &Core,
    addrs: &[SocketAddr],
    tls: &Arc<rustls::ClientConfig>,
    ending: &Ending,
) -> Result<(SessionEpoch, LinkChannel), LinkError> {
    let config = &core.config;
    let hub = config.hub.as_str();
    let failed = |error: std::io::Error| LinkError::of_dial(hub, &error);
    let keep_alive = KeepAlive::new(config.keepalive, config.idle);
    let first =
        dial_lane(addrs, tls, LaneKind::EdgeCalls, SessionEpoch(0)).await.map_err(failed)?;
    // The other lanes go to the same address: a name may stand for several hubs.
    let addr = first.get_ref().0.peer_addr().map_err(failed)?;
    let (channel, driver) = LinkChannel::tcp(first, keep_alive, ending.tasks().clone(), OFFLINE)
        .await
        .map_err(|error| LinkError::of_dial(hub, &error))?;
    let owner = ending.clone();
    ending.tasks().spawn(async move {
        driver.await;
        owner.end("the hub closed the connection, or is silent");
    });
    let epoch = hello(core, &channel).await?;
    for kind in [LaneKind::HubCalls, LaneKind::HubBulk] {
        let io = dial_lane(&[addr], tls, kind, epoch).await.map_err(failed)?;
        let gate = Gate::open(core.routes.clone());
        let owner = ending.clone();
        ending.tasks().spawn(async move {
            serve_h2(io, gate, owner.tasks(), Serving::session(Some(keep_alive))).await;
            owner.end("the hub closed a lane, or is silent");
        });
    }
    Ok((epoch, channel))
}

async fn hello(core: &Core, channel: &LinkChannel) -> Result<SessionEpoch, LinkError> {
    let hub = core.config.hub.as_str();
    let request = HelloRequest {
        boot_id: core.boot_id.clone(),
        version: core.config.version.clone(),
        capabilities: core.config.capabilities.clone(),
        attempts: (core.held)(),
    };
    let mut client = SessionClient::new(channel.clone());
    let welcome: Welcome = timeout(HELLO_LIMIT, client.hello(request))
        .await
        .map_err(|_| LinkError::Unreachable {
            hub: hub.to_owned(),
            reason: "no answer to Hello".to_owned(),
        })?
        .map_err(|status| LinkError::of_status(hub, &status))?
        .into_inner();
    Ok(SessionEpoch(welcome.session_epoch))
}
