//! Clients that leave, and the mock's own end.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::support::{Heard, SHAPES, ask, request, start, words};
use crate::render::Shape;
use crate::{Ending, Fault, FaultKind, MockProvider, Script};

/// No wait is longer; all should be far shorter.
const LIMIT: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_client_that_goes_away_is_noticed() {
    let provider = start(Script { gap: HOUR, ..Script::words(50) }).await;
    for shape in SHAPES {
        let (heard, rest) = Heard::until(ask(&provider, shape, true).await, shape, 1).await;
        assert_eq!(heard.text, words(1));
        let last = provider.requests().pop().unwrap();
        assert_eq!((last.ending, last.chunks), (Ending::Open, 1));
        drop(rest);
        timeout(LIMIT, provider.settled()).await.unwrap();
        let last = provider.requests().pop().unwrap();
        assert_eq!((last.ending, last.chunks), (Ending::ClientLeft, 1));
    }
}

#[tokio::test]
async fn a_client_that_goes_away_before_the_answer_is_noticed() {
    let provider = start(Script { delay: HOUR, ..Script::words(50) }).await;
    let mut answer = Box::pin(request(&provider, Shape::Chat, false, json!({})).send());
    while provider.count() == 0 {
        assert!(timeout(Duration::from_millis(1), &mut answer).await.is_err());
    }
    assert_eq!(provider.requests()[0].ending, Ending::Open);
    drop(answer);
    timeout(LIMIT, provider.settled()).await.unwrap();
    assert_eq!(provider.requests()[0].ending, Ending::ClientLeft);
}

/// Asks without a library, and says how reading ended.
async fn raw(provider: &MockProvider) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(provider.address()).await?;
    let body = r#"{"stream":true}"#;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: mock\r\nconnection: close\r\n";
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await?;
    let mut said = String::new();
    timeout(LIMIT, stream.read_to_string(&mut said)).await.unwrap()?;
    Ok(said)
}

#[tokio::test]
async fn a_close_is_a_reset_and_an_end_is_none() {
    let provider = start(Script::words(3)).await;
    assert!(raw(&provider).await.unwrap().contains("[DONE]"));
    let close = Fault::before_headers(FaultKind::Close);
    for fault in [close, Fault::at_chunk(0, FaultKind::Close), Fault::at_chunk(3, FaultKind::Close)]
    {
        provider.set(Script::words(3).with_fault(fault));
        assert_eq!(raw(&provider).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    let end = Fault::at_chunk(2, FaultKind::EndWithoutDone);
    provider.set(Script::words(3).with_fault(end));
    let said = raw(&provider).await.unwrap();
    assert!(said.contains("w1 ") && !said.contains("w2 "), "{said}");
}

#[tokio::test]
async fn a_stop_resets_connections_and_frees_the_port() {
    let provider = start(Script { gap: HOUR, ..Script::words(50) }).await;
    let (_, rest) = Heard::until(ask(&provider, Shape::Chat, true).await, Shape::Chat, 1).await;
    let reset = tokio::join!(raw(&provider), async {
        while provider.count() < 2 {
            tokio::task::yield_now().await;
        }
        timeout(LIMIT, provider.stop()).await.unwrap();
    });
    assert_eq!(reset.0.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(provider.requests().iter().all(|request| request.ending == Ending::CutOff));
    assert_eq!(raw(&provider).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let again = MockProvider::start_on(provider.address(), Script::words(2)).await.unwrap();
    let heard = Heard::all(ask(&again, Shape::Chat, true).await, Shape::Chat).await;
    assert_eq!(heard.text, words(2));
    drop(rest);
}

#[tokio::test]
async fn dropping_it_frees_the_port() {
    let provider = start(Script::words(2)).await;
    let address = provider.address();
    drop(provider);
    let again = async {
        loop {
            match MockProvider::start_on(address, Script::words(2)).await {
                Ok(provider) => return provider,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let again = timeout(LIMIT, again).await.unwrap();
    assert_eq!(ask(&again, Shape::Chat, true).await.status(), 200);
}

#[tokio::test]
async fn no_more_requests_are_kept_than_was_said() {
    let provider = start(Script::words(2)).await;
    provider.keep(2);
    for _ in 0..3 {
        ask(&provider, Shape::Chat, false).await;
    }
    ask(&provider, Shape::Messages, false).await;
    let paths: Vec<_> = provider.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/v1/chat/completions", "/v1/messages"]);
    assert_eq!(provider.count(), 4);
    provider.keep(0);
    ask(&provider, Shape::Chat, false).await;
    assert_eq!((provider.count(), provider.requests().len()), (5, 0));
}
