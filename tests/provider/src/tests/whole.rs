//! Faults of answers that are not streamed.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::support::{SHAPES, ask, start};
use crate::{Ending, Fault, FaultKind, MockProvider, Refusal, Script};

const CHUNKS: [usize; 4] = [0, 1, 25, 49];

fn set(provider: &MockProvider, chunk: usize, kind: FaultKind) {
    provider.set(Script::words(50).with_fault(Fault::at_chunk(chunk, kind)));
}

/// The part of the body that came, and whether the connection broke.
async fn part(mut response: reqwest::Response) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) => body.extend(bytes),
            Ok(None) => return (body, false),
            Err(_) => return (body, true),
        }
    }
}

#[tokio::test]
async fn bodies_break_in_their_middle() {
    for shape in SHAPES {
        let provider = start(Script::words(50)).await;
        let (all, broken) = part(ask(&provider, shape, false).await).await;
        assert!(!broken);
        let mut last = 0;
        for chunk in CHUNKS {
            for kind in [FaultKind::Close, FaultKind::EndWithoutDone] {
                set(&provider, chunk, kind.clone());
                let (body, broken) = part(ask(&provider, shape, false).await).await;
                assert!(broken, "{shape:?} {chunk} {kind:?}");
                assert!(!body.is_empty() && body.len() < all.len(), "{shape:?} {chunk} {kind:?}");
                assert!(all.starts_with(&body));
                assert!(body.len() >= last, "a later fault came earlier");
                last = body.len();
            }
            set(&provider, chunk, FaultKind::MalformedJson);
            let (body, broken) = part(ask(&provider, shape, false).await).await;
            assert!(!broken && body.len() == last);
            assert!(serde_json::from_slice::<Value>(&body).is_err());
        }
        let requests = provider.requests();
        assert_eq!(requests[0].ending, Ending::Completed);
        assert!(requests[1..].iter().all(|request| request.ending == Ending::CutOff));
    }
}

#[tokio::test]
async fn a_body_may_stall() {
    for shape in SHAPES {
        let provider = start(Script::words(50)).await;
        set(&provider, 25, FaultKind::Stall);
        let mut response = ask(&provider, shape, false).await;
        assert!(response.chunk().await.unwrap().is_some());
        assert!(timeout(Duration::from_millis(100), response.chunk()).await.is_err());
        drop(response);
        timeout(Duration::from_secs(30), provider.settled()).await.unwrap();
        assert_eq!(provider.requests()[0].ending, Ending::ClientLeft);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_may_drip() {
    let provider = start(Script::words(50)).await;
    let (all, _) = part(ask(&provider, SHAPES[0], false).await).await;
    set(&provider, 25, FaultKind::SlowDrip(Duration::from_secs(1)));
    let before = Instant::now();
    let (body, broken) = part(ask(&provider, SHAPES[0], false).await).await;
    assert!(!broken && body == all);
    let dripped = usize::try_from(before.elapsed().as_secs()).unwrap();
    assert_eq!(dripped, all.len() - all.len() * 26 / 52);
}

#[tokio::test]
async fn an_error_may_come_with_the_status_200() {
    for shape in SHAPES {
        let provider = start(Script::words(50)).await;
        set(&provider, 0, FaultKind::ErrorEvent(Refusal::ServerError));
        let response = ask(&provider, shape, false).await;
        assert_eq!(response.status(), 200);
        let body: Value = response.json().await.unwrap();
        assert!(body["error"]["message"].is_string(), "{shape:?}: {body}");
    }
}
