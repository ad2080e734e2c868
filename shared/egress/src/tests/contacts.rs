//! The first contact with a host waits for a person.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{ManualClock, Timestamp};

use super::support::{Proxied, Server, fetcher, page, policy, public};
use crate::*;

fn later(clock: &ManualClock, seconds: i64) -> Timestamp {
    Timestamp::from_millis(agentos_domain::Clock::now(clock).millis() + seconds * 1000)
}

async fn as_agent(fetcher: &Fetcher, agent: &str, port: u16) -> Result<Fetched, FetchError> {
    let url = url::Url::parse(&format!("http://new.test:{port}/")).unwrap();
    Box::pin(fetcher.fetch(&FetchRequest::new(url, Subject::new(agent, "web_fetch")))).await
}

fn gated(port: u16, book: &Arc<ContactBook>, hold: Duration) -> EgressPolicy {
    let (rules, resolver) = public(&["new.test"]);
    let gate = Arc::clone(book) as Arc<dyn Gate>;
    policy(&[&format!("new.test:{port}")], rules, resolver).gated(gate, hold)
}

#[tokio::test]
async fn a_new_host_is_pending_then_works_and_is_pending_for_another_agent() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
    let book = Arc::new(ContactBook::new(Arc::clone(&clock) as _));
    let server = Server::start(|_| page("hello")).await;
    let fetcher = fetcher(gated(server.port(), &book, Duration::ZERO));
    let port = server.port();
    let pending = |error: FetchError| match error {
        FetchError::Refused(refusal @ Refusal::Pending { .. }) => {
            refusal.approval().unwrap().to_owned()
        }
        other => panic!("{other}"),
    };
    let first = pending(as_agent(&fetcher, "one", port).await.unwrap_err());
    // Trying again asks for nothing new.
    assert_eq!(pending(as_agent(&fetcher, "one", port).await.unwrap_err()), first);
    assert_eq!((book.pending().len(), server.connections()), (1, 0));
    assert!(book.allow(&first, later(&clock, 3600)));
    assert!(!book.allow(&first, later(&clock, 3600)));
    assert_eq!(as_agent(&fetcher, "one", port).await.unwrap().body, b"hello");
    let second = pending(as_agent(&fetcher, "two", port).await.unwrap_err());
    assert_ne!(second, first);
    assert_eq!(server.connections(), 1);
    assert!(book.deny(&second, "not today", later(&clock, 3600)));
    let denied = as_agent(&fetcher, "two", port).await.unwrap_err();
    let FetchError::Refused(Refusal::Denied { reason, approval, .. }) = denied else {
        panic!("{denied}")
    };
    assert_eq!((reason.as_str(), approval), ("not today", Some(second)));
    // Both end.
    clock.advance(Duration::from_secs(3601));
    assert_ne!(pending(as_agent(&fetcher, "one", port).await.unwrap_err()), first);
    pending(as_agent(&fetcher, "two", port).await.unwrap_err());
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn another_port_and_another_method_are_asked_for_again() {
    let book = ContactBook::new(Arc::new(ManualClock::at(Timestamp::from_millis(0))));
    let contact = |port, method| Contact {
        subject: Subject::new("one", "skill"),
        host: "new.test".parse().unwrap(),
        port,
        method,
    };
    let known = contact(443, MethodClass::Read);
    let Answer::Pending { approval } = book.decide(&known).await else { panic!() };
    assert!(book.allow(&approval, Timestamp::from_millis(1)));
    assert_eq!(book.decide(&known).await, Answer::Allow);
    for other in [
        contact(80, MethodClass::Read),
        contact(443, MethodClass::Write),
        contact(443, MethodClass::Tunnel),
    ] {
        assert!(matches!(book.decide(&other).await, Answer::Pending { .. }), "{other:?}");
    }
}

#[tokio::test]
async fn a_request_is_held_until_the_decision() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
    let book = Arc::new(ContactBook::new(Arc::clone(&clock) as _));
    let server = Server::start(|_| page("hello")).await;
    let held = gated(server.port(), &book, Duration::from_secs(60));
    let proxy = Proxied::start(held, ProxyLimits::default());
    let url = format!("http://new.test:{}/", server.port());
    let decided = async {
        loop {
            if let Some((approval, _)) = book.pending().first() {
                return book.allow(approval, later(&clock, 60));
            }
            tokio::task::yield_now().await;
        }
    };
    let (answer, decided) = tokio::join!(proxy.get(&url), decided);
    assert!(decided);
    assert_eq!(answer, (200, "hello".to_owned()));
}

#[tokio::test]
async fn a_request_that_waits_too_long_is_told_what_it_waits_for() {
    let book = Arc::new(ContactBook::new(Arc::new(ManualClock::at(Timestamp::from_millis(0)))));
    let server = Server::start(|_| page("hello")).await;
    let held = gated(server.port(), &book, Duration::from_millis(50));
    let proxy = Proxied::start(held, ProxyLimits::default());
    let authority = format!("new.test:{}", server.port());
    for _ in 0..3 {
        let (status, body) = proxy.tunnel(&authority).await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, body["error"].as_str()), (403, Some("approval_pending")));
        assert_eq!(body["approval_id"].as_str(), Some(book.pending()[0].0.as_str()));
    }
    assert_eq!((book.pending().len(), server.connections()), (1, 0));
}
