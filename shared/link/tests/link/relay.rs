//! A relay between an edge and its hub, that can change address, go silent,
//! and cut connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::any_port;

pub(crate) struct Relay {
    addr: SocketAddr,
    silent: Arc<AtomicBool>,
    datagrams: Arc<AtomicUsize>,
    tcp_chunks: Arc<AtomicUsize>,
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
        let tcp_chunks = Arc::new(AtomicUsize::new(0));
        let (address, changes) = watch::channel(0);
        let mut udp = JoinSet::new();
        udp.spawn(relay_udp(front, hub, Arc::clone(&silent), Arc::clone(&datagrams), changes));
        let tcp = tcp.then(|| {
            let mut tasks = JoinSet::new();
            tasks.spawn(relay_tcp(listener, hub, Arc::clone(&tcp_chunks)));
            tasks
        });
        Self { addr, silent, datagrams, tcp_chunks, address, tcp, _udp: udp }
    }

    pub(crate) fn addr(&self) -> String {
        self.addr.to_string()
    }

    /// Drops all datagrams from now on.
    pub(crate) fn silence_udp(&self) {
        self.silent.store(true, Ordering::SeqCst);
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

    /// How many pieces have come from the hub over TCP.
    pub(crate) fn tcp_chunks(&self) -> usize {
        self.tcp_chunks.load(Ordering::SeqCst)
    }

    pub(crate) fn datagrams(&self) -> usize {
        self.datagrams.load(Ordering::SeqCst)
    }
}

async fn relay_udp(
    front: UdpSocket,
    hub: SocketAddr,
    silent: Arc<AtomicBool>,
    datagrams: Arc<AtomicUsize>,
    mut changes: watch::Receiver<u32>,
) {
    let mut back = UdpSocket::bind(any_port()).await.unwrap();
    let mut edge = None;
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

async fn relay_tcp(listener: TcpListener, hub: SocketAddr, from_hub: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let counter = Arc::clone(&from_hub);
        connections.spawn(async move {
            let Ok(far) = TcpStream::connect(hub).await else { return };
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            let (mut near_in, mut near_out) = near.into_split();
            let (mut far_in, mut far_out) = far.into_split();
            let ignored = AtomicUsize::new(0);
            tokio::select! {
                () = pump(&mut near_in, &mut far_out, &ignored) => {}
                () = pump(&mut far_in, &mut near_out, &counter) => {}
            }
        });
    }
}

async fn pump(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, chunks: &AtomicUsize) {
    let mut buffer = vec![0; 65536];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        chunks.fetch_add(1, Ordering::SeqCst);
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
