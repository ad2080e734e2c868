//! No attack gets out, in either tier.
#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says what it left out"
)]
#![cfg(target_os = "linux")]

use std::process::Command;

use serde_json::Value;

/// Attacks of the list that a tier must have been tried with, at least.
const ATTEMPTED: u64 = 40;

/// The report of one tier.
fn report(tier: &str) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_escape"));
    let output = command.args(["--tier", tier]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    eprintln!("{said}{}", String::from_utf8_lossy(&output.stderr));
    let last = said.lines().last().expect("it said nothing");
    serde_json::from_str::<Value>(last).unwrap()["tiers"][0].clone()
}

fn check(report: &Value, known_open: &[&str]) {
    assert_eq!(report["escapes"], 0);
    assert_eq!(report["benign_failed"], serde_json::json!([]));
    assert!(report["benign"].as_u64().unwrap() >= 11, "honest use was not tried");
    assert!(report["attempted"].as_u64().unwrap() >= ATTEMPTED, "too few attacks could be made");
    assert_eq!(report["known_open"], serde_json::json!(known_open));
}

#[test]
fn no_attack_escapes_the_launcher_alone() {
    check(&report("launcher"), &["13a", "13b", "13d"]);
}

#[test]
fn no_attack_escapes_bubblewrap_and_the_launcher() {
    if !["/usr/bin/bwrap", "/usr/local/bin/bwrap"].iter().any(|path| std::fs::exists(path).unwrap())
    {
        eprintln!("SKIPPED, NOT PASSED: bubblewrap is not installed");
        return;
    }
    check(&report("bubblewrap"), &[]);
}
