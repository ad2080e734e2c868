//! The short form of the chaos test: a few kills at crash points and elsewhere,
//! under load. `cargo xtask chaos` is the long one.

use agentos_tests::chaos::{self, Extent, Programs};
use agentos_tests::harness::note;
use anyhow::Result;

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const CHAOS_EDGE: &str = env!("CARGO_BIN_EXE_chaos-edge");
const KILLS: u64 = 12;
/// Another one at each run of the long form; this one repeats itself.
const SEED: u64 = 1;

#[test]
fn a_dozen_kills_lose_nothing_and_double_nothing() -> Result<()> {
    let programs = Programs { hub: HUB.into(), edge: CHAOS_EDGE.into() };
    let extent = Extent { kills: KILLS, seed: SEED, keep: false };
    let report = chaos::run(&programs, extent, &note)?;
    note(&serde_json::to_string(&report)?);
    assert!(report.is_good(), "{:?}: {:#?}", report.kept, report.wrong);
    // It was no test otherwise.
    assert!(report.kills >= KILLS && report.points_hit > 0, "{report:?}");
    assert!(report.tasks >= 8 && report.effects > 0, "{report:?}");
    Ok(())
}
