//! The engine's benchmark works, and what does not depend on the machine is as
//! it should be.

use std::process::Command;

use serde_json::Value;

/// Far above what is aimed at: a look of few rounds on a busy machine.
const SANE_RATIO: f64 = 6.0;

#[test]
fn a_quick_look_at_the_engine_has_sane_figures() {
    let output = Command::new(env!("CARGO_BIN_EXE_bench-engine"))
        .args(["--quick", "--hub-binary", env!("CARGO_BIN_EXE_hub-under-test")])
        .args(["--edge-binary", env!("CARGO_BIN_EXE_probed-edge")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{problems}");
    let figures: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let figure = |name: &str| figures[name].as_f64().unwrap_or_else(|| panic!("no {name}: {said}"));
    for ratio in ["submit_ratio", "claim_ratio_1_workspace", "claim_ratio_100_workspaces"] {
        assert!((0.0..SANE_RATIO).contains(&figure(ratio)), "{ratio}: {said}");
    }
    assert_eq!(figures["waiting_open_leases"], 0, "{said}");
    assert!(figure("waiting_after_mb") - figure("waiting_before_mb") < 50.0, "{said}");
    assert!(figure("queue_after_mb") - figure("queue_before_mb") < 50.0, "{said}");
    for time in ["restart_ready_p50_ms", "restart_first_step_p50_ms", "step_p50_ms", "fsync_ms"] {
        assert!(figure(time) > 0.0, "{time}: {said}");
    }
}
