//! Joining a hub by a token.

use agentos_domain::Classified;
use agentos_link::{EdgeIdentity, EdgeSessions as _, HubLink, LinkError, join};
use std::sync::Arc;

use crate::services::hub_routes;
use crate::support::{Hub, Registry, Token, hub_config};

#[tokio::test]
async fn a_token_admits_one_edge_once() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hub = Hub::start(state.path()).await;
    let token = hub.token(Token::Good);
    let identity = join(&hub.addr(), &token, "mac-mini", dir.path()).await.unwrap();
    assert_eq!(hub.registry.name_of(identity.edge_id()).as_deref(), Some("mac-mini"));
    let saved = EdgeIdentity::load(dir.path()).unwrap();
    assert_eq!(saved.serial(), identity.serial());

    let again = join(&hub.addr(), &token, "other", dir.path()).await.unwrap_err();
    assert!(matches!(&again, LinkError::TokenRefused { reason } if reason.contains("used")));
    assert_eq!(EdgeIdentity::load(dir.path()).unwrap().serial(), identity.serial());
    hub.stop().await;
}

#[tokio::test]
async fn expired_and_unknown_tokens_are_refused() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hub = Hub::start(state.path()).await;
    let expired = join(&hub.addr(), &hub.token(Token::Expired), "mac", dir.path()).await;
    assert!(expired.unwrap_err().to_string().contains("it has expired"));
    let (unknown, _) = hub.handle.new_join_token();
    let unknown = join(&hub.addr(), &unknown, "mac", dir.path()).await.unwrap_err();
    assert_eq!(unknown.code(), "token_refused");
    assert!(matches!(EdgeIdentity::load(dir.path()), Err(LinkError::NoIdentity { .. })));
    hub.stop().await;
}

#[tokio::test]
async fn a_bad_name_uses_up_no_token() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hub = Hub::start(state.path()).await;
    let token = hub.token(Token::Good);
    let bad = join(&hub.addr(), &token, "no spaces", dir.path()).await.unwrap_err();
    assert!(matches!(bad, LinkError::Config(_)), "{bad}");
    join(&hub.addr(), &token, "no-spaces", dir.path()).await.unwrap();
    hub.stop().await;
}

#[tokio::test]
async fn a_token_of_another_hub_reveals_nothing() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let (hub, stranger) = (Hub::start(ours.path()).await, Hub::start(theirs.path()).await);
    let token = hub.token(Token::Good);
    let wrong = join(&stranger.addr(), &token, "mac", dir.path()).await.unwrap_err();
    assert!(matches!(wrong, LinkError::WrongHub { .. }), "{wrong}");
    assert_eq!(stranger.registry.redeems(), 0);
    hub.stop().await;
    stranger.stop().await;
}

#[tokio::test]
async fn a_hub_that_is_not_there_is_said_so() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hub = Hub::start(state.path()).await;
    let (token, addr) = (hub.token(Token::Good), hub.addr());
    hub.stop().await;
    let error = join(&addr, &token, "mac", dir.path()).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("no hub at {addr}: is it running")), "{error}");
    let error = join("nas", &token, "mac", dir.path()).await.unwrap_err();
    assert!(error.to_string().contains("HOST:PORT"), "{error}");
}

#[tokio::test]
async fn a_port_in_use_is_said_so() {
    let (state, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hub = Hub::start(state.path()).await;
    let mut config = hub_config(other.path());
    config.listen = hub.handle.local_addr();
    let (registry, clock) = (Arc::new(Registry::default()), Arc::new(agentos_domain::SystemClock));
    let error = HubLink::bind(config, registry, hub_routes(), clock).await.err().unwrap();
    let port = hub.handle.local_addr().port();
    assert!(error.to_string().starts_with(&format!("port {port} is in use")), "{error}");
    hub.stop().await;
}
