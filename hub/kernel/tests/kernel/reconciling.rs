//! Metered beside billed.

use agentos_domain::{CallId, NanoUsd, Timestamp, TokenCounts};
use agentos_fake_billing::FakeDay;
use agentos_kernel::Verdict;
use agentos_store::{CallOutcome, Ledger as _, ModelCall, Settlement};

use crate::support::{World, YESTERDAY, usd};

async fn metered(world: &World, provider: &str, day: &str, cost: i64) {
    let now: Timestamp = format!("{day}T23:59:59.999Z").parse().unwrap();
    let call = ModelCall {
        id: CallId::generate(),
        workspace_id: "a".parse().unwrap(),
        key_id: "key".into(),
        task_id: None,
        request_id: None,
        requested: "smart".into(),
        deployment: "d".into(),
        provider: provider.into(),
        reserved: NanoUsd(0),
        created_at: now,
        expires_at: now,
    };
    let end = Settlement {
        id: call.id.clone(),
        deployment: "d".into(),
        provider: provider.into(),
        model: "m".into(),
        tokens: TokenCounts::default(),
        cost: NanoUsd(cost),
        estimated: false,
        outcome: CallOutcome::Completed,
        error_code: None,
        attempts: "[]".into(),
        first_token_ms: None,
        duration_ms: 1,
        now,
    };
    world.store.record_calls(vec![(call, end)]).await.unwrap();
}

#[tokio::test]
async fn spend_outside_the_hub_is_seen() {
    let world = World::new().await;
    world.openai.set(YESTERDAY, FakeDay::of(&["3.0000000005"]));
    world.openai.set("2026-11-20", FakeDay::of(&["1"]));
    world.anthropic.set(YESTERDAY, FakeDay::of(&["100"]));
    world.fetch_days("openai", "2026-11-20", YESTERDAY).await;
    world.fetch("anthropic").await;
    for (provider, day, cost) in [
        ("openai", "2026-11-20", 990_000_000),
        ("openai", YESTERDAY, 2_000_000_000),
        ("openai", YESTERDAY, 500_000_000),
        ("anthropic", YESTERDAY, 1_500_000_000),
        ("anthropic", "2026-11-20", 7),
        // Nobody collects its bill.
        ("ollama", YESTERDAY, 9),
    ] {
        metered(&world, provider, day, cost).await;
    }
    let (from, to) = ("2026-11-20".parse().unwrap(), YESTERDAY.parse().unwrap());
    let compared = world.kernel.reconcile(from, to).await.unwrap();
    let days: Vec<_> = compared
        .days
        .iter()
        .map(|day| {
            let difference = day.difference.as_ref().map(ToString::to_string);
            (day.date.to_string(), day.provider.as_str(), difference, day.verdict)
        })
        .collect();
    let day = |date: &str, provider, difference: Option<&str>, verdict| {
        (date.to_owned(), provider, difference.map(str::to_owned), verdict)
    };
    assert_eq!(
        days,
        [
            day("2026-11-20", "Anthropic", None, Verdict::NotBilledYet),
            day("2026-11-20", "OpenAI", Some("0.01"), Verdict::Agrees),
            day(YESTERDAY, "Anthropic", Some("-0.5"), Verdict::BilledLess),
            // Half of a billionth goes to the even one.
            day(YESTERDAY, "OpenAI", Some("0.5"), Verdict::SpentOutside),
        ]
    );
    assert_eq!(compared.days[3].billed, Some(usd("3.0000000005")), "the exact amount is kept");
    assert_eq!(compared.days[3].calls, 2);
    assert_eq!((&compared.outside, &compared.billed), (&usd("0.5"), &usd("5.0000000005")));
    assert!(compared.rounding.contains("half-even to 9 decimals"));
    let reversed = world.kernel.reconcile(to, from).await.unwrap_err();
    assert!(reversed.to_string().contains("exchange"));
}
