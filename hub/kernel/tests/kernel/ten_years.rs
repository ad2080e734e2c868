//! How long it takes with much data: reported, never asserted.

use std::time::Duration;

use agentos_domain::{Clock as _, SystemClock};
use agentos_kernel::{ExportFormat, ExportRequest, Month};
use agentos_store::{BilledDay, Day, KernelStore as _, RunId};

use crate::support::{World, at, usd};

/// The median time of what is measured.
async fn median(times: usize, mut work: impl AsyncFnMut()) -> Duration {
    let mut took = Vec::new();
    for _ in 0..times {
        let began = SystemClock.monotonic();
        work().await;
        took.push(SystemClock.monotonic() - began);
    }
    took.sort_unstable();
    took[times / 2]
}

#[tokio::test]
#[ignore = "it measures: run it alone with --ignored --nocapture"]
async fn ten_years_of_twenty_providers() {
    let world = World::new().await;
    let run = RunId::generate();
    world.store.begin_run(run, "bench", at("2026-11-22T00:00:00Z")).await.unwrap();
    let first: Day = "2017-01-01".parse().unwrap();
    let days: Vec<Day> = first.through("2026-12-31".parse().unwrap()).collect();
    // As long as an answer with a breakdown by model.
    let raw_json = format!("{{\"costs\":\"{}\"}}", "x".repeat(2000));
    for provider in 0..20 {
        for chunk in days.chunks(500) {
            let billed = chunk.iter().enumerate().map(|(number, date)| BilledDay {
                date: *date,
                tokens: 1_000_000 + number as u64,
                cost: usd(&format!("{provider}.{number:04}123456789")),
                raw_json: raw_json.clone(),
            });
            let name = format!("Provider{provider:02}");
            let now = at("2026-11-22T00:00:00Z");
            world.store.record_days(run, &name, billed.collect(), now).await.unwrap();
        }
    }
    println!("{} rows", days.len() * 20);
    let month = Month::new(2026, 10).unwrap();
    let totals = median(21, async || drop(world.kernel.monthly_totals(month).await.unwrap())).await;
    println!("monthly totals: {totals:?}");
    for (name, format, raw_json, from) in [
        ("a month, csv", ExportFormat::Csv, false, Some(month.first())),
        ("a year, csv", ExportFormat::Csv, false, Some("2026-01-01".parse().unwrap())),
        ("all, csv", ExportFormat::Csv, false, None),
        ("all, focus", ExportFormat::Focus, false, None),
        ("all, csv with raw_json", ExportFormat::Csv, true, None),
    ] {
        let path = Some(world.folder.join("out.csv"));
        let to = from.map(|_| month.last());
        let request = ExportRequest {
            format: Some(format),
            raw_json: Some(raw_json),
            from,
            to,
            path,
            provider: None,
        };
        let took = median(7, async || drop(world.kernel.export(request.clone()).await.unwrap()));
        println!("export of {name}: {:?}", took.await);
    }
}
