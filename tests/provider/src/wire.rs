//! A connection that can be reset.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// What an answer knows of its connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wire(Arc<AtomicBool>);

impl Wire {
    /// Resets the connection as soon as all that was answered so far is
    /// written, and never returns.
    pub(crate) async fn reset<T>(&self) -> T {
        self.0.store(true, Ordering::Release);
        // The connection is looked at once more: then it flushes, and breaks.
        tokio::task::yield_now().await;
        pending().await
    }

    fn is_reset(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The socket of a connection. If it is closed because of [`Wire::reset`] or
/// because the mock stops, the peer sees a reset instead of an end.
pub(crate) struct Socket {
    stream: TcpStream,
    wire: Wire,
    stop: CancellationToken,
}

impl Socket {
    /// # Errors
    /// If the connection is gone already.
    pub(crate) fn new(stream: TcpStream, wire: Wire, stop: CancellationToken) -> io::Result<Self> {
        // Without it each small event waits for an acknowledgement: 40 ms.
        stream.set_nodelay(true)?;
        Ok(Self { stream, wire, stop })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.wire.is_reset() || self.stop.is_cancelled() {
            // A connection that is gone needs no reset.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// The server flushes when it has written all that it had.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.wire.is_reset() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn chunks_do_not_wait_for_acknowledgements() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        let (stream, _) = accepted.unwrap();
        assert!(!stream.nodelay().unwrap());
        let socket = Socket::new(stream, Wire::default(), CancellationToken::new()).unwrap();
        assert!(socket.stream.nodelay().unwrap());
        drop(client);
    }
}
