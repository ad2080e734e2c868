//! `web_search`.

use serde_json::json;
use url::Url;
use zeroize::Zeroizing;

use super::super::Place;
use super::{Server, certificate, reply, resolver};
use crate::*;

const KEY: &str = "CANARY-subscription";

async fn searxng(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> (Server, Place) {
    let server = Server::start(answer).await;
    let base = Url::parse(&format!("http://search.home:{}/searx", server.port)).unwrap();
    let tls = agentos_egress::tls_config().unwrap();
    let tool =
        WebSearch::new(SearchEngine::Searxng { base }, &tls, resolver("search.home")).unwrap();
    (server, Place::with_tool(tool))
}

#[tokio::test]
async fn searxng_in_the_home_network_answers() {
    let body = json!({ "results": [
        { "url": "https://a.test/x", "title": "A &amp; <b>b</b>", "content": "Some  text",
          "publishedDate": "2026-01-02" },
        { "url": "javascript:alert(1)", "title": "bad", "content": "" },
        { "title": "nowhere" },
        { "url": "https://b.test/", "title": "B", "content": "x".repeat(5000) },
    ]})
    .to_string();
    let (server, place) = searxng(move |_| reply("200 OK", "application/json", &body)).await;
    let got = place.ok("web_search", json!({ "query": "two words & more", "page": 2 })).await;
    let first = json!({
        "title": "A & b", "url": "https://a.test/x", "text": "Some text", "date": "2026-01-02",
    });
    assert_eq!(got["results"][0], first);
    assert_eq!(got["results"].as_array().unwrap().len(), 2);
    assert_eq!(got["results"][1]["text"].as_str().unwrap().len(), 500);
    assert_eq!(got["next"], "web_search with page 3");
    let head = server.heads().remove(0);
    let line = "GET /searx/search?q=two+words+%26+more&format=json&pageno=2 HTTP/1.1";
    assert!(head.starts_with(line), "{head}");
}

#[tokio::test]
async fn brave_gets_its_key_in_a_header_and_shows_it_to_nobody() {
    let body = json!({ "web": { "results": [
        { "url": "https://a.test/", "title": "A", "description": "<strong>B</strong> c" },
    ]}})
    .to_string();
    let (server_tls, client_tls) = certificate("brave.test");
    let answer = move |line: &str| match line {
        _ if line.contains("q=fail") => reply("401 No", "application/json", "{}"),
        _ => reply("200 OK", "application/json", &body),
    };
    let server = Server::with(Some(server_tls), answer).await;
    let base = Url::parse(&format!("https://brave.test:{}", server.port)).unwrap();
    let engine = SearchEngine::Brave { base, key: Zeroizing::new(KEY.to_owned()) };
    let tool = WebSearch::new(engine, &client_tls, resolver("brave.test")).unwrap();
    assert!(!format!("{tool:?}").contains("CANARY"));
    let place = Place::with_tool(tool);
    let got = place.ok("web_search", json!({ "query": "x" })).await;
    assert_eq!(got["results"][0]["text"], "B c");
    assert!(!got.to_string().contains("CANARY"));
    let error = place.error("web_search", json!({ "query": "fail" })).await;
    assert_eq!(error.code, "search_failed");
    assert!(error.message.contains("key") && !error.message.contains("CANARY"), "{error}");
    for head in server.heads() {
        assert!(head.contains(&format!("x-subscription-token: {KEY}\r\n")), "{head}");
        let line = head.lines().next().unwrap();
        assert!(
            line.starts_with("GET /res/v1/web/search?q=") && !line.contains("CANARY"),
            "{line}"
        );
    }
    assert_eq!(server.heads().len(), 2);
}

#[tokio::test]
async fn a_key_is_not_sent_in_clear() {
    let server = Server::start(|_| reply("200 OK", "application/json", "{}")).await;
    let base = Url::parse(&format!("http://brave.test:{}", server.port)).unwrap();
    let engine = SearchEngine::Brave { base, key: Zeroizing::new(KEY.to_owned()) };
    let tls = agentos_egress::tls_config().unwrap();
    let place = Place::with_tool(WebSearch::new(engine, &tls, resolver("brave.test")).unwrap());
    let error = place.error("web_search", json!({ "query": "x" })).await;
    assert_eq!(error.code, "credential_not_for_this");
    assert_eq!(server.heads().len(), 0);
}

#[tokio::test]
async fn an_engine_that_fails_or_finds_nothing_says_so() {
    let (_server, place) = searxng(|line| match line {
        _ if line.contains("q=none") => reply("200 OK", "application/json", "{\"results\": []}"),
        _ if line.contains("q=html") => reply("200 OK", "text/html", "<html>"),
        _ => reply("429 Slow", "text/html", ""),
    })
    .await;
    let none = place.ok("web_search", json!({ "query": "none" })).await;
    assert_eq!(none["note"], "nothing was found: try other words");
    for (query, word) in [("html", "JSON"), ("busy", "later")] {
        let error = place.error("web_search", json!({ "query": query })).await;
        assert_eq!(error.code, "search_failed");
        assert!(error.message.contains(word), "{error}");
    }
}
