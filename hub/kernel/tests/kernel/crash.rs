//! What is left of a collection when its process is killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use agentos_fake_billing::FakeDay;
use agentos_store::{KernelStore, ResultFilter, RunStatus};

use crate::support::{World, all_runs, days, open_store, usd};

/// Where the process that is killed finds its folder.
const FOLDER: &str = "AGENTOS_KERNEL_TEST";
const FROM: &str = "2026-01-01";
const TO: &str = "2026-10-31";

/// Not a test: the process that is killed. It says when it begins, and each
/// time that it has recorded a span of days.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it runs until it is killed, by `a_killed_collection_leaves_no_day_in_part`"]
async fn the_hub_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let world = World::in_folder(Path::new(&folder)).await;
    world.openai.set_page_size(3);
    println!("\nbegun");
    let progress = Arc::new(|progress: agentos_kernel::Progress| println!("{}", progress.done));
    world.kernel.fetch("openai", days(FROM, TO), false, progress).await.unwrap();
    std::future::pending::<()>().await;
}

/// Starts that process and kills it when it has said `lines` lines.
fn run_and_kill(folder: &Path, lines: usize) {
    let mut hub = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::the_hub_that_is_killed", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let said = BufReader::new(hub.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said = said.skip_while(|line| line != "begun").take(lines).count();
    hub.kill().unwrap();
    hub.wait().unwrap();
    assert_eq!(said, lines, "it ended by itself");
}

#[tokio::test]
async fn a_killed_collection_leaves_no_day_in_part() {
    for lines in [2, 3, 5, 8] {
        let folder = tempfile::tempdir().unwrap();
        run_and_kill(folder.path(), lines);
        let store = open_store(folder.path()).await;
        let open = store.runs(all_runs()).await.unwrap();
        assert_eq!((open.len(), open[0].status), (1, RunStatus::Running));
        let left = store.results(ResultFilter::default()).await.unwrap();
        // Spans of 31 days are recorded together.
        assert!(left.len() % 31 == 0 && left.len() >= (lines - 1) * 31, "{}", left.len());
        store.close(std::time::Duration::from_secs(10)).await;
        drop(store);
        // The next start closes the run, and the next run does the rest.
        let world = World::in_folder(folder.path()).await;
        let runs = world.runs().await;
        assert_eq!((runs.len(), runs[0].status), (1, RunStatus::Failed));
        assert!(runs[0].error.as_deref().unwrap().contains("the hub ended during this run"));
        let report = world.fetch_days("openai", FROM, TO).await;
        assert_eq!(report.metadata["days_there"], left.len());
        let rows = world.results().await;
        assert_eq!(rows.len(), 304);
        assert!(rows.iter().all(|row| row.cost == usd("0.25") && row.revision == 1));
    }
}

impl World {
    /// With a folder that stays, and a quarter of a dollar a day.
    async fn in_folder(folder: &Path) -> Self {
        let world = Self::at(folder).await;
        let (from, to): (agentos_store::Day, agentos_store::Day) =
            (FROM.parse().unwrap(), TO.parse().unwrap());
        for day in from.through(to) {
            world.openai.set(&day.to_string(), FakeDay::of(&["0.25"]));
        }
        world
    }
}
