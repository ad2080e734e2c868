//! `agentos-egress-bridge PORT SOCKET COMMAND [ARGUMENTS]`: runs a command in
//! a sandbox whose way out is a proxy at a UNIX socket, and ends as it does.

use std::env;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::thread;

fn main() -> io::Result<ExitCode> {
    let usage = || {
        let text = "usage: agentos-egress-bridge PORT SOCKET COMMAND [ARGUMENTS]";
        io::Error::new(io::ErrorKind::InvalidInput, text)
    };
    let mut arguments = env::args_os().skip(1);
    let port = arguments.next().and_then(|port| port.to_str()?.parse::<u16>().ok());
    let port = port.ok_or_else(usage)?;
    let socket = PathBuf::from(arguments.next().ok_or_else(usage)?);
    let program = arguments.next().ok_or_else(usage)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let proxy = format!("http://{}", listener.local_addr()?);
    thread::Builder::new().spawn(move || agentos_egress::bridge(&listener, &socket))?;
    let mut command = Command::new(program);
    command.args(arguments);
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, &proxy);
    }
    let status = command.env("no_proxy", "").env("NO_PROXY", "").status()?;
    // As shells report the death by a signal.
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    Ok(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}
