//! Name servers that change their mind: first public, then private.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;
use url::Url;

use super::support::{LOOPBACK, Server, fetcher, host, net, page, policy, redirect, subject};
use crate::*;

/// Stands for a public address: excepted for the name of the test.
const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const FLIPS: usize = 10_000;
const WORKERS: usize = 8;

/// What the name server says, one answer after the other.
fn script(number: usize) -> Vec<Vec<IpAddr>> {
    let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    let translated: IpAddr = "64:ff9b::7f00:1".parse().unwrap();
    match number % 6 {
        0 => vec![vec![PUBLIC], vec![LOOPBACK]],
        1 => vec![vec![PUBLIC, LOOPBACK]],
        2 => vec![vec![LOOPBACK, PUBLIC]],
        3 => vec![vec![PUBLIC], vec![PUBLIC, mapped]],
        4 => vec![vec![PUBLIC], vec![translated]],
        _ => vec![vec![PUBLIC], vec![PUBLIC], vec![LOOPBACK]],
    }
}

fn flipping(number: usize, rules: AddressRules, port: u16) -> Fetcher {
    let resolver = ScriptedResolver::new();
    for answer in script(number) {
        resolver.then("flip.test", &answer);
    }
    fetcher(policy(&[&format!("flip.test:{port}")], rules, resolver))
}

/// A public server that redirects to itself, and a private one at the same
/// port that must see nothing.
async fn servers() -> (Server, Server) {
    for _ in 0..50 {
        let public = Server::at(PUBLIC, None, |_| redirect("/again")).await;
        let taken = tokio::net::TcpListener::bind((LOOPBACK, public.port())).await;
        if taken.is_ok() {
            drop(taken);
            let private = Server::on((LOOPBACK, public.port()), None, |_| page("secret")).await;
            return (public, private);
        }
    }
    panic!("no port is free at both addresses");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_flips_reach_nothing_private() {
    let (public, private) = servers().await;
    let port = public.port();
    let excepted = || AddressRules::new().except(host("flip.test"), net("127.0.0.2/32"));
    let refused = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let refused = Arc::clone(&refused);
        workers.spawn(async move {
            for number in (worker..FLIPS).step_by(WORKERS) {
                let fetcher = flipping(number, excepted(), port);
                let url = Url::parse(&format!("http://flip.test:{port}/")).unwrap();
                let error = fetcher.fetch(&FetchRequest::new(url, subject())).await.unwrap_err();
                let host = host("flip.test");
                assert_eq!(error, Refusal::PrivateAddress { host }.into(), "flip {number}");
                refused.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    workers.join_all().await;
    assert_eq!(refused.load(Ordering::Relaxed), FLIPS);
    assert_eq!(private.connections(), 0);
    // The public half was really reached: two of six scripts are mixed from the start.
    assert!(public.connections() >= FLIPS * 4 / 6, "{}", public.connections());
    eprintln!("{FLIPS} flips: {} public connections, 0 private", public.connections());
    // The control: with the check off, the same script gets there.
    let careless = flipping(0, AddressRules::new().trust(&host("flip.test")), port);
    let url = Url::parse(&format!("http://flip.test:{port}/")).unwrap();
    let got = careless.fetch(&FetchRequest::new(url, subject())).await.unwrap();
    assert_eq!(got.body, b"secret");
    assert_eq!(private.connections(), 1);
}

#[tokio::test]
async fn a_name_is_resolved_once_for_each_connection() {
    let server = Server::start(|_| page("x")).await;
    let resolver = Arc::new(ScriptedResolver::new().answer("once.test", &[LOOPBACK]));
    let rules = AddressRules::new().except(host("once.test"), net("127.0.0.1/32"));
    let list = AllowList::new([format!("once.test:{}", server.port())]).unwrap();
    let policy = EgressPolicy::new(list, rules, Arc::clone(&resolver) as Arc<dyn Resolver>);
    let url = format!("http://once.test:{}/", server.port());
    super::support::fetch(&fetcher(policy), &url).await.unwrap();
    assert_eq!((resolver.asked(), server.connections()), (1, 1));
}
