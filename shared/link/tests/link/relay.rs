//! A relay between an edge and its hub, that can change address, go silent,
//! and cut connections.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::any_port;

/// Pieces from the hub over each TCP connection there was.
type Chunks = Arc<Mutex<Vec<usize>>>;

pub(crate) struct Relay {
    addr: SocketAddr,
    silent: Arc<AtomicBool>,
    datagrams: Arc<AtomicUsize>,
    deaf: Arc<AtomicBool>,
    tcp_chunks: Chunks,
    cut: watch::Sender<u32>,
    address: watch::Sender<u32>,
    tcp: Option<JoinSet<()>>,
    _udp: JoinSet<()>,
}

impl Relay {
    /// With `tcp` it relays TCP as well; else TCP is refused.
    pub(crate) async fn start(hub: SocketAddr, tcp: bool) -> Self {
        let (listener, front) = loop {
            let listener = TcpListener::bind(any_port()).await.unwrap();
            if let Ok(front) = UdpSocket::bind(listener.local_addr().unwrap()).await {
                break (listener, front);
            }
        };
        let addr = front.local_addr().unwrap();
        let silent = Arc::new(AtomicBool::new(false));
        let datagrams = Arc::new(AtomicUsize::new(0));
        let (deaf, tcp_chunks) = (Arc::new(AtomicBool::new(false)), Chunks::default());
        let (cut, cuts) = watch::channel(0);
        let (address, changes) = watch::channel(0);
        let mut udp = JoinSet::new();
        let flags = [Arc::clone(&silent), Arc::clone(&deaf)];
        udp.spawn(relay_udp(front, hub, flags, Arc::clone(&datagrams), changes));
        let tcp = tcp.then(|| {
            let mut tasks = JoinSet::new();
            tasks.spawn(relay_tcp(listener, hub, Arc::clone(&tcp_chunks), cuts));
            tasks
        });
        Self { addr, silent, datagrams, deaf, tcp_chunks, cut, address, tcp, _udp: udp }
    }

    pub(crate) fn addr(&self) -> String {
        self.addr.to_string()
    }

    /// Drops all datagrams from now on.
    pub(crate) fn silence_udp(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    /// Passes datagrams again.
    pub(crate) fn resume_udp(&self) {
        self.silent.store(false, Ordering::SeqCst);
    }

    /// Drops all datagrams of the address that sends the first: of one dial.
    pub(crate) fn ignore_the_first_dial(&self) {
        self.deaf.store(true, Ordering::SeqCst);
    }

    /// Ends the TCP connections of now; returns how many there have been.
    pub(crate) fn cut_tcp(&self) -> usize {
        let count = self.tcp_chunks.lock().unwrap().len();
        self.cut.send_modify(|count| *count += 1);
        count
    }

    /// As a dead process does: connections end, datagrams go nowhere.
    pub(crate) fn die(&mut self) {
        self.silence_udp();
        self.tcp = None;
    }

    /// The hub sees datagrams from another address from now on.
    pub(crate) fn change_address(&self) {
        self.address.send_modify(|count| *count += 1);
    }

    /// How many pieces have come from the hub over the TCP connection that had
    /// the most, leaving out the first `older` connections.
    pub(crate) fn tcp_chunks(&self, older: usize) -> usize {
        self.tcp_chunks.lock().unwrap().iter().skip(older).copied().max().unwrap_or(0)
    }

    pub(crate) fn datagrams(&self) -> usize {
        self.datagrams.load(Ordering::SeqCst)
    }
}

async fn relay_udp(
    front: UdpSocket,
    hub: SocketAddr,
    [silent, deaf]: [Arc<AtomicBool>; 2],
    datagrams: Arc<AtomicUsize>,
    mut changes: watch::Receiver<u32>,
) {
    let mut back = UdpSocket::bind(any_port()).await.unwrap();
    let (mut edge, mut first) = (None, None);
    let (mut from_edge, mut from_hub) = (vec![0; 65536], vec![0; 65536]);
    loop {
        tokio::select! {
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                back = UdpSocket::bind(any_port()).await.unwrap();
            }
            Ok((length, from)) = front.recv_from(&mut from_edge) => {
                let first = *first.get_or_insert(from);
                if first == from && deaf.load(Ordering::SeqCst) {
                    continue;
                }
                edge = Some(from);
                if !silent.load(Ordering::SeqCst) {
                    datagrams.fetch_add(1, Ordering::SeqCst);
                    drop(back.send_to(&from_edge[..length], hub).await);
                }
            }
            Ok((length, _)) = back.recv_from(&mut from_hub) => {
                if let Some(edge) = edge.filter(|_| !silent.load(Ordering::SeqCst)) {
                    drop(front.send_to(&from_hub[..length], edge).await);
                }
            }
        }
    }
}

async fn relay_tcp(
    listener: TcpListener,
    hub: SocketAddr,
    from_hub: Chunks,
    cuts: watch::Receiver<u32>,
) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let index = {
            let mut counts = from_hub.lock().unwrap();
            counts.push(0);
            counts.len() - 1
        };
        let (counts, mut cuts) = (Arc::clone(&from_hub), cuts.clone());
        cuts.mark_unchanged();
        connections.spawn(async move {
            let Ok(far) = TcpStream::connect(hub).await else { return };
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            let (mut near_in, mut near_out) = near.into_split();
            let (mut far_in, mut far_out) = far.into_split();
            tokio::select! {
                () = pump(&mut near_in, &mut far_out, || {}) => {}
                () = pump(&mut far_in, &mut near_out, || counts.lock().unwrap()[index] += 1) => {}
                _ = cuts.changed() => {}
            }
        });
    }
}

async fn pump(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, count: impl Fn()) {
    let mut buffer = vec![0; 65536];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        count();
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
