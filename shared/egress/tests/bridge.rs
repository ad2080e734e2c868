//! The bridge as a program: it runs a command and ends as the command does.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

fn run(script: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_agentos-egress-bridge"))
        .args(["0", "/nowhere/proxy", "sh", "-c", script])
        .env("no_proxy", "evil.test")
        .output()
        .unwrap()
}

#[test]
fn a_command_gets_the_proxys_address_and_no_way_around_it() {
    let output = run("echo $http_proxy $https_proxy $HTTP_PROXY $HTTPS_PROXY [$no_proxy]");
    let text = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    let (exceptions, proxies) = words.split_last().unwrap();
    assert_eq!((*exceptions, proxies.len()), ("[]", 4));
    for proxy in proxies {
        assert!(proxy.starts_with("http://127.0.0.1:") && *proxy == proxies[0], "{text}");
    }
}

#[test]
fn it_ends_as_its_command() {
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)] {
        assert_eq!(run(script).status.code(), Some(code), "{script}");
    }
    let none = Command::new(env!("CARGO_BIN_EXE_agentos-egress-bridge")).output().unwrap();
    assert!(!none.status.success());
    assert!(String::from_utf8_lossy(&none.stderr).contains("usage"));
}
