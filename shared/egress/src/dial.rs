//! Connections, to vetted addresses alone.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{Refusal, Target};

/// Connects to the first of the target's addresses that accepts within
/// `limit`, which all of them share.
///
/// # Errors
/// [`Refusal::Unreachable`].
pub async fn dial(target: &Target, limit: Duration) -> Result<TcpStream, Refusal> {
    let attempts = async {
        for address in target.addresses() {
            match TcpStream::connect(address).await.and_then(|stream| checked(stream, target)) {
                Ok(stream) => return Some(stream),
                Err(error) => tracing::debug!(%error, host = %target.host(), "no connection"),
            }
        }
        None
    };
    let connected = timeout(limit, attempts).await.ok().flatten();
    connected.ok_or_else(|| Refusal::Unreachable { host: target.host().clone() })
}

/// Whoever answered is who was asked.
fn checked(stream: TcpStream, target: &Target) -> io::Result<TcpStream> {
    if !target.addresses().contains(&stream.peer_addr()?) {
        return Err(io::ErrorKind::AddrNotAvailable.into());
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}
