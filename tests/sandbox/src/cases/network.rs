//! Connections of all kinds: the listeners on the machine say whether somebody came.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{self, UnixDatagram, UnixListener};

use anyhow::{Context as _, Result};

use super::Case;
use crate::place::Place;
use crate::shell::Shell;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("19", "TCP to the machine's loopback and LAN address", tcp),
        Case::new("20", "TCP over IPv6 and mapped IPv4", tcp_v6),
        Case::new("21", "UDP datagrams, as a DNS query would be", udp),
        Case::new("22", "sockets of other families and protocols", families),
        Case::new("23", "connect to a UNIX socket outside", unix_stream),
        Case::new("23b", "datagram to a UNIX socket outside, also from a pair", unix_datagram),
        Case::new("24", "connect to an abstract socket", abstract_socket),
        Case::new("25", "bash's /dev/tcp", dev_tcp),
        Case::new("26", "the port of a local service at another address", other_address),
    ]
}

/// Listens without waiting.
fn listen(address: impl Into<SocketAddr>) -> Result<TcpListener> {
    let listener = TcpListener::bind(address.into())?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Whether somebody came.
fn came<T>(accepted: std::io::Result<T>) -> Result<bool> {
    match accepted {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// An address of this machine that others see. Nothing is sent.
fn lan() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|address| !address.is_loopback())
}

fn probe(place: &Place, shell: &Shell, verb: &str, target: &str) -> Result<String> {
    shell.bash(place, &format!("{} {verb} '{target}'", place.probe().display()))
}

fn tcp(place: &Place, shell: &Shell) -> Result<bool> {
    let addresses = [Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), lan()];
    let mut reached = false;
    for address in addresses.into_iter().flatten() {
        let listener = listen((address, 0))?;
        probe(place, shell, "tcp", &listener.local_addr()?.to_string())?;
        reached |= came(listener.accept())?;
    }
    Ok(reached)
}

fn tcp_v6(place: &Place, shell: &Shell) -> Result<bool> {
    let mut reached = false;
    if let Ok(listener) = listen("[::1]:0".parse::<SocketAddr>()?) {
        probe(place, shell, "tcp", &listener.local_addr()?.to_string())?;
        reached |= came(listener.accept())?;
    }
    let listener = listen((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    probe(place, shell, "tcp", &format!("[::ffff:127.0.0.1]:{port}"))?;
    Ok(reached | came(listener.accept())?)
}

fn udp(place: &Place, shell: &Shell) -> Result<bool> {
    let addresses = [Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), lan()];
    let mut reached = false;
    for address in addresses.into_iter().flatten() {
        let socket = UdpSocket::bind((address, 0))?;
        socket.set_nonblocking(true)?;
        probe(place, shell, "udp", &socket.local_addr()?.to_string())?;
        reached |= came(socket.recv_from(&mut [0; 64]))?;
    }
    Ok(reached)
}

fn families(place: &Place, shell: &Shell) -> Result<bool> {
    let said = shell.bash(place, &format!("{} sockets", place.probe().display()))?;
    anyhow::ensure!(said.contains("alg"), "the attack did not run to its end: {said}");
    Ok(said.contains("OPEN"))
}

fn open_to_all(path: &std::path::Path) -> Result<()> {
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777))?)
}

fn unix_stream(place: &Place, shell: &Shell) -> Result<bool> {
    let path = place.outside.join("socket");
    let listener = UnixListener::bind(&path)?;
    listener.set_nonblocking(true)?;
    open_to_all(&path)?;
    probe(place, shell, "unix", &place.out("socket"))?;
    came(listener.accept())
}

fn unix_datagram(place: &Place, shell: &Shell) -> Result<bool> {
    let path = place.outside.join("datagrams");
    let socket = UnixDatagram::bind(&path)?;
    socket.set_nonblocking(true)?;
    open_to_all(&path)?;
    let mut reached = false;
    for verb in ["datagram", "pair"] {
        probe(place, shell, verb, &place.out("datagrams"))?;
        reached |= came(socket.recv(&mut [0; 64]))?;
    }
    Ok(reached)
}

fn abstract_socket(place: &Place, shell: &Shell) -> Result<bool> {
    let name = format!("agentos-escape-{}", std::process::id());
    let listener = UnixListener::bind_addr(&net::SocketAddr::from_abstract_name(&name)?)?;
    listener.set_nonblocking(true)?;
    probe(place, shell, "abstract", &name)?;
    came(listener.accept())
}

fn dev_tcp(place: &Place, shell: &Shell) -> Result<bool> {
    let listener = listen((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    shell.bash(place, &format!("exec 3<>/dev/tcp/127.0.0.1/{port}; echo x >&3"))?;
    came(listener.accept())
}

fn other_address(place: &Place, shell: &Shell) -> Result<bool> {
    let lan = lan().context("this machine has no other address")?;
    let service = listen((Ipv4Addr::LOCALHOST, 0))?;
    let other = listen((lan, service.local_addr()?.port()))?;
    probe(place, shell, "tcp", &other.local_addr()?.to_string())?;
    came(other.accept())
}
