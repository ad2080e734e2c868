//! Every hop is checked like the first.

use agentos_domain::Classified as _;

use super::support::{
    LOOPBACK, Server, certificate, fetch, fetcher, page, policy, public, redirect, subject,
};
use crate::*;

/// A server behind `allowed.test` that answers by path.
async fn allowed(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> (Server, Fetcher) {
    let server = Server::start(answer).await;
    let (rules, resolver) = public(&["allowed.test", "other.test"]);
    let list = format!("*:{}", server.port());
    let fetcher = fetcher(policy(&[&list], rules, resolver));
    (server, fetcher)
}

fn at(server: &Server, path: &str) -> String {
    format!("http://allowed.test:{}{path}", server.port())
}

#[tokio::test]
async fn redirects_to_private_addresses_are_refused_at_their_hop() {
    let victim = Server::start(|_| page("secret")).await;
    let port = victim.port();
    for target in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("//[::ffff:127.0.0.1]:{port}/"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
    ] {
        let to = target.clone();
        let server = Server::start(move |_| redirect(&to)).await;
        let (rules, resolver) = public(&["allowed.test"]);
        let list = [format!("*:{}", server.port()), format!("*:{port}"), "*".to_owned()];
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        let fetcher = fetcher(policy(&list, rules, resolver));
        let error = fetch(&fetcher, &at(&server, "/")).await.unwrap_err();
        assert_eq!(error.code(), "private_address", "{target}");
        assert_eq!((server.connections(), victim.connections()), (1, 0), "{target}");
    }
    // The control: the same redirect to a host that may be reached.
    let to = format!("http://other.test:{port}/");
    let server = Server::start(move |_| redirect(&to)).await;
    let (rules, resolver) = public(&["allowed.test", "other.test"]);
    let list = [format!("allowed.test:{}", server.port()), format!("other.test:{port}")];
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    let got = fetch(&fetcher(policy(&list, rules, resolver)), &at(&server, "/")).await.unwrap();
    assert_eq!((got.body.as_slice(), got.redirects), (b"secret".as_slice(), 1));
    assert_eq!(got.url.host_str(), Some("other.test"));
    assert_eq!(victim.connections(), 1);
}

#[tokio::test]
async fn who_stays_within_a_host_is_told_where_it_points() {
    let victim = Server::start(|_| page("elsewhere")).await;
    let away = format!("http://other.test:{}/x?said=1", victim.port());
    let to = away.clone();
    let answer = move |line: &str| match line {
        _ if line.contains("/away") => redirect(&to),
        _ if line.contains("/near") => redirect("/end"),
        _ => page("end"),
    };
    let server = Server::start(answer).await;
    let (rules, resolver) = public(&["allowed.test", "other.test"]);
    let list = [format!("*:{}", server.port()), format!("*:{}", victim.port())];
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    let fetcher = fetcher(policy(&list, rules, resolver));
    let request =
        |path: &str| FetchRequest::new(at(&server, path).parse().unwrap(), subject()).within_host();
    let got = Box::pin(fetcher.fetch(&request("/near"))).await.unwrap();
    assert_eq!((got.body.as_slice(), got.redirects), (b"end".as_slice(), 1));
    let error = Box::pin(fetcher.fetch(&request("/away"))).await.unwrap_err();
    assert_eq!(error.code(), "redirect_elsewhere");
    assert!(error.to_string().contains(&away), "{error}");
    assert_eq!(victim.connections(), 0);
    // The control: who may leave the host gets there.
    let got = fetch(&fetcher, &at(&server, "/away")).await.unwrap();
    assert_eq!(got.body, b"elsewhere");
}

#[tokio::test]
async fn five_redirects_are_followed_and_the_sixth_is_not() {
    let chain = |line: &str| {
        let number: usize = line.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        if number == 0 { page("end") } else { redirect(&format!("/{}", number - 1)) }
    };
    let (server, fetcher) = allowed(chain).await;
    let got = fetch(&fetcher, &at(&server, "/5")).await.unwrap();
    assert_eq!((got.body.as_slice(), got.redirects), (b"end".as_slice(), 5));
    let error = fetch(&fetcher, &at(&server, "/6")).await.unwrap_err();
    assert_eq!(error, FetchError::TooManyRedirects { limit: 5 });
    assert_eq!(server.connections(), 6 + 6);
}

#[tokio::test]
async fn other_schemes_and_hosts_outside_the_list_are_refused() {
    for (to, code) in [
        ("file:///etc/passwd", "scheme_not_allowed"),
        ("gopher://allowed.test/", "scheme_not_allowed"),
        ("data:text/plain,x", "scheme_not_allowed"),
        ("javascript:1", "scheme_not_allowed"),
        ("http://user:pass@allowed.test/", "user_info_in_url"),
        ("http://[", "invalid_redirect"),
        ("http://evil.test/", "host_not_allowed"),
        ("http://allowed.test:22/", "host_not_allowed"),
    ] {
        let (server, fetcher) = allowed(move |_| redirect(to)).await;
        assert_eq!(fetch(&fetcher, &at(&server, "/")).await.unwrap_err().code(), code, "{to}");
        assert_eq!(server.connections(), 1);
    }
    let (_server, fetcher) = allowed(|_| page("")).await;
    for url in ["file:///etc/passwd", "ftp://allowed.test/"] {
        assert_eq!(fetch(&fetcher, url).await.unwrap_err(), FetchError::Scheme);
    }
}

#[tokio::test]
async fn https_is_not_left_for_http() {
    let plain = Server::start(|_| page("secret")).await;
    let to = format!("http://allowed.test:{}/", plain.port());
    let (server_tls, client_tls) = certificate(&["allowed.test"]);
    let answer =
        move |line: &str| if line.contains("/down") { redirect(&to) } else { page("fine") };
    let secure = Server::at(LOOPBACK, Some(server_tls), answer).await;
    let (rules, resolver) = public(&["allowed.test"]);
    let list = [format!("*:{}", secure.port()), format!("*:{}", plain.port())];
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    let policy = std::sync::Arc::new(policy(&list, rules, resolver));
    let fetcher = Fetcher::new(std::sync::Arc::clone(&policy), &client_tls);
    let base = format!("https://allowed.test:{}", secure.port());
    assert_eq!(fetch(&fetcher, &format!("{base}/")).await.unwrap().body, b"fine");
    let error = fetch(&fetcher, &format!("{base}/down")).await.unwrap_err();
    assert_eq!(error, FetchError::Downgrade);
    assert_eq!(plain.connections(), 0);
    // Who does not trust the certificate sees nothing.
    let strict = Fetcher::new(policy, &tls_config().unwrap());
    assert_eq!(fetch(&strict, &format!("{base}/")).await.unwrap_err().code(), "tls");
}

#[tokio::test]
async fn an_error_of_the_server_is_an_answer() {
    let missing = |_: &str| b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\ngone".to_vec();
    let (server, fetcher) = allowed(missing).await;
    let got = fetch(&fetcher, &at(&server, "/x?y=1#z")).await.unwrap();
    assert_eq!((got.status, got.body.as_slice()), (404, b"gone".as_slice()));
    let head = server.heads().remove(0).to_lowercase();
    assert!(head.starts_with("get /x?y=1 http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: allowed.test:{}\r\n", server.port())), "{head}");
    // No redirect without a place, and none that is not one.
    let (server, fetcher) =
        allowed(|_| b"HTTP/1.1 304 X\r\nlocation: http://127.0.0.1/\r\n\r\n".to_vec()).await;
    assert_eq!(fetch(&fetcher, &at(&server, "/")).await.unwrap().status, 304);
}
