//! A simulated year of daily reports: every time is a row, and none is run twice.

use std::collections::BTreeSet;
use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;

use agentos_calendar::Calendar;
use agentos_domain::{Clock, ManualClock, Timestamp};
use agentos_kernel::{DailySchedule, ExportConfig, Kernel, KernelConfig};
use agentos_store::{JobSlotStatus, JobStore, KernelStore, RunFilter};

use crate::support::open_store;

const HOUR: Duration = Duration::from_secs(3600);

/// The times that the clocks of the zone show.
fn wanted(zone: &str, start: Timestamp, end: Timestamp) -> Vec<Timestamp> {
    let calendar = Calendar::cron("30 2 * * *", zone).unwrap();
    let all = successors(calendar.next_after(start), |slot| calendar.next_after(*slot));
    all.take_while(|slot| *slot <= end).collect()
}

/// A year in this time zone, in which the hub is away now and then.
async fn year(zone: &str, away: &[u64]) {
    let folder = tempfile::tempdir().unwrap();
    let store = open_store(folder.path()).await;
    let start: Timestamp = "2026-01-10T12:00:00Z".parse().unwrap();
    let end: Timestamp = "2027-01-10T12:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::at(start));
    let config = KernelConfig {
        export: ExportConfig { output_dir: folder.path().join("x"), ..ExportConfig::default() },
        ..KernelConfig::default()
    };
    let kernel = Kernel::open(
        config,
        Arc::clone(&store) as Arc<dyn KernelStore>,
        Arc::clone(&clock) as Arc<dyn Clock>,
        Vec::new(),
        Vec::new(),
        None,
    );
    let kernel = Arc::new(kernel.await.unwrap());
    let jobs = Arc::clone(&store) as Arc<dyn JobStore>;
    let open = || {
        let (kernel, jobs) = (Arc::clone(&kernel), Arc::clone(&jobs));
        DailySchedule::open(kernel, jobs, Arc::clone(&clock) as _, ("02:30", zone))
    };
    let mut daily = open().await.unwrap();
    let (mut pauses, mut runs) = (away.iter().cycle(), BTreeSet::new());
    while clock.now() < end {
        let next = daily.look().await.unwrap();
        let newest = daily.slots(1).await.unwrap();
        runs.extend(newest.iter().map(|slot| slot.slot));
        match pauses.next().unwrap() {
            // Awake: as the loop sleeps.
            0 => clock.advance(next.since(clock.now())),
            hours => {
                clock.advance(HOUR * u32::try_from(*hours).unwrap());
                daily = open().await.unwrap();
            }
        }
    }
    daily.look().await.unwrap();
    runs.extend(daily.slots(1).await.unwrap().iter().map(|slot| slot.slot));
    let wanted = wanted(zone, start, clock.now());
    let mut slots = daily.slots(10_000).await.unwrap();
    slots.reverse();
    assert_eq!(slots.iter().map(|slot| slot.slot).collect::<Vec<_>>(), wanted, "{zone}");
    assert!(wanted.len() >= 365, "{zone}: {}", wanted.len());
    for slot in &slots {
        let status =
            if runs.contains(&slot.slot) { JobSlotStatus::Run } else { JobSlotStatus::Missed };
        assert_eq!(slot.status, status, "{zone}: {}", slot.slot);
    }
    let missed = slots.iter().filter(|slot| slot.status == JobSlotStatus::Missed).count();
    assert_eq!(missed == 0, away.iter().all(|hours| *hours < 24), "{zone}: {missed}");
    // Nothing is collected here, so no plugin has run.
    let filter = RunFilter { status: None, plugin_name: None, before: None, limit: 10 };
    assert!(kernel.runs(filter).await.unwrap().is_empty());
}

#[tokio::test]
async fn in_a_year_of_naps_every_daily_report_is_a_row_and_none_is_run_twice() {
    tokio::join!(
        year("Europe/Berlin", &[0]),
        year("America/New_York", &[0, 0, 5, 0, 75, 0, 0, 30]),
        year("Australia/Lord_Howe", &[0, 200, 0, 0, 1, 0, 49]),
    );
}

#[tokio::test]
async fn a_report_at_which_the_hub_ended_is_closed_as_failed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_store(folder.path()).await;
    let at = Timestamp::from_millis;
    store.job_since("daily_report", at(1)).await.unwrap();
    store.begin_slots("daily_report", vec![at(2)], at(3)).await.unwrap();
    let clock = ManualClock::at(at(4));
    DailySchedule::switched_off(store.as_ref(), &clock).await.unwrap();
    let slots = store.job_slots("daily_report", 10).await.unwrap();
    assert_eq!(slots[0].status, JobSlotStatus::Failed);
    assert!(slots[0].error.as_deref().unwrap().contains("the hub ended"));
    // While it is off nothing counts.
    assert_eq!(store.job_since("daily_report", at(9)).await.unwrap(), at(9));
}
