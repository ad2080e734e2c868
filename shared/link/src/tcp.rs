//! TCP: several TLS connections make one link; each begins with a header that
//! says what it is for.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::SessionEpoch;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, rustls};

use crate::tls::hub_name;

/// How long the hub waits for a TLS handshake and the header after it.
pub(crate) const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);

/// Bytes that the system may hold of what a lane sends.
const SEND_BUFFER: usize = 128 << 10;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LaneKind {
    /// The first: calls from the edge to the hub.
    EdgeCalls,
    /// Calls from the hub to the edge.
    HubCalls,
    /// Large transfers from calls of the hub to the edge.
    HubBulk,
    /// Beside QUIC: tells at once when the other side's process is gone.
    Sentinel,
}

impl LaneKind {
    fn byte(self) -> u8 {
        match self {
            Self::EdgeCalls => 1,
            Self::HubCalls => 2,
            Self::HubBulk => 3,
            Self::Sentinel => 4,
        }
    }

    fn from_byte(byte: u8) -> io::Result<Self> {
        match byte {
            1 => Ok(Self::EdgeCalls),
            2 => Ok(Self::HubCalls),
            3 => Ok(Self::HubBulk),
            4 => Ok(Self::Sentinel),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "unknown kind of lane")),
        }
    }
}

/// Kind of a lane and the session that it belongs to; 0 for the first lane,
/// on which the session is opened.
pub(crate) async fn write_header<W: AsyncWrite + Unpin>(
    io: &mut W,
    kind: LaneKind,
    epoch: SessionEpoch,
) -> io::Result<()> {
    let mut header = [0; 9];
    header[0] = kind.byte();
    header[1..].copy_from_slice(&epoch.0.to_be_bytes());
    io.write_all(&header).await?;
    io.flush().await
}

pub(crate) async fn read_header<R: AsyncRead + Unpin>(
    io: &mut R,
) -> io::Result<(LaneKind, SessionEpoch)> {
    let kind = LaneKind::from_byte(io.read_u8().await?)?;
    Ok((kind, SessionEpoch(io.read_u64().await?)))
}

/// The hub's answer to a header that it accepts.
const ACCEPTED: u8 = 1;

pub(crate) async fn accept_lane<W: AsyncWrite + Unpin>(io: &mut W) -> io::Result<()> {
    let answer = async {
        io.write_all(&[ACCEPTED]).await?;
        io.flush().await
    };
    tokio::time::timeout(HANDSHAKE_LIMIT, answer).await?
}

/// Opens a lane and waits until the hub has accepted it: over TLS 1.3 a client
/// learns that its certificate is refused only when it reads.
pub(crate) async fn dial_lane(
    hub: &[std::net::SocketAddr],
    tls: &Arc<rustls::ClientConfig>,
    kind: LaneKind,
    epoch: SessionEpoch,
) -> io::Result<DialledLane> {
    let dial = async {
        let mut io = dial_tls(hub, tls).await?;
        bound_send_buffer(io.get_ref().0, kind)?;
        write_header(&mut io, kind, epoch).await?;
        match io.read_u8().await? {
            ACCEPTED => Ok(io),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not an answer of a hub")),
        }
    };
    tokio::time::timeout(HANDSHAKE_LIMIT, dial).await?
}

/// So that a ping does not wait behind megabytes of a transfer that the system
/// has taken already: HTTP/2 sends it before data that it still holds itself.
pub(crate) fn bound_send_buffer(stream: &TcpStream, kind: LaneKind) -> io::Result<()> {
    match kind {
        LaneKind::Sentinel => Ok(()),
        LaneKind::EdgeCalls | LaneKind::HubCalls | LaneKind::HubBulk => {
            SockRef::from(stream).set_send_buffer_size(SEND_BUFFER)
        }
    }
}

pub(crate) type DialledLane = tokio_rustls::client::TlsStream<TcpStream>;

/// Opens a TLS connection to the hub.
pub(crate) async fn dial_tls(
    hub: &[std::net::SocketAddr],
    tls: &Arc<rustls::ClientConfig>,
) -> io::Result<DialledLane> {
    let stream = TcpStream::connect(hub).await?;
    stream.set_nodelay(true)?;
    let name = hub_name().map_err(io::Error::other)?;
    TlsConnector::from(Arc::clone(tls)).connect(name, stream).await
}

/// How a sentinel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SentinelEnd {
    /// The other side closed it, as the death of its process does.
    Gone,
    /// Nothing came for too long, or the network failed: that tells nothing
    /// of the process.
    Silent,
}

impl SentinelEnd {
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Gone,
            _ => Self::Silent,
        }
    }
}

/// Reads and writes a byte now and then, until the other side is gone or
/// silent for `idle`.
pub(crate) async fn watch_sentinel<S>(io: S, keepalive: Duration, idle: Duration) -> SentinelEnd
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let (mut reader, mut writer) = tokio::io::split(io);
    let beat = async {
        loop {
            tokio::time::sleep(keepalive).await;
            if let Err(error) = writer.write_all(&[0]).await {
                return SentinelEnd::of(&error);
            }
            if let Err(error) = writer.flush().await {
                return SentinelEnd::of(&error);
            }
        }
    };
    let listen = async {
        let mut buffer = [0; 64];
        loop {
            match tokio::time::timeout(idle, reader.read(&mut buffer)).await {
                Ok(Ok(0)) => return SentinelEnd::Gone,
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return SentinelEnd::of(&error),
                Err(_) => return SentinelEnd::Silent,
            }
        }
    };
    tokio::select! {
        end = beat => end,
        end = listen => end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lanes_header_is_read_as_it_was_written() {
        let kinds =
            [LaneKind::EdgeCalls, LaneKind::HubCalls, LaneKind::HubBulk, LaneKind::Sentinel];
        for kind in kinds {
            let (mut near, mut far) = tokio::io::duplex(64);
            write_header(&mut near, kind, SessionEpoch(1 << 40)).await.unwrap();
            assert_eq!(read_header(&mut far).await.unwrap(), (kind, SessionEpoch(1 << 40)));
        }
        let (mut near, mut far) = tokio::io::duplex(64);
        near.write_all(&[9; 9]).await.unwrap();
        assert!(read_header(&mut far).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_sentinel_ends_with_its_peer_and_not_before() {
        let (near, far) = tokio::io::duplex(64);
        let (keepalive, idle) = (Duration::from_secs(1), Duration::from_secs(3));
        let mut watch = std::pin::pin!(watch_sentinel(near, keepalive, idle));
        let mut peer = Box::pin(watch_sentinel(far, keepalive, idle));
        tokio::select! {
            _ = &mut watch => panic!("ended while the peer lived"),
            _ = &mut peer => panic!("ended while we lived"),
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
        }
        drop(peer);
        assert_eq!(watch.await, SentinelEnd::Gone);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_not_taken_for_death() {
        let (near, _far) = tokio::io::duplex(64);
        let watch = watch_sentinel(near, Duration::from_secs(1), Duration::from_secs(3));
        assert_eq!(watch.await, SentinelEnd::Silent);
        let network = io::Error::from(io::ErrorKind::HostUnreachable);
        assert_eq!(SentinelEnd::of(&network), SentinelEnd::Silent);
    }

    #[tokio::test]
    async fn the_system_holds_little_of_what_a_lane_sends() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let size = || SockRef::from(&stream).send_buffer_size().unwrap();
        let usual = size();
        bound_send_buffer(&stream, LaneKind::Sentinel).unwrap();
        assert_eq!(size(), usual);
        bound_send_buffer(&stream, LaneKind::HubBulk).unwrap();
        // Linux tells the double: it counts its own records.
        assert!((SEND_BUFFER..=2 * SEND_BUFFER).contains(&size()), "{}", size());
    }
}
