//! The benchmark of the gateway works, and what does not depend on the machine
//! is as it should be.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn bench(hub: &Path, args: &[&str]) -> std::io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_bench-gateway"))
        .args(["--quick", "--requests", "300"])
        .args(["--provider-binary", env!("CARGO_BIN_EXE_measured-provider")])
        .args(["--proxy-binary", env!("CARGO_BIN_EXE_bare-proxy")])
        .arg("--hub-binary")
        .arg(hub)
        .args(args)
        .output()
}

#[test]
fn a_quick_look_at_the_gateway_has_sane_figures() {
    let output = bench(Path::new(env!("CARGO_BIN_EXE_measured-hub")), &[]).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{problems}");
    let figures: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let figure = |name: &str| figures[name].as_f64().unwrap_or_else(|| panic!("no {name}: {said}"));
    assert_eq!(figures["errors"], 0, "{said}");
    assert_eq!(figures["soak_requests"], 300, "{said}");
    for positive in [
        "cpu_us_per_request",
        "cpu_us_per_stream",
        "bare_cpu_us_per_request",
        "bare_cpu_us_per_stream",
        "priced_cpu_us_per_request",
        "cache_hit_p50_us",
        "rss_mb_idle",
    ] {
        assert!(figure(positive) > 0.0, "{positive}: {said}");
    }
    for known in ["added_p50_us", "added_p99_us", "priced_added_p50_us", "rss_slope_mb_per_100k"] {
        assert!(figure(known).is_finite(), "{known}: {said}");
    }
    // A stream is fifty writes; whoever counts a request's time alone is wrong.
    assert!(figure("cpu_us_per_stream") > figure("cpu_us_per_request"), "{said}");
    assert!(figure("rss_mb_after") >= figure("rss_mb_idle") / 2.0, "{said}");
    assert!(figure("cpu_ratio") > 1.0, "{said}");
}

#[test]
fn a_hub_that_does_not_start_is_an_error() {
    let output = bench(Path::new("/bin/false"), &["--check"]).unwrap();
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(problems.contains("the hub ended"), "{problems}");
}
