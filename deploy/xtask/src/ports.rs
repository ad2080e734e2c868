//! Ports of this machine.

use std::net::{TcpListener, UdpSocket};

use anyhow::{Context, Result};

const HOST: &str = "127.0.0.1";

/// The port if nothing listens on it, else a free one. With `udp` it must be
/// free for both.
pub(crate) fn choose(wanted: u16, udp: bool) -> Result<u16> {
    if is_free(wanted, udp) {
        return Ok(wanted);
    }
    (0..50)
        .filter_map(|_| Some(TcpListener::bind((HOST, 0)).ok()?.local_addr().ok()?.port()))
        .find(|port| is_free(*port, udp))
        .context("no free port on 127.0.0.1")
}

fn is_free(port: u16, udp: bool) -> bool {
    TcpListener::bind((HOST, port)).is_ok() && (!udp || UdpSocket::bind((HOST, port)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_avoided() {
        let tcp = TcpListener::bind((HOST, 0)).unwrap();
        let taken = tcp.local_addr().unwrap().port();
        assert_ne!(choose(taken, false).unwrap(), taken);

        let udp = UdpSocket::bind((HOST, 0)).unwrap();
        let taken = udp.local_addr().unwrap().port();
        assert_ne!(choose(taken, true).unwrap(), taken);
    }
}
