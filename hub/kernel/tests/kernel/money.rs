//! No digit is lost between the bill and what people read.

use agentos_fake_billing::FakeDay;
use agentos_kernel::{ExportRequest, Month};
use agentos_store::{RunStatus, Usd};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{World, usd};

/// An amount with up to 12 decimals, also below zero.
fn amount() -> impl Strategy<Value = String> + Clone {
    (any::<bool>(), 0_u64..1_000_000, 0_usize..=12, any::<u64>()).prop_map(
        |(credit, whole, decimals, fraction)| {
            let sign = if credit { "-" } else { "" };
            let fraction = format!("{fraction:020}");
            match decimals {
                0 => format!("{sign}{whole}"),
                _ => format!("{sign}{whole}.{}", &fraction[20 - decimals..]),
            }
        },
    )
}

/// An exact sum that knows nothing of the code under test: in units of 10^-14.
fn units(text: &str, shift: u32) -> i128 {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let padded = format!("{fraction:0<14}");
    let scale = 10_i128.pow(14);
    sign * (whole.parse::<i128>().unwrap() * scale + padded.parse::<i128>().unwrap())
        / 10_i128.pow(shift)
}

fn written(cost: &Usd) -> i128 {
    units(&cost.to_string(), 0)
}

/// The costs in a CSV.
fn costs(path: &std::path::Path) -> Vec<Usd> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split(',').nth(3).unwrap().parse().unwrap()).collect()
}

#[test]
fn days_month_file_and_summary_have_one_sum() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let lines = prop::collection::vec(amount(), 0..4);
    let days = prop::collection::vec((1_i8..=29, lines.clone(), lines), 1..8);
    let mut runner =
        TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    runner
        .run(&days, |days| {
            runtime.block_on(one_sum(&days));
            Ok(())
        })
        .unwrap();
}

/// February of a leap year, so that its last day is in it.
async fn one_sum(days: &[(i8, Vec<String>, Vec<String>)]) {
    let world = World::new().await;
    let mut expected = std::collections::BTreeMap::new();
    for (day, openai, anthropic) in days {
        let date = format!("2024-02-{day:02}");
        let of = |lines: &[String]| {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            FakeDay::of(&lines)
        };
        world.openai.set(&date, of(openai));
        world.anthropic.set(&date, of(anthropic));
        let dollars: i128 = openai.iter().map(|line| units(line, 0)).sum();
        let cents: i128 = anthropic.iter().map(|line| units(line, 0)).sum();
        assert_eq!(cents % 100, 0, "twelve decimals of cents are fourteen of dollars");
        expected.insert(date, dollars + cents / 100);
    }
    for provider in ["openai", "anthropic"] {
        let report = world.fetch_days(provider, "2024-02-01", "2024-02-29").await;
        assert_eq!(report.status, RunStatus::Success, "{report:?}");
    }
    let expected: i128 = expected.values().sum();
    let rows = world.results().await;
    assert_eq!(rows.len(), 58);
    assert_eq!(rows.iter().map(|row| written(&row.cost)).sum::<i128>(), expected);
    let summary = world.kernel.summary(Month::new(2024, 2).unwrap()).await.unwrap();
    let totals = &summary.totals;
    assert_eq!(written(&totals.total_cost), expected);
    let by_provider = totals.by_provider.iter().map(|total| written(&total.total_cost));
    assert_eq!(by_provider.sum::<i128>(), expected);
    let line = summary.message.lines().find(|line| line.starts_with("Total: ")).unwrap();
    assert_eq!(units(line.split(' ').nth(1).unwrap(), 0), expected);
    let export = world.kernel.export(ExportRequest::default()).await.unwrap();
    assert_eq!(written(&export.total_cost), expected);
    assert_eq!(costs(&export.path).iter().map(written).sum::<i128>(), expected);
}

#[test]
fn pages_in_any_split_give_the_same() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let amounts = prop::collection::vec(amount(), 31);
    let mut runner =
        TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    runner
        .run(&(amounts, 1_usize..40), |(amounts, size)| {
            let total: Usd = amounts
                .iter()
                .map(|amount| usd(amount))
                .fold(Usd::default(), |sum, amount| sum + &amount);
            runtime.block_on(async {
                let world = World::new().await;
                for (index, amount) in amounts.iter().enumerate() {
                    let day = FakeDay::of(&[amount]);
                    world.openai.set(&format!("2026-10-{:02}", index + 1), day);
                }
                world.openai.set_page_size(size);
                world.fetch_days("openai", "2026-10-01", "2026-10-31").await;
                let totals =
                    world.kernel.monthly_totals(Month::new(2026, 10).unwrap()).await.unwrap();
                assert_eq!((totals.total_cost, totals.days_tracked), (total.clone(), 31));
            });
            Ok(())
        })
        .unwrap();
}
