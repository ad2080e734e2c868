//! A connection that the proxy carries without seeing into it.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::meter::Uploads;
use super::server::ProxyLimits;
use super::server_name::{Begun, judge};
use crate::Host;

const BUFFER: usize = 16 * 1024;
/// The most bytes of a first message: two records of TLS.
const MAX_HELLO: usize = 32 * 1024;

/// Why a tunnel ended early, for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum TunnelError {
    #[error("the connection asks for another host than CONNECT did")]
    NameDiffers,
    #[error("the connection did not begin in time")]
    Silent,
    #[error(transparent)]
    Refused(#[from] crate::Refusal),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Carries bytes both ways until both sides have ended, one has broken off,
/// nothing was sent for a while, or too much was. Nothing is passed on before
/// the client has asked for the right host.
pub(super) async fn carry(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    mut server: TcpStream,
    host: &Host,
    uploads: &Arc<Uploads>,
    limits: &ProxyLimits,
) -> Result<(), TunnelError> {
    let begin = timeout(limits.begin, hello(&mut client, host))
        .await
        .map_err(|_| TunnelError::Silent)??;
    uploads.charge(host, begin.len() as u64)?;
    server.write_all(&begin).await?;
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_server, mut to_server) = server.split();
    let alive = Notify::new();
    let both = async {
        tokio::try_join!(
            copy(&mut from_client, &mut to_server, &alive, |bytes| uploads.charge(host, bytes)),
            copy(&mut from_server, &mut to_client, &alive, |_| Ok(())),
        )
    };
    let idle = async { while timeout(limits.idle, alive.notified()).await.is_ok() {} };
    tokio::select! {
        done = both => done.map(|_| ()),
        () = idle => Ok(()),
    }
}

/// The client's first message.
async fn hello(client: &mut (impl AsyncRead + Unpin), host: &Host) -> Result<Vec<u8>, TunnelError> {
    let mut begin = Vec::new();
    while begin.len() < MAX_HELLO {
        if client.read_buf(&mut begin).await? == 0 {
            break;
        }
        match judge(&begin, host) {
            Begun::Unfinished => {}
            Begun::Fits => return Ok(begin),
            Begun::Differs => break,
        }
    }
    Err(TunnelError::NameDiffers)
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    alive: &Notify,
    mut charge: impl FnMut(u64) -> Result<(), crate::Refusal>,
) -> Result<(), TunnelError> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            to.shutdown().await?;
            return Ok(());
        }
        charge(read as u64)?;
        alive.notify_one();
        to.write_all(buffer.get(..read).unwrap_or_default()).await?;
    }
}
