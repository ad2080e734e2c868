//! Files over the API.

use agentos_domain::{BlobHash, Clock, SystemClock, Timestamp};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use futures::StreamExt;
use serde_json::json;

use super::{ADMIN, Answer, Fixture, READER, config, request};

async fn put(hub: &Fixture, path: &str, content: impl Into<Body>) -> Answer {
    let path = format!("/api/files/{path}");
    hub.send(request(Method::PUT, &path, ADMIN, content.into())).await
}

#[tokio::test]
async fn a_file_comes_back_as_it_was() {
    let hub = Fixture::new().await;
    let content: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let hash = BlobHash::of(&content).to_string();
    let pieces: Vec<_> =
        content.chunks(7001).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    let stored = put(&hub, "a/b.bin", Body::from_stream(futures::stream::iter(pieces))).await;
    assert_eq!(stored.status, StatusCode::CREATED, "{}", stored.text());
    let entry = stored.json();
    let expected = json!({ "path": "a/b.bin", "size": 300_000, "hash": hash,
        "modified": entry["modified"] });
    assert_eq!(entry, expected);
    assert_eq!(stored.header("location"), Some("/api/files/a/b.bin"));
    let list = hub.get("/api/files", READER).await.json();
    assert_eq!(list, json!({ "items": [entry], "next_cursor": null }));

    let got = hub.get("/api/files/a/b.bin", READER).await;
    assert_eq!(got.status, StatusCode::OK);
    assert!(got.body == content);
    assert_eq!(got.header("content-type"), Some("application/octet-stream"));
    assert_eq!(got.header("content-length"), Some("300000"));
    assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(got.header("content-disposition"), Some("attachment; filename*=UTF-8''b.bin"));
    assert_eq!(got.header("etag"), Some(format!("\"{hash}\"").as_str()));
}

#[tokio::test]
async fn a_client_that_has_the_content_does_not_get_it_again() {
    let hub = Fixture::new().await;
    let etag = put(&hub, "a", "text").await.header("etag").unwrap().to_owned();
    let ask = |known: String| {
        Request::get("/api/files/a")
            .header("authorization", format!("Bearer {READER}"))
            .header("if-none-match", known)
            .body(Body::empty())
            .unwrap()
    };
    let same = hub.send(ask(format!("\"x\", {etag}"))).await;
    assert_eq!((same.status, same.text()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!(hub.send(ask("\"x\"".to_owned())).await.text(), "text");
}

#[tokio::test]
async fn a_file_can_be_replaced_and_removed() {
    let hub = Fixture::new().await;
    put(&hub, "a", "old").await;
    assert_eq!(put(&hub, "a", "new").await.status, StatusCode::CREATED);
    assert_eq!(hub.get("/api/files/a", READER).await.text(), "new");
    let delete = || request(Method::DELETE, "/api/files/a", ADMIN, Body::empty());
    let removed = hub.send(delete()).await;
    assert_eq!((removed.status, removed.text()), (StatusCode::NO_CONTENT, ""));
    hub.send(delete()).await.problem(404, "NOT_FOUND");
    hub.get("/api/files/a", READER).await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn names_may_be_odd() {
    let hub = Fixture::new().await;
    for (encoded, name) in [
        ("with%20space.txt", "with space.txt"),
        ("%C3%BCber/%E6%96%87.md", "über/文.md"),
        ("100%25%3F%23.txt", "100%?#.txt"),
        ("a%2Fb", "a/b"),
        ("./c//d", "c/d"),
        ("...", "..."),
        ("%22quoted%22", "\"quoted\""),
    ] {
        let stored = put(&hub, encoded, name.to_owned()).await;
        assert_eq!(stored.status, StatusCode::CREATED, "{encoded}: {}", stored.text());
        assert_eq!(stored.json()["path"], name);
        let place = stored.header("location").unwrap();
        assert_eq!(hub.get(place, READER).await.text(), name);
    }
}

#[tokio::test]
async fn names_that_leave_the_workspace_are_refused() {
    let hub = Fixture::new().await;
    for path in
        ["../x", "a/../../x", "%2e%2e/x", "a/%2E%2E%2Fx", "/etc/passwd", "a%00b", "a%5Cb", "%FF"]
    {
        put(&hub, path, "x").await.problem(400, "BAD_REQUEST");
        let path = format!("/api/files/{path}");
        hub.get(&path, ADMIN).await.problem(400, "BAD_REQUEST");
        let delete = request(Method::DELETE, &path, ADMIN, Body::empty());
        hub.send(delete).await.problem(400, "BAD_REQUEST");
    }
    assert_eq!(hub.get("/api/files", ADMIN).await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_file_beyond_the_limit_is_not_kept() {
    let mut config = config();
    config.file_limit_bytes = 1000;
    let hub = Fixture::with(config).await;
    assert_eq!(put(&hub, "fits", vec![0; 1000]).await.status, StatusCode::CREATED);
    // Without a length beforehand, and without an end.
    let chunk = || Ok::<_, std::io::Error>(vec![0; 100]);
    let endless = Body::from_stream(futures::stream::repeat_with(chunk).boxed());
    put(&hub, "endless", endless).await.problem(413, "PAYLOAD_TOO_LARGE");
    // With a length: refused before anything is read.
    let announced = Request::put("/api/files/announced")
        .header("authorization", format!("Bearer {ADMIN}"))
        .header("content-length", "1001")
        .body(Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>()))
        .unwrap();
    hub.send(announced).await.problem(413, "PAYLOAD_TOO_LARGE");
    let list = hub.get("/api/files", ADMIN).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_that_breaks_off_changes_nothing() {
    let hub = Fixture::new().await;
    put(&hub, "a", "whole").await;
    let pieces = [Ok("ha".to_owned()), Err(std::io::Error::other("gone"))];
    let broken = Body::from_stream(futures::stream::iter(pieces));
    let detail = put(&hub, "a", broken).await.problem(400, "BAD_REQUEST");
    assert!(!detail.contains("gone"), "{detail}");
    assert_eq!(hub.get("/api/files/a", READER).await.text(), "whole");
}

#[tokio::test]
async fn a_file_keeps_the_time_that_its_owner_said() {
    let hub = Fixture::new().await;
    let put = async |content: &'static str, date: Option<&str>| {
        let mut put =
            Request::put("/api/files/a").header("authorization", format!("Bearer {ADMIN}"));
        if let Some(date) = date {
            put = put.header("last-modified", date);
        }
        hub.send(put.body(Body::from(content)).unwrap()).await
    };
    let date = "Wed, 04 Mar 2026 10:15:59 GMT";
    for written in [date, "Wednesday, 04-Mar-26 10:15:59 GMT", "Wed, 4 Mar 2026 12:15:59 +0200"] {
        let stored = put("1", Some(written)).await.json();
        assert_eq!(stored["modified"], "2026-03-04T10:15:59.000Z", "{written}");
    }
    // The same content with nothing said is no change.
    let entry = put("1", None).await.json();
    assert_eq!(entry["modified"], "2026-03-04T10:15:59.000Z");
    assert_eq!(hub.get("/api/files", READER).await.json()["items"], json!([entry]));
    for method in [Method::GET, Method::HEAD] {
        let got = hub.send(request(method, "/api/files/a", READER, Body::empty())).await;
        assert_eq!((got.status, got.header("last-modified")), (StatusCode::OK, Some(date)));
    }

    for bad in ["", "yesterday", "2026-03-04T10:15:59Z", "Thu, 04 Mar 2026 10:15:59 GMT"] {
        let detail = put("2", Some(bad)).await.problem(400, "BAD_REQUEST");
        assert!(detail.starts_with("Last-Modified: "), "{detail}");
    }
    let twice = Request::put("/api/files/a")
        .header("authorization", format!("Bearer {ADMIN}"))
        .header("last-modified", date)
        .header("last-modified", date);
    hub.send(twice.body(Body::from("2")).unwrap()).await.problem(400, "BAD_REQUEST");
    assert_eq!(hub.get("/api/files/a", READER).await.text(), "1");

    // New content with nothing said: the hub's clock.
    let before = SystemClock.now();
    let stored: Timestamp =
        serde_json::from_value(put("3", None).await.json()["modified"].clone()).unwrap();
    assert!(before <= stored && stored <= SystemClock.now(), "{stored}");
}
