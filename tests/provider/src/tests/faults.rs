//! Faults within streams, at the first, the second, a middle and the last word.

use std::time::Duration;

use futures::StreamExt as _;
use tokio::time::{Instant, timeout};

use super::support::{Heard, SHAPES, ask, start, words};
use crate::render::Shape;
use crate::{Ending, Fault, FaultAt, FaultKind, MockProvider, Refusal, Script};

const CHUNKS: [usize; 4] = [0, 1, 25, 49];

/// Fifty words with this fault after `chunk` of them.
async fn faulty(chunk: usize, kind: FaultKind) -> MockProvider {
    start(Script::words(50).with_fault(Fault::at_chunk(chunk, kind))).await
}

fn endings(provider: &MockProvider) -> Vec<(Ending, usize)> {
    let requests = provider.requests();
    requests.iter().map(|r| (r.ending, usize::try_from(r.chunks).unwrap())).collect()
}

#[tokio::test]
async fn a_reset_breaks_the_stream_after_its_chunk() {
    for chunk in CHUNKS {
        let provider = faulty(chunk, FaultKind::Close).await;
        for shape in SHAPES {
            let heard = Heard::all(ask(&provider, shape, true).await, shape).await;
            assert_eq!(heard.text, words(chunk), "{shape:?}");
            assert!(heard.broken && !heard.finished(), "{shape:?} {chunk}");
            assert!(!heard.events.is_empty(), "the opening is missing");
        }
        assert_eq!(endings(&provider), [(Ending::CutOff, chunk); 3]);
    }
}

#[tokio::test]
async fn a_stall_keeps_the_connection_open_and_says_nothing() {
    for chunk in CHUNKS {
        let provider = faulty(chunk, FaultKind::Stall).await;
        for shape in SHAPES {
            let response = ask(&provider, shape, true).await;
            let (heard, rest) = Heard::until(response, shape, chunk).await;
            assert_eq!(heard.text, words(chunk), "{shape:?}");
            // What was not read yet is the opening at most.
            let opening = if chunk == 0 { 3 } else { 0 };
            let more = rest.take(opening + 1).collect::<Vec<()>>();
            let more = timeout(Duration::from_millis(100), more).await;
            assert!(more.is_err(), "{shape:?} {chunk}: something came or it ended");
        }
        timeout(Duration::from_secs(30), provider.settled()).await.unwrap();
        assert_eq!(endings(&provider), [(Ending::ClientLeft, chunk); 3]);
    }
}

#[tokio::test]
async fn an_error_within_the_stream_ends_it() {
    for chunk in CHUNKS {
        let provider = faulty(chunk, FaultKind::ErrorEvent(Refusal::Overloaded)).await;
        for shape in SHAPES {
            let response = ask(&provider, shape, true).await;
            assert_eq!(response.status(), 200);
            let heard = Heard::all(response, shape).await;
            assert_eq!(heard.text, words(chunk), "{shape:?}");
            assert!(!heard.broken && !heard.finished(), "{shape:?} {chunk}");
            let (name, value) = heard.last();
            match shape {
                Shape::Chat => assert_eq!(value["error"]["code"], "server_overloaded"),
                Shape::Responses => {
                    assert_eq!((name.as_str(), &value["type"]), ("error", &"error".into()));
                }
                Shape::Messages => {
                    assert_eq!(name, "error");
                    assert_eq!(value["error"]["type"], "overloaded_error");
                }
            }
        }
        assert_eq!(endings(&provider), [(Ending::CutOff, chunk); 3]);
    }
}

#[tokio::test]
async fn a_malformed_line_is_one_line_too_many() {
    for chunk in CHUNKS {
        let provider = faulty(chunk, FaultKind::MalformedJson).await;
        for shape in SHAPES {
            let heard = Heard::all(ask(&provider, shape, true).await, shape).await;
            assert_eq!(heard.text, words(50), "{shape:?}");
            assert!(heard.finished() && !heard.broken, "{shape:?}");
            assert_eq!(heard.malformed[0].0, chunk, "{shape:?}");
            assert!(heard.malformed[0].1.starts_with('{'), "{shape:?}");
        }
        assert_eq!(endings(&provider), [(Ending::Completed, 50); 3]);
    }
}

#[tokio::test]
async fn a_stream_may_end_without_saying_so() {
    for chunk in CHUNKS {
        let provider = faulty(chunk, FaultKind::EndWithoutDone).await;
        for shape in SHAPES {
            let heard = Heard::all(ask(&provider, shape, true).await, shape).await;
            assert_eq!(heard.text, words(chunk), "{shape:?}");
            assert!(!heard.broken && !heard.finished(), "{shape:?} {chunk}");
        }
        assert_eq!(endings(&provider), [(Ending::CutOff, chunk); 3]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_drip_is_slow_and_whole() {
    let pause = Duration::from_secs(1);
    for chunk in CHUNKS {
        for shape in SHAPES {
            let provider = start(Script::words(50)).await;
            let length = ask(&provider, shape, true).await.bytes().await.unwrap().len();
            let fault = Fault::at_chunk(chunk, FaultKind::SlowDrip(pause));
            provider.set(Script::words(50).with_fault(fault));
            let before = Instant::now();
            let response = ask(&provider, shape, true).await;
            let (heard, rest) = Heard::until(response, shape, chunk).await;
            assert_eq!(heard.text, words(chunk));
            assert!(before.elapsed() <= pause, "it drips too early");
            drop(rest);
            let before = Instant::now();
            let heard = Heard::all(ask(&provider, shape, true).await, shape).await;
            assert_eq!(heard.text, words(50));
            assert!(heard.finished() && !heard.broken);
            let dripped = usize::try_from(before.elapsed().as_secs()).unwrap();
            assert!(dripped <= length, "{dripped} of {length}");
            // An event is 100 bytes or more.
            assert!(dripped >= (50 - chunk) * 80, "{dripped} of {length}");
        }
    }
}

#[tokio::test]
async fn faults_before_the_headers() {
    for shape in SHAPES {
        let provider = start(Script::words(2)).await;
        let set = |kind| {
            provider.set(Script::words(2).with_fault(Fault::before_headers(kind)));
        };
        set(FaultKind::Close);
        let request = super::support::request(&provider, shape, true, serde_json::json!({}));
        assert!(request.send().await.is_err(), "{shape:?}");
        set(FaultKind::Stall);
        let answer = ask(&provider, shape, true);
        assert!(timeout(Duration::from_millis(100), answer).await.is_err(), "{shape:?}");
        set(FaultKind::ErrorEvent(Refusal::ServerError));
        let heard = Heard::all(ask(&provider, shape, true).await, shape).await;
        assert_eq!(heard.events.len(), 1, "{shape:?}: the error is alone");
        set(FaultKind::EndWithoutDone);
        let heard = Heard::all(ask(&provider, shape, true).await, shape).await;
        assert!(heard.events.is_empty() && !heard.broken, "{shape:?}");
        timeout(Duration::from_secs(30), provider.settled()).await.unwrap();
        let ended: Vec<_> = endings(&provider).into_iter().map(|(ending, _)| ending).collect();
        let (cut, left) = (Ending::CutOff, Ending::ClientLeft);
        assert_eq!(ended, [cut, left, cut, cut], "{shape:?}");
    }
}

#[tokio::test]
async fn places_after_the_content_are_before_the_closing_events() {
    let kind = FaultKind::Close;
    let provider = start(Script::words(2).with_fault(Fault::at_chunk(3, kind.clone()))).await;
    // After the finish reason, before the mark of the end.
    let heard = Heard::all(ask(&provider, Shape::Chat, true).await, Shape::Chat).await;
    assert!(heard.broken && heard.malformed.is_empty());
    assert_eq!(heard.last().1["choices"][0]["finish_reason"], "stop");
    // However far: after all of it, before the end of the body.
    provider.set(Script::words(2).with_fault(Fault::at_chunk(usize::MAX, kind)));
    let heard = Heard::all(ask(&provider, Shape::Chat, true).await, Shape::Chat).await;
    assert!(heard.broken && heard.malformed == [(2, "[DONE]".to_owned())]);
    assert_eq!(endings(&provider), [(Ending::CutOff, 2); 2]);
}

#[tokio::test]
async fn a_retry_succeeds_where_the_script_says_so() {
    let fault = Fault { at: FaultAt::Chunk(1), kind: FaultKind::Close, for_requests: Some(2) };
    let provider = start(Script::words(5).with_fault(fault)).await;
    let mut texts = Vec::new();
    for _ in 0..4 {
        texts.push(Heard::all(ask(&provider, Shape::Chat, true).await, Shape::Chat).await.text);
    }
    assert_eq!(texts, [words(1), words(1), words(5), words(5)]);
}
