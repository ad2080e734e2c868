//! Results as files.

use std::path::{Path, PathBuf};

use agentos_fake_billing::FakeDay;
use agentos_kernel::{ExportFormat, ExportRequest};

use crate::support::{World, YESTERDAY, usd};

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.ends_with("\r\n"));
    text.trim_end().split("\r\n").map(str::to_owned).collect()
}

async fn world() -> World {
    let world = World::new().await;
    world.openai.set(YESTERDAY, FakeDay::of(&["-0.0000000000001"]));
    world.openai.set("2026-11-20", FakeDay::of(&["12.5"]));
    world.fetch_days("openai", "2026-11-20", YESTERDAY).await;
    world.anthropic.set(YESTERDAY, FakeDay::of(&["1"]));
    world.fetch("anthropic").await;
    world
}

#[tokio::test]
async fn a_file_holds_each_day_once_to_the_last_digit() {
    let world = world().await;
    let export = world.kernel.export(ExportRequest::default()).await.unwrap();
    assert_eq!((export.rows, export.total_cost), (3, usd("12.5099999999999")));
    assert_eq!(
        lines(&export.path),
        [
            "provider,date,tokens,cost,created_at",
            "OpenAI,2026-11-20,2007,12.5,2026-11-22T06:00:00.000Z",
            "Anthropic,2026-11-21,2000,0.01,2026-11-22T06:00:00.000Z",
            "OpenAI,2026-11-21,2007,-0.0000000000001,2026-11-22T06:00:00.000Z",
        ]
    );
    // Another one in the same second is another file.
    let second = world.kernel.export(ExportRequest::default()).await.unwrap();
    assert!(second.path.ends_with("export_results_20261122_060000_2.csv"), "{second:?}");
    let files = std::fs::read_dir(export.path.parent().unwrap()).unwrap();
    assert_eq!(files.count(), 2, "nothing is left over");
}

#[tokio::test]
async fn the_providers_answers_are_a_column_where_they_are_asked_for() {
    let world = world().await;
    let request = ExportRequest {
        raw_json: Some(true),
        provider: Some("anthropic".into()),
        path: Some(world.folder.join("deep/er/own.csv")),
        ..ExportRequest::default()
    };
    let export = world.kernel.export(request).await.unwrap();
    assert!(export.path.ends_with("deep/er/own.csv"));
    let lines = lines(&export.path);
    assert_eq!(lines[0], "provider,date,tokens,cost,created_at,raw_json");
    assert_eq!(lines.len(), 2);
    // As a reader of RFC 4180 reads it.
    let raw = lines[1].split_once(",\"").unwrap().1.strip_suffix('"').unwrap();
    let raw: serde_json::Value = serde_json::from_str(&raw.replace("\"\"", "\"")).unwrap();
    assert_eq!(raw["costs"]["results"][0]["amount"], "1");
}

#[tokio::test]
async fn long_files_are_whole() {
    let world = World::new().await;
    world.fetch_days("openai", "2024-01-01", "2026-11-21").await;
    let (plain, raw) = (ExportRequest::default(), Some(true));
    let rows = world.kernel.export(plain).await.unwrap();
    let with_raw = ExportRequest { raw_json: raw, ..ExportRequest::default() };
    let raw = world.kernel.export(with_raw).await.unwrap();
    assert_eq!((rows.rows, raw.rows), (1056, 1056));
    let days = |path: &PathBuf| -> Vec<String> {
        lines(path).iter().map(|line| line.chars().take(17).collect()).collect()
    };
    assert_eq!(days(&rows.path)[1..], days(&raw.path)[1..]);
    let request = ExportRequest {
        from: Some("2026-02-27".parse().unwrap()),
        to: Some("2026-03-01".parse().unwrap()),
        ..ExportRequest::default()
    };
    assert_eq!(world.kernel.export(request).await.unwrap().rows, 3);
}

#[tokio::test]
async fn the_finops_profile_has_its_columns() {
    let world = world().await;
    let request = ExportRequest { format: Some(ExportFormat::Focus), ..ExportRequest::default() };
    let export = world.kernel.export(request).await.unwrap();
    let lines = lines(&export.path);
    let columns: Vec<_> = lines[0].split(',').collect();
    let row = |number: usize| -> Vec<String> {
        let cells: Vec<_> = lines[number].split(',').map(str::to_owned).collect();
        assert_eq!(cells.len(), columns.len());
        cells
    };
    let cell = |row: &[String], name: &str| {
        row[columns.iter().position(|column| *column == name).unwrap()].clone()
    };
    // What the specification forbids to be null.
    for name in [
        "BilledCost",
        "BillingAccountId",
        "BillingCurrency",
        "BillingPeriodEnd",
        "BillingPeriodStart",
        "ChargeCategory",
        "ChargeDescription",
        "ChargePeriodEnd",
        "ChargePeriodStart",
        "ContractedCost",
        "EffectiveCost",
        "InvoiceIssuerName",
        "ListCost",
        "ProviderName",
        "PublisherName",
        "ServiceCategory",
        "ServiceName",
    ] {
        for number in 1..=3 {
            assert_ne!(cell(&row(number), name), "", "{name}");
        }
    }
    let first = row(1);
    for (name, value) in [
        ("BilledCost", "12.5"),
        ("BillingPeriodStart", "2026-11-01T00:00:00Z"),
        ("BillingPeriodEnd", "2026-12-01T00:00:00Z"),
        ("ChargePeriodStart", "2026-11-20T00:00:00Z"),
        ("ChargePeriodEnd", "2026-11-21T00:00:00Z"),
        ("ChargeCategory", "Usage"),
        ("ConsumedQuantity", "2007"),
        ("ServiceCategory", "AI and Machine Learning"),
        ("ProviderName", "OpenAI"),
    ] {
        assert_eq!(cell(&first, name), value, "{name}");
    }
    let credit = row(3);
    assert_eq!(
        (
            cell(&credit, "ChargeCategory"),
            cell(&credit, "BilledCost"),
            cell(&credit, "ConsumedUnit")
        ),
        ("Credit".to_owned(), "-0.0000000000001".to_owned(), String::new())
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_written_leaves_the_old_one() {
    let world = world().await;
    let path = world.folder.join("out.csv");
    std::fs::write(&path, "old").unwrap();
    // Its place is a folder: it cannot be renamed there.
    let taken = world.folder.join("taken.csv");
    std::fs::create_dir(&taken).unwrap();
    std::fs::write(taken.join("in"), "").unwrap();
    let request = ExportRequest { path: Some(taken), ..ExportRequest::default() };
    let error = world.kernel.export(request).await.unwrap_err().to_string();
    assert!(error.contains("cannot write") && error.contains("taken.csv"), "{error}");
    let left: Vec<_> = std::fs::read_dir(&world.folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let request = ExportRequest { path: Some(path.clone()), ..ExportRequest::default() };
    world.kernel.export(request).await.unwrap();
    assert_eq!(lines(&path).len(), 4);
}
