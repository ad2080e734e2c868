//! From a port inside a sandbox to the proxy's socket outside.
//!
//! A sandbox without a network has a loopback interface of its own. What
//! connects there is carried to the UNIX socket of the [`crate::EgressProxy`],
//! which alone decides. Plain threads: it runs before and beside whatever the
//! sandbox runs, and links nothing else.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The most connections at a time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 64;
const BUFFER: usize = 16 * 1024;
/// Enough for a copying loop.
const STACK: usize = 128 * 1024;

/// Carries every connection to `listener` to the socket, until accepting fails.
///
/// # Errors
/// The listener is broken. What goes wrong with one connection ends that one.
pub fn bridge(listener: &TcpListener, socket: &Path) -> io::Result<()> {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let (inside, _) = listener.accept()?;
        let Ok(outside) = UnixStream::connect(socket) else { continue };
        if open.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTIONS {
            open.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let counter = Arc::clone(&open);
        let carried = thread::Builder::new().stack_size(STACK).spawn(move || {
            let _ = carry(&inside, &outside);
            counter.fetch_sub(1, Ordering::Relaxed);
        });
        if carried.is_err() {
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn carry(inside: &TcpStream, outside: &UnixStream) -> io::Result<()> {
    let (from, to) = (inside.try_clone()?, outside.try_clone()?);
    let up = thread::Builder::new().stack_size(STACK).spawn(move || {
        let _ = copy(&from, &to);
        let _ = to.shutdown(Shutdown::Write);
    })?;
    let _ = copy(outside, inside);
    let _ = inside.shutdown(Shutdown::Write);
    up.join().map_err(|_| io::Error::from(io::ErrorKind::Other))
}

fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            read => to.write_all(buffer.get(..read).unwrap_or_default())?,
        }
    }
}
