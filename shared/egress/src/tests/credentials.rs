//! Secrets go where they belong, and show nowhere.

use std::sync::Arc;

use http::{HeaderName, Method};
use rustls::ClientConfig;
use url::Url;
use zeroize::Zeroizing;

use super::support::{LOOPBACK, Server, certificate, page, policy, public, redirect, subject};
use crate::*;

const SECRET: &str = "CANARY-f00ba4-secret";

fn name(text: &str) -> HostName {
    match text.parse().unwrap() {
        Host::Name(name) => name,
        Host::Address(_) => panic!("an address"),
    }
}

fn bearer(host: &str) -> Credential {
    Credential::bearer(name(host), &Zeroizing::new(SECRET.to_owned()))
}

fn table(credential: Credential) -> Credentials {
    let mut table = Credentials::new();
    table.add("service", credential).unwrap();
    table
}

#[test]
fn a_credential_is_for_its_host_path_and_method() {
    let table = table(bearer("api.test").below("/v1/repos/mine"));
    let fits = |url: &str, method: Method| {
        table.header("service", &Url::parse(url).unwrap(), &method).is_ok()
    };
    assert!(fits("https://api.test/v1/repos/mine", Method::GET));
    assert!(fits("https://API.test./v1/repos/mine/x?y#z", Method::HEAD));
    assert!(fits("https://api.test/v1/x/../repos/mine/x", Method::GET));
    for (url, method) in [
        ("http://api.test/v1/repos/mine", Method::GET),
        ("https://api.test:8443/v1/repos/mine", Method::GET),
        ("https://evil.test/v1/repos/mine", Method::GET),
        ("https://api.test.evil.test/v1/repos/mine", Method::GET),
        ("https://api.test/v1/repos/mineral", Method::GET),
        ("https://api.test/v1/repos", Method::GET),
        ("https://api.test/v1/repos/mine/../yours", Method::GET),
        ("https://api.test/v1/repos/mine/%2e%2e/yours", Method::GET),
        ("https://api.test/v1/repos/mine/..%2fyours", Method::GET),
        ("https://api.test/v1/repos/mine/..%5cyours", Method::GET),
        ("https://api.test/v1/repos/mine/%252e%252e/yours", Method::GET),
        ("https://api.test/v1/repos/mine", Method::POST),
        ("https://127.0.0.1/v1/repos/mine", Method::GET),
    ] {
        assert!(!fits(url, method.clone()), "{method} {url}");
    }
    let unknown = table.header("other", &Url::parse("https://api.test/").unwrap(), &Method::GET);
    assert_eq!(unknown.unwrap_err(), CredentialError::Unknown { name: "other".to_owned() });
}

#[test]
fn nothing_shows_a_secret() {
    let credential = bearer("api.test");
    assert!(!format!("{credential:?}").contains("CANARY"));
    let mut table = table(credential);
    assert!(!format!("{table:?} {table:#?}").contains("CANARY"));
    let url = Url::parse("https://api.test/").unwrap();
    let (header, value) = table.header("service", &url, &Method::GET).unwrap();
    assert_eq!(header, "authorization");
    assert!(!format!("{value:?}").contains("CANARY"));
    let broken = Zeroizing::new(format!("{SECRET}\r\nx: y"));
    let error = table.add("broken", Credential::bearer(name("api.test"), &broken)).unwrap_err();
    assert!(matches!(error, CredentialError::Unusable { .. }));
    let twice = table.add("service", bearer("api.test")).unwrap_err();
    let foreign = Url::parse("https://evil.test/").unwrap();
    let elsewhere = table.header("service", &foreign, &Method::GET).unwrap_err();
    for error in [error, twice, elsewhere] {
        assert!(!format!("{error} {error:?}").contains("CANARY"));
    }
    let token = ProxyToken::random().unwrap();
    let url = token.proxy_url(1);
    let inner = url.split([':', '@']).nth(2).unwrap();
    assert_eq!(inner.len(), 64);
    assert!(!format!("{token:?}").contains(inner));
}

async fn with_credential(fetcher: &Fetcher, url: &str) -> Result<Fetched, FetchError> {
    let request = FetchRequest::new(Url::parse(url).unwrap(), subject());
    Box::pin(fetcher.fetch(&request.with_credential(Some("service".to_owned())))).await
}

fn fetching(client: &Arc<ClientConfig>, ports: [u16; 2]) -> Fetcher {
    let (rules, resolver) = public(&["api.test", "other.test"]);
    let list = ports.map(|port| format!("*:{port}"));
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    let header = HeaderName::from_static("x-subscription-token");
    let secret = Zeroizing::new(SECRET.to_owned());
    let credential = Credential::header(name("api.test"), header, secret).at_port(ports[0]);
    Fetcher::new(Arc::new(policy(&list, rules, resolver)), client)
        .with_credentials(Arc::new(table(credential)))
}

#[tokio::test]
async fn a_credential_does_not_follow_to_another_origin() {
    let (server_tls, client_tls) = certificate(&["api.test", "other.test"]);
    let (other_tls, home) = (Arc::clone(&server_tls), Arc::new(std::sync::OnceLock::new()));
    let back: Arc<std::sync::OnceLock<String>> = Arc::clone(&home);
    let other = Server::at(LOOPBACK, Some(other_tls), move |line| {
        if line.contains("/back") { redirect(back.get().unwrap()) } else { page("other") }
    })
    .await;
    let away = format!("https://other.test:{}", other.port());
    let api = Server::at(LOOPBACK, Some(server_tls), move |line| match line {
        _ if line.contains("/away") => redirect(&format!("{away}/")),
        _ if line.contains("/round") => redirect(&format!("{away}/back")),
        _ if line.contains("/inside") => redirect("/end"),
        _ => page("end"),
    })
    .await;
    let base = format!("https://api.test:{}", api.port());
    home.set(format!("{base}/end")).unwrap();
    let fetcher = fetching(&client_tls, [api.port(), other.port()]);
    for path in ["/away", "/round", "/inside"] {
        with_credential(&fetcher, &format!("{base}{path}")).await.unwrap();
    }
    let holds = |head: &String| head.contains(SECRET);
    // First of each, and the hop that stayed; not the one that came back.
    let heads = api.heads();
    let with: Vec<&str> =
        heads.iter().filter(|head| holds(head)).filter_map(|head| head.split(' ').nth(1)).collect();
    assert_eq!(with, ["/away", "/round", "/inside", "/end"]);
    assert_eq!(heads.len(), 5);
    assert_eq!(other.connections(), 2);
    assert!(!other.heads().iter().any(holds));
    // Asked for directly, the other host gets an error and no connection.
    let direct = with_credential(&fetcher, &format!("https://other.test:{}/", other.port())).await;
    let error = direct.unwrap_err();
    assert!(matches!(error, FetchError::Credential(CredentialError::NotForThis { .. })), "{error}");
    assert_eq!(other.connections(), 2);
}

#[tokio::test]
async fn an_address_with_a_secret_in_it_is_not_asked_for() {
    let server = Server::start(|_| page("x")).await;
    let (rules, resolver) = public(&["evil.test"]);
    let policy = policy(&[&format!("evil.test:{}", server.port())], rules, resolver);
    let scanner = Arc::new(LeakScanner::new([("service", SECRET.as_bytes())]).unwrap());
    let fetcher = super::support::fetcher(policy).with_scanner(scanner);
    let base = format!("http://evil.test:{}", server.port());
    let some = SECRET.replace('e', "%65");
    for path in [format!("/?k={SECRET}"), format!("/{}", hex::encode(SECRET)), format!("/{some}")] {
        let error = super::support::fetch(&fetcher, &format!("{base}{path}")).await.unwrap_err();
        assert_eq!(error, Refusal::Secret { name: "service".to_owned() }.into());
    }
    assert_eq!(server.connections(), 0);
    super::support::fetch(&fetcher, &format!("{base}/?k=benign")).await.unwrap();
    assert_eq!(server.connections(), 1);
}
