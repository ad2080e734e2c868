//! Just enough HTTP to ask the hub whether it is up.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(3);

/// `GET path`: the status and the body, null where it is no JSON.
pub(crate) fn get(port: u16, path: &str) -> Result<(u16, Value)> {
    let (status, body) = send(port, path, "")?;
    Ok((status, serde_json::from_str(&body).unwrap_or_default()))
}

/// `GET path` with a token: the status and the body.
pub(crate) fn get_as(port: u16, path: &str, token: &str) -> Result<(u16, String)> {
    send(port, path, &format!("authorization: Bearer {token}\r\n"))
}

fn send(port: u16, path: &str, headers: &str) -> Result<(u16, String)> {
    let mut stream =
        TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // HTTP/1.0, so that the body comes whole and ends with the connection.
    let request =
        format!("GET {path} HTTP/1.0\r\nhost: 127.0.0.1\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(1 << 20).read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer))
}

fn parse(answer: &str) -> Result<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer is no HTTP")?;
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    let status = status.context("the answer has no status")?;
    Ok((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_status_and_body() {
        let (status, body) = parse("HTTP/1.1 503 X\r\na: b\r\n\r\n{\"ready\":false}").unwrap();
        assert_eq!((status, body.as_str()), (503, "{\"ready\":false}"));
        assert_eq!(parse("HTTP/1.1 200 OK\r\n\r\n").unwrap(), (200, String::new()));
        assert!(parse("SSH-2.0").is_err());
    }
}
