//! `web_fetch`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{Place, keys};
use super::{Server, reply, web};
use crate::*;

async fn place(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> (Server, Place) {
    let server = Server::start(answer).await;
    let place = Place::with_tool(WebFetch::new(Arc::new(web(server.port))));
    (server, place)
}

fn url(server: &Server, path: &str) -> Value {
    json!({ "url": format!("http://site.test:{}{path}", server.port) })
}

#[tokio::test]
async fn a_page_becomes_text() {
    let html = "<title>Hello</title><h1>World</h1><a href=/next>on</a>";
    let (server, place) = place(move |_| reply("200 OK", "text/html", html)).await;
    let got = place.ok("web_fetch", url(&server, "/a")).await;
    assert_eq!(keys(&got), ["status", "url", "title", "text", "truncated"]);
    assert_eq!(got["status"], 200);
    assert_eq!(got["title"], "Hello");
    let port = server.port;
    assert_eq!(got["text"], format!("# World\n\n[on](http://site.test:{port}/next)"));
    assert_eq!(got["url"], format!("http://site.test:{port}/a"));
}

#[tokio::test]
async fn what_is_not_there_is_a_result_that_says_so() {
    for (status, word) in [
        ("404 Not Found", "does not exist"),
        ("403 Forbidden", "does not show"),
        ("503 Busy", "cannot answer now"),
    ] {
        let (server, place) = place(move |_| reply(status, "text/html", "<p>sorry")).await;
        let got = place.ok("web_fetch", url(&server, "/gone")).await;
        assert_eq!(got["status"], status[..3].parse::<u16>().unwrap());
        assert!(got["note"].as_str().unwrap().contains(word), "{got}");
        assert_eq!(got["text"], "sorry");
    }
}

#[tokio::test]
async fn a_long_page_is_read_in_parts() {
    let text: String = (0..10_000).map(|number| format!("line {number} ü\n")).collect();
    let served = text.clone();
    let (server, place) =
        place(move |_| reply("200 OK", "text/plain; charset=utf-8", &served)).await;
    let pages = place.pages("web_fetch", url(&server, "/long")).await;
    let parts: Vec<&str> = pages.iter().map(|page| page["text"].as_str().unwrap()).collect();
    assert!(parts.len() > 3 && parts.iter().all(|part| part.len() <= 32 * 1024));
    assert_eq!(parts.concat(), text);
}

#[tokio::test]
async fn other_alphabets_are_read() {
    let latin = b"<meta charset=iso-8859-1><p>gr\xfc\xdfe".to_vec();
    let (server, place) = place(move |line| match line {
        _ if line.contains("/head") => reply("200 OK", "text/html; charset=\"latin1\"", &latin),
        _ => reply("200 OK", "text/html", &latin),
    })
    .await;
    for path in ["/head", "/meta"] {
        assert_eq!(place.ok("web_fetch", url(&server, path)).await["text"], "grüße", "{path}");
    }
}

#[tokio::test]
async fn what_is_no_text_is_refused() {
    let (server, place) = place(|line| match line {
        _ if line.contains("/zip") => reply("200 OK", "application/zip", b"PK\x03\x04"),
        _ if line.contains("/lie") => reply("200 OK", "text/plain", b"a\0b"),
        _ => reply("200 OK", "application/json", b"{\"a\": 1}"),
    })
    .await;
    for path in ["/zip", "/lie"] {
        assert_eq!(place.code("web_fetch", url(&server, path)).await, "not_text", "{path}");
    }
    assert_eq!(place.ok("web_fetch", url(&server, "/json")).await["text"], "{\"a\": 1}");
}

#[tokio::test]
async fn what_may_not_be_reached_says_why() {
    let (server, place) = place(|_| reply("200 OK", "text/html", "x")).await;
    let port = server.port;
    for (address, code) in [
        (format!("http://127.0.0.1:{port}/"), "private_address"),
        (format!("http://2130706433:{port}/"), "private_address"),
        ("http://site.test:1/".to_owned(), "host_not_allowed"),
        ("file:///etc/passwd".to_owned(), "scheme_not_allowed"),
        (format!("http://u:p@site.test:{port}/"), "user_info_in_url"),
        (format!("http://unknown.test:{port}/"), "host_not_found"),
        ("no address".to_owned(), "invalid_url"),
    ] {
        assert_eq!(place.code("web_fetch", json!({ "url": address })).await, code, "{address}");
    }
    let mut named = url(&server, "/");
    named["auth"] = "github".into();
    assert_eq!(place.code("web_fetch", named).await, "unknown_credential");
    assert_eq!(server.heads().len(), 0);
    // A secret is no argument.
    let error = place.code("web_fetch", json!({ "url": "http://x", "headers": {} })).await;
    assert_eq!(error, "invalid_arguments");
}

#[tokio::test]
async fn a_cancelled_fetch_ends() {
    let (server, place) = place(|_| reply("200 OK", "text/html", "x")).await;
    place.context.cancel.cancel();
    assert_eq!(place.code("web_fetch", url(&server, "/")).await, "cancelled");
}
