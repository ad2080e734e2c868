//! QUIC: one bidirectional stream per call, either side opens it, HTTP/2 inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, Endpoint, EndpointConfig, IdleTimeout, ServerConfig, TransportConfig, VarInt,
};
use quinn_proto::HashedConnectionIdGenerator;
use sha2::{Digest, Sha256};
use tokio_rustls::rustls;

use crate::error::LinkError;

/// Application close codes.
pub(crate) const CLOSED: VarInt = VarInt::from_u32(0);
/// The hub does not accept this edge.
pub(crate) const REFUSED: VarInt = VarInt::from_u32(1);

/// Calls that may be under way at once in one direction.
const STREAMS: VarInt = VarInt::from_u32(1024);
const STREAM_WINDOW: VarInt = VarInt::from_u32(2 << 20);
const CONNECTION_WINDOW: VarInt = VarInt::from_u32(16 << 20);

fn transport(keepalive: Duration, idle: Duration) -> Result<Arc<TransportConfig>, LinkError> {
    let idle = IdleTimeout::try_from(idle)
        .map_err(|_| LinkError::Config("the link's idle limit is too long".to_owned()))?;
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(Some(keepalive))
        .max_concurrent_bidi_streams(STREAMS)
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(STREAM_WINDOW)
        .receive_window(CONNECTION_WINDOW);
    Ok(Arc::new(transport))
}

/// The hub's configuration.
pub(crate) fn server_config(
    tls: Arc<rustls::ServerConfig>,
    keepalive: Duration,
    idle: Duration,
) -> Result<ServerConfig, LinkError> {
    let tls = QuicServerConfig::try_from(tls).map_err(LinkError::certificate)?;
    let mut config = ServerConfig::with_crypto(Arc::new(tls));
    config.transport_config(transport(keepalive, idle)?);
    Ok(config)
}

/// The hub's endpoint on a bound socket. With the same `reset_key` as before a
/// restart, it tells edges at once that their connections are gone.
pub(crate) fn server_endpoint(
    socket: std::net::UdpSocket,
    config: ServerConfig,
    reset_key: [u8; 32],
) -> std::io::Result<Endpoint> {
    let hmac = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &reset_key);
    let mut endpoint = EndpointConfig::new(Arc::new(hmac));
    // A reset answers only packets whose connection id the endpoint recognises
    // as its own, so these ids must last as well: by default their key is new
    // at each start.
    let ids = u64::from_le_bytes(first_bytes(&Sha256::digest(reset_key)));
    endpoint.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(ids)));
    Endpoint::new(endpoint, Some(config), socket, Arc::new(quinn::TokioRuntime))
}

/// Dials the hub. A new socket each time: one that has seen a change of
/// network may be unusable.
pub(crate) async fn dial(
    hub: SocketAddr,
    tls: Arc<rustls::ClientConfig>,
    keepalive: Duration,
    idle: Duration,
) -> Result<(Endpoint, quinn::Connection), Box<dyn std::error::Error + Send + Sync>> {
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(transport(keepalive, idle)?);
    let wildcard: IpAddr = match hub {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let endpoint = Endpoint::client(SocketAddr::new(wildcard, 0))?;
    let connection = endpoint.connect_with(config, hub, crate::identity::HUB_NAME)?.await?;
    Ok((endpoint, connection))
}

fn first_bytes(hash: &[u8]) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    first
}
