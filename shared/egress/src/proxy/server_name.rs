//! The name that a TLS connection asks for.

use rustls::server::Acceptor;

use crate::Host;

/// Whether the beginning of a connection is meant for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    /// It does not say yet.
    Unfinished,
    /// It asks for this host.
    Fits,
    /// It is no TLS, or asks for another host or for none.
    Differs,
}

/// Reads the first message of TLS (RFC 8446, 4.1.2). A name must be asked for
/// as it was given to CONNECT; a connection to an address asks for none.
/// Where the name is encrypted (ECH), what stands outside is judged: whoever
/// serves the allowed host decides what it serves inside.
pub(super) fn judge(begin: &[u8], host: &Host) -> Begun {
    let mut acceptor = Acceptor::default();
    let mut rest = begin;
    while !rest.is_empty() {
        if acceptor.read_tls(&mut rest).is_err() {
            return Begun::Differs;
        }
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => {
                let hello = accepted.client_hello();
                let fits = match (host, hello.server_name()) {
                    (Host::Address(_), None) => true,
                    (Host::Name(_), Some(name)) => {
                        name.parse().is_ok_and(|asked: Host| asked == *host)
                    }
                    _ => false,
                };
                return if fits { Begun::Fits } else { Begun::Differs };
            }
            Err(_) => return Begun::Differs,
        }
    }
    Begun::Unfinished
}
