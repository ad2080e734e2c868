//! Price documents: what is refused and how, what is found, what is merged.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use agentos_domain::{NanoUsd, Timestamp, TokenCounts};
use agentos_prices::{PriceTable, Prices, Service, ServiceTier};
use serde_json::{Value, json};

fn at(day: &str) -> Timestamp {
    format!("{day}T12:00:00Z").parse().unwrap()
}

fn entry(model: &str, day: &str, input: &str) -> Value {
    json!({
        "provider": "p", "model": model, "effective_from": day, "source": "a test",
        "usd_per_million": {"input": input, "output": "8"},
    })
}

fn table(entries: Vec<Value>) -> PriceTable {
    PriceTable::parse(&json!({"prices": entries}).to_string()).unwrap()
}

fn refused(entries: Vec<Value>) -> String {
    PriceTable::parse(&json!({"prices": entries}).to_string()).unwrap_err().to_string()
}

/// What a million tokens of one kind cost, in millionths of a dollar, in a call
/// that is shorter than every shipped tier.
fn million(prices: &Prices, kind: &str) -> i64 {
    let counts: TokenCounts = serde_json::from_value(json!({kind: 100_000})).unwrap();
    prices.cost(&counts, &Service::default()).0 / 100
}

#[test]
fn the_shipped_prices_are_about_forty_models_in_order() {
    let table = PriceTable::shipped().unwrap();
    let mut models: Vec<_> = table.iter().map(|p| (p.provider(), p.model())).collect();
    let entries = models.len();
    models.dedup();
    assert!(models.len() >= 30 && entries > models.len(), "{entries} {models:?}");
    for prices in table.iter() {
        let name = prices.model();
        assert!(
            prices.source().starts_with("third-party") || prices.source().contains("unverified")
        );
        let price = |kind| million(prices, kind);
        // Who mistakes a column or a point shows here.
        assert!(price("cache_read") <= price("input"), "{name}");
        assert!(price("input") <= price("cache_write"), "{name}");
        assert!(price("cache_write") <= price("cache_write_1h"), "{name}");
        assert!(price("input") * 3 <= price("output"), "{name}");
        assert!(price("output") <= price("input") * 10, "{name}");
        // So does a tier of length that is cheaper, or dearer than any there was.
        let long = TokenCounts { input: 1_000_000, output: 1_000_000, ..TokenCounts::default() };
        let (long, short) =
            (prices.cost(&long, &Service::default()).0 / 1000, price("input") + price("output"));
        assert!(short <= long && long <= 5 * short, "{name}: {short} {long}");
        let batch = Service { tier: ServiceTier::Batch, us_only: false };
        assert!(prices.lists(&batch), "{name}");
        let after = table.find(prices.provider(), name, at("2026-11-21")).unwrap();
        assert!(after.effective_from() >= prices.effective_from());
    }
}

#[test]
fn kinds_that_are_left_out_have_a_stated_price() {
    let kinds = ["input", "cache_read", "cache_write", "cache_write_1h", "output"];
    let prices = |rates: Value| {
        let mut entry = entry("m", "2026-01-01", "4");
        entry["usd_per_million"] = rates;
        let table = table(vec![entry]);
        let prices = table.find("p", "m", at("2026-01-01")).unwrap();
        let mut all = kinds.map(|kind| million(prices, kind) / 1000).to_vec();
        let counts = TokenCounts { output: 1_000_000, reasoning: 1_000_000, ..Default::default() };
        all.push(prices.cost(&counts, &Service::default()).0 / 1_000_000);
        all
    };
    let (input, output) = ("4", "8");
    assert_eq!(
        prices(json!({"input": input, "output": output})),
        [4000, 4000, 4000, 4000, 8000, 8000]
    );
    let some = json!({"input": input, "cache_write": "5", "output": output, "reasoning": "9.5"});
    assert_eq!(prices(some), [4000, 4000, 5000, 5000, 8000, 9500]);
    let all = json!({
        "input": input, "cache_read": "0", "cache_write": "5", "cache_write_1h": "0.001",
        "output": output, "reasoning": null,
    });
    assert_eq!(prices(all), [4000, 0, 5000, 1, 8000, 8000]);
}

#[test]
fn an_error_names_the_entry_and_the_field() {
    let with = |path: &str, value: Value| {
        let mut wrong = entry("m", "2026-01-01", "4");
        wrong["tiers"] = json!([
            {"above_prompt_tokens": 10, "usd_per_million": {"input": "1", "output": "2"}},
            {"above_prompt_tokens": 20, "usd_per_million": {"input": "1", "output": "2"}},
        ]);
        wrong["multipliers"] = json!({});
        *wrong.pointer_mut(path).unwrap() = value;
        refused(vec![entry("other", "2026-01-01", "4"), wrong])
    };
    for (path, value, expected) in [
        (
            "/usd_per_million",
            json!({"input": "-1", "output": "1"}),
            "usd_per_million.input: `-1` is negative",
        ),
        (
            "/usd_per_million",
            json!({"input": 2.5, "output": "1"}),
            "usd_per_million.input: is no text",
        ),
        ("/usd_per_million", json!({"input": "0.1234567", "output": "1"}), "more than 6 decimals"),
        (
            "/usd_per_million",
            json!({"input": "1000001", "output": "1"}),
            "input: `1000001` is too much",
        ),
        ("/usd_per_million", json!({"input": "1"}), "usd_per_million.output: is missing"),
        (
            "/tiers/1/usd_per_million",
            json!({"input": "1", "output": "x"}),
            "tiers[1].usd_per_million.output: `x`",
        ),
        ("/tiers/1/above_prompt_tokens", json!(10), "tiers[1].above_prompt_tokens: is not above"),
        ("/tiers/0/above_prompt_tokens", json!(0), "tiers[0].above_prompt_tokens: is no number"),
        ("/tiers/0/above_prompt_tokens", json!("5"), "tiers[0].above_prompt_tokens: is no number"),
        ("/multipliers", json!({"batch": "-0.5"}), "multipliers.batch: `-0.5` is negative"),
        (
            "/multipliers",
            json!({"inference_geo_us": 1.1}),
            "multipliers.inference_geo_us: is no text",
        ),
        ("/multipliers", json!({"flex": "101"}), "multipliers.flex: `101` is too much"),
        ("/source", json!(" "), "source: say"),
    ] {
        let error = with(path, value.clone());
        assert!(error.starts_with("prices of p m 2026-01-01: "), "{error}");
        assert!(error.contains(expected), "{path} {value}: {error}");
    }
    for (path, value, expected) in [
        ("/provider", json!("Open AI"), "provider: this is no name of a provider"),
        ("/model", json!("a b"), "model: `a b` is no name"),
        ("/effective_from", json!("2026-02-30"), "effective_from: `2026-02-30` is no day"),
        ("/effective_from", json!("2026-1-1"), "effective_from: `2026-1-1` is no day"),
        ("/effective_from", json!("2026-01-01T00:00:00Z"), "is no day"),
    ] {
        assert!(with(path, value).contains(expected));
    }
}

#[test]
fn only_known_fields_are_read_each_once() {
    for (path, entry_at) in
        [("", ""), ("/usd_per_million", "entry 2: "), ("/multipliers", "entry 2: ")]
    {
        let mut wrong = entry("m", "2026-01-01", "4");
        wrong["multipliers"] = json!({});
        let mut document = json!({"prices": [entry("other", "2026-01-01", "4"), wrong]});
        let place = if path.is_empty() { String::new() } else { format!("/prices/1{path}") };
        document.pointer_mut(&place).unwrap()["inptu"] = json!("1");
        let error = PriceTable::parse(&document.to_string()).unwrap_err().to_string();
        assert!(error.contains(&format!("{entry_at}unknown field `inptu`")), "{error}");
        assert!(error.contains("line 1 column"), "{error}");
    }
    let twice = r#"{"prices": [{"provider": "p", "provider": "q"}]}"#;
    let error = PriceTable::parse(twice).unwrap_err().to_string();
    assert!(error.contains("entry 1: duplicate field `provider`"), "{error}");
    for text in ["", "[]", "{}", "{\"prices\": 3}", "{\"prices\": []} x"] {
        assert!(PriceTable::parse(text).is_err(), "{text}");
    }
}

#[test]
fn nothing_is_said_twice() {
    let twice = refused(vec![entry("m", "2026-01-01", "4"), entry("m", "2026-01-01", "5")]);
    assert!(twice.contains("p m 2026-01-01: effective_from: this day has an entry"), "{twice}");
    let aliased = |model: &str, day: &str| {
        let mut entry = entry(model, day, "4");
        entry["aliases"] = json!(["latest"]);
        entry
    };
    let two = refused(vec![aliased("m", "2026-01-01"), aliased("n", "2026-01-01")]);
    assert!(two.contains("p n 2026-01-01: aliases: `latest` is one of m"), "{two}");
    // It may stand in every entry of its model.
    table(vec![aliased("m", "2026-01-01"), aliased("m", "2026-01-02")]);
}

#[test]
fn a_model_is_found_by_its_names_in_order() {
    let mut old = entry("m", "2026-01-01", "1");
    old["aliases"] = json!(["m-latest", "taken-20250514"]);
    let table = table(vec![
        old,
        entry("m", "2026-02-01", "2"),
        entry("m-20250514", "2026-01-01", "3"),
        entry("taken", "2026-01-01", "4"),
        entry("m-latest", "2026-03-01", "5"),
        entry("n-2", "2026-01-01", "6"),
    ]);
    let found = |model: &str, day: &str| {
        table.find("p", model, at(day)).map(|prices| million(prices, "input") / 1_000_000)
    };
    assert_eq!(found("m", "2025-12-31"), None);
    assert_eq!(found("m", "2026-01-31"), Some(1));
    assert_eq!(found("m", "2026-02-01"), Some(2));
    // An alias is one of the model: also of entries that do not repeat it.
    assert_eq!(found("m-latest", "2026-02-01"), Some(2));
    // The name itself goes before an alias, from its day on.
    assert_eq!(found("m-latest", "2026-03-01"), Some(5));
    // So does it before the name without its date, and an alias too.
    assert_eq!(found("m-20250514", "2026-02-01"), Some(3));
    assert_eq!(found("taken-20250514", "2026-02-01"), Some(2));
    assert_eq!(found("taken-20250515", "2026-02-01"), Some(4));
    for dated in ["m-20250515", "m-2025-05-15", "m-latest-2025-05-14"] {
        assert_eq!(found(dated, "2026-02-01"), Some(2), "{dated}");
    }
    for other in [
        "m-",
        "m-mini",
        "M",
        "m-2025051",
        "m-202505145",
        "m-20251314",
        "m-20250532",
        "m-19990101",
        "m-2025-5-14",
        "m-2025-05-14-mini",
        "m20250514",
        "-20250514",
        "20250514",
        "n",
        "n-2-1",
        "",
        "m-2025_05_14",
        "mé-2025-05-1",
        "ééééé",
        "p/m",
        "m-20250514-20250514-20250514",
    ] {
        assert_eq!(found(other, "2026-02-01"), None, "{other}");
    }
    assert_eq!(table.find("q", "m", at("2026-02-01")), None);
}

#[test]
fn what_a_user_gives_goes_before_what_is_shipped() {
    let mut ours = entry("m", "2026-01-01", "1");
    ours["aliases"] = json!(["alias", "old"]);
    let ours = table(vec![ours, entry("m", "2026-02-01", "2"), entry("n", "2026-01-01", "3")]);
    let mut news = entry("new", "2026-01-01", "9");
    news["aliases"] = json!(["alias"]);
    let theirs = table(vec![entry("m", "2026-02-01", "7"), entry("m", "2026-03-01", "8"), news]);
    let both = ours.clone().extended_by(theirs);
    let found = |model: &str, day: &str| {
        million(both.find("p", model, at(day)).unwrap(), "input") / 1_000_000
    };
    assert_eq!(
        [found("m", "2026-01-31"), found("m", "2026-02-28"), found("m", "2026-03-01")],
        [1, 7, 8]
    );
    assert_eq!(
        [found("n", "2026-03-01"), found("alias", "2026-03-01"), found("old", "2026-03-01")],
        [3, 9, 8]
    );
    assert_eq!(both.iter().count(), 5);
    assert_eq!(ours.clone().extended_by(PriceTable::default()), ours);
}

#[test]
fn a_service_that_is_not_listed_costs_as_the_standard_one() {
    let mut entry = entry("m", "2026-01-01", "4");
    entry["multipliers"] = json!({"batch": "0.5", "priority": "1.75"});
    let table = table(vec![entry]);
    let prices = table.find("p", "m", at("2026-01-01")).unwrap();
    let counts = TokenCounts { input: 1000, ..TokenCounts::default() };
    for (tier, us_only, nano, listed) in [
        (ServiceTier::Standard, false, 4_000_000, true),
        (ServiceTier::Batch, false, 2_000_000, true),
        (ServiceTier::Priority, false, 7_000_000, true),
        (ServiceTier::Flex, false, 4_000_000, false),
        (ServiceTier::Fast, false, 4_000_000, false),
        (ServiceTier::Other, false, 4_000_000, false),
        (ServiceTier::Batch, true, 2_000_000, false),
    ] {
        let service = Service { tier, us_only };
        assert_eq!(prices.cost(&counts, &service), NanoUsd(nano), "{service:?}");
        assert_eq!(prices.lists(&service), listed, "{service:?}");
    }
}

#[test]
fn amounts_that_are_too_large_are_the_largest() {
    let mut entry = entry("m", "2026-01-01", "1000000");
    entry["multipliers"] = json!({"batch": "100", "inference_geo_us": "100"});
    let table = table(vec![entry]);
    let prices = table.find("p", "m", at("2026-01-01")).unwrap();
    let max = u64::MAX;
    let counts = TokenCounts {
        input: max,
        cache_read: max,
        cache_write: max,
        cache_write_1h: max,
        output: max,
        reasoning: max,
    };
    let service = Service { tier: ServiceTier::Batch, us_only: true };
    assert_eq!(prices.cost(&counts, &service), NanoUsd(i64::MAX));
    assert_eq!(prices.worst_case(max, max, &service), NanoUsd(i64::MAX));
    assert_eq!(prices.worst_case(0, 0, &service), NanoUsd(0));
    assert_eq!(prices.cost(&TokenCounts::default(), &service), NanoUsd(0));
    // Reasoning is part of the answer, whatever is said of it.
    let counts = TokenCounts { output: 2, reasoning: 5, ..TokenCounts::default() };
    assert_eq!(prices.cost(&counts, &Service::default()), NanoUsd(16_000));
}
