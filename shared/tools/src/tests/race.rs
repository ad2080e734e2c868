//! A folder that is swapped for a link out of the workspace while the tools use
//! it. The attack is shown to work: looking where a path leads and opening it
//! afterwards does leak.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use agentos_domain::{Clock, SystemClock};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use serde_json::{Value, json};

use super::{CANARY, Place};

/// What became of the tries of one tool.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    tries: u64,
    /// The harmless twin was met.
    inside: u64,
    /// The link was met, and refused.
    refused: u64,
    leaked: u64,
}

/// Swaps `race`, a folder, and `link`, which leads out, until `stop`. There is
/// always something of that name: a tool that makes missing folders makes none.
fn swap(inside: &Path, stop: &AtomicBool, swaps: &AtomicU64) {
    let (race, link) = (inside.join("temp/race"), inside.join("temp/link"));
    while !stop.load(Ordering::Relaxed) {
        let exchange = RenameFlags::RENAME_EXCHANGE;
        renameat2(AT_FDCWD, &race, AT_FDCWD, &link, exchange).unwrap();
        swaps.fetch_add(1, Ordering::Relaxed);
    }
}

const TOOLS: [&str; 5] =
    ["file_read", "file_list", "file_search", "metadata_extract", "file_write"];

fn arguments(tool: &str) -> Value {
    match tool {
        "file_list" => json!({ "path": "temp/race" }),
        "file_search" => json!({ "path": "temp/race", "pattern": "[A-Za-z]+" }),
        "file_write" => json!({ "path": "temp/race/new.txt", "content": "x" }),
        // Of a file of this size and hash there is one outside alone.
        "metadata_extract" => json!({ "path": "temp/race/secret.txt", "hash": true }),
        _ => json!({ "path": "temp/race/secret.txt" }),
    }
}

/// Looks where a path leads, and opens it if it is inside: the race is lost.
fn naive(inside: &Path) -> Option<String> {
    let path = inside.join("temp/race/secret.txt");
    let real = fs::canonicalize(&path).ok()?;
    if !real.starts_with(fs::canonicalize(inside).ok()?) {
        return None;
    }
    fs::read_to_string(&path).ok()
}

struct Outcome {
    tallies: Vec<Tally>,
    naive: Tally,
    swaps: u64,
}

/// Tries all tools in turn for so long, and on until each has met both.
async fn race(place: &Place, time: Duration) -> Outcome {
    let (stop, swaps) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut tallies, mut control) = (vec![Tally::default(); TOOLS.len()], Tally::default());
    let secret = agentos_domain::BlobHash::of(CANARY.as_bytes()).to_string();
    // Judged at the end: a panic in here would leave the swapper running.
    std::thread::scope(|scope| {
        scope.spawn(|| swap(&place.inside, &stop, &swaps));
        tokio::task::block_in_place(|| {
            let clock = SystemClock;
            let begun = clock.monotonic();
            loop {
                for (tool, tally) in TOOLS.iter().zip(&mut tallies) {
                    let answer = tokio::runtime::Handle::current()
                        .block_on(place.call(tool, arguments(tool)));
                    tally.tries += 1;
                    match answer {
                        Ok(value) => {
                            let text = value.to_string();
                            let leaked = text.contains(CANARY)
                                || text.contains(&secret)
                                || text.contains("only-outside");
                            tally.leaked += u64::from(leaked);
                            tally.inside += u64::from(!leaked);
                        }
                        Err(error) => {
                            tally.refused += u64::from(error.code == "path_outside_grant");
                        }
                    }
                }
                for _ in 0..20 {
                    control.tries += 1;
                    match naive(&place.inside) {
                        Some(text) if text == CANARY => control.leaked += 1,
                        Some(_) => control.inside += 1,
                        None => control.refused += 1,
                    }
                }
                let spent = clock.monotonic().saturating_sub(begun);
                let met = tallies.iter().all(|tally| tally.inside > 0 && tally.refused > 0);
                if spent >= time && (met || spent >= time * 20) {
                    break;
                }
            }
        });
        stop.store(true, Ordering::Relaxed);
    });
    Outcome { tallies, naive: control, swaps: swaps.into_inner() }
}

fn arena() -> Place {
    let mut place = Place::new();
    place.registry.insert_code_tools().unwrap();
    fs::write(place.outside.join("only-outside"), CANARY).unwrap();
    place.file("temp/race/secret.txt", "harmless");
    symlink(&place.outside, place.inside.join("temp/link")).unwrap();
    place
}

fn judge(place: &Place, outcome: &Outcome) {
    let mut said = std::io::stderr().lock();
    let Outcome { tallies, naive, swaps } = outcome;
    for (tool, tally) in TOOLS.iter().zip(tallies) {
        writeln!(said, "{tool}: {tally:?}").unwrap();
    }
    writeln!(said, "looking first, then opening: {naive:?}; {swaps} swaps").unwrap();
    let mut there: Vec<_> = fs::read_dir(&place.outside)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    assert_eq!(there, ["only-outside", "secret.txt"], "something was written outside");
    for (tool, tally) in TOOLS.iter().zip(tallies) {
        assert_eq!(tally.leaked, 0, "{tool}");
        assert!(tally.inside > 0, "{tool} never met its harmless twin: {tally:?}");
        assert!(tally.refused > 0, "{tool} never met the link: {tally:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swapped_folder_leads_no_tool_outside() {
    let place = arena();
    let outcome = race(&place, Duration::from_secs(1)).await;
    judge(&place, &outcome);
}

/// The same for half a minute, in which the careless way does leak:
/// `cargo test -p agentos-tools -- --ignored --nocapture half_a_minute`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half a minute"]
async fn a_swapped_folder_leads_no_tool_outside_in_half_a_minute() {
    let place = arena();
    let outcome = race(&place, Duration::from_secs(30)).await;
    judge(&place, &outcome);
    assert!(outcome.naive.leaked > 0, "the attack did not work at all: {:?}", outcome.naive);
}
