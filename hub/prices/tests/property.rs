//! Costs of any call by any prices.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use agentos_domain::{NanoUsd, Timestamp, TokenCounts};
use agentos_prices::{PriceTable, Prices, Service, ServiceTier};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Prices of a table that has one entry.
fn only(table: &PriceTable) -> &Prices {
    table.find("p", "m", Timestamp::from_millis(0)).unwrap()
}

/// A price or a multiplier, from millionths.
fn decimal(millionths: u64) -> String {
    format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
}

fn rates(prices: [u64; 6]) -> Value {
    let [input, cache_read, cache_write, cache_write_1h, output, reasoning] = prices.map(decimal);
    json!({
        "input": input, "cache_read": cache_read, "cache_write": cache_write,
        "cache_write_1h": cache_write_1h, "output": output, "reasoning": reasoning,
    })
}

fn parse(base: [u64; 6], tiers: &[(u64, [u64; 6])], times: [u64; 3]) -> PriceTable {
    let tiers: Vec<_> = tiers
        .iter()
        .map(|(above, prices)| json!({"above_prompt_tokens": above, "usd_per_million": rates(*prices)}))
        .collect();
    let [batch, priority, us] = times.map(decimal);
    let document = json!({"prices": [{
        "provider": "p", "model": "m", "effective_from": "1970-01-01", "source": "a test",
        "usd_per_million": rates(base), "tiers": tiers,
        "multipliers": {"batch": batch, "priority": priority, "inference_geo_us": us},
    }]});
    PriceTable::parse(&document.to_string()).unwrap()
}

fn prices() -> impl Strategy<Value = [u64; 6]> {
    let price = prop_oneof![0..3_u64, 0..100_000_000_u64, Just(1_000_000_000_000)];
    prop::array::uniform6(price)
}

/// Tables of up to three tiers, which need not be dearer one after the other.
fn tables() -> impl Strategy<Value = (PriceTable, Vec<u64>)> {
    let tiers = prop::collection::btree_map(1..400_u64, prices(), 0..4);
    let times = prop::array::uniform3(0..3_000_000_u64);
    (prices(), tiers, times).prop_map(|(base, tiers, times)| {
        let tiers: Vec<_> = tiers.into_iter().collect();
        let limits = tiers.iter().map(|(above, _)| *above).collect();
        (parse(base, &tiers, times), limits)
    })
}

fn services() -> impl Strategy<Value = Service> {
    let tiers = vec![
        ServiceTier::Standard,
        ServiceTier::Batch,
        ServiceTier::Flex,
        ServiceTier::Priority,
        ServiceTier::Other,
    ];
    (prop::sample::select(tiers), any::<bool>())
        .prop_map(|(tier, us_only)| Service { tier, us_only })
}

fn counts() -> impl Strategy<Value = TokenCounts> {
    prop::array::uniform6(prop_oneof![Just(0), 0..500_u64]).prop_map(
        |[input, cache_read, cache_write, cache_write_1h, output, reasoning]| TokenCounts {
            input,
            cache_read,
            cache_write,
            cache_write_1h,
            output,
            reasoning: reasoning.min(output),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Also where the call is shorter than was allowed, so that it is of
    /// another tier of length.
    #[test]
    fn no_call_costs_more_than_its_worst_case(
        (table, _) in tables(), counts in counts(), service in services(),
        more_prompt in prop_oneof![Just(0), 0..500_u64], more_output in 0..9_u64,
    ) {
        let prices = only(&table);
        let (prompt, output) = (counts.prompt() + more_prompt, counts.output + more_output);
        let reserved = prices.worst_case(prompt, output, &service);
        prop_assert!(prices.cost(&counts, &service) <= reserved);
    }

    /// The bound is met: one of the calls that are allowed costs it.
    #[test]
    fn a_call_can_cost_its_worst_case(
        (table, limits) in tables(), prompt in 0..500_u64, output in 0..500_u64,
        service in services(),
    ) {
        let prices = only(&table);
        let lengths = limits.into_iter().chain([prompt]).filter(|length| *length <= prompt);
        let calls = lengths.flat_map(|length| {
            let none = TokenCounts::default();
            [
                TokenCounts { input: length, ..none },
                TokenCounts { cache_read: length, ..none },
                TokenCounts { cache_write: length, ..none },
                TokenCounts { cache_write_1h: length, ..none },
            ]
        });
        let answered = calls.flat_map(|call| {
            [0, output].map(|reasoning| TokenCounts { output, reasoning, ..call })
        });
        let dearest = answered.map(|call| prices.cost(&call, &service)).max();
        prop_assert_eq!(dearest, Some(prices.worst_case(prompt, output, &service)));
    }

    /// One token more of any kind makes no call cheaper, where longer prompts
    /// are no cheaper.
    #[test]
    fn more_tokens_cost_no_less(
        base in prices(), dearer in prices(), above in 1..900_u64, counts in counts(),
        kind in 0..5_usize, service in services(),
    ) {
        let tier = std::array::from_fn(|i| base[i].max(dearer[i]));
        let table = parse(base, &[(above, tier)], [500_000, 2_000_000, 1_100_000]);
        let mut more = counts;
        let kinds = [
            &mut more.input, &mut more.cache_read, &mut more.cache_write, &mut more.cache_write_1h,
            &mut more.output,
        ];
        *kinds.into_iter().nth(kind).unwrap() += 1;
        let prices = only(&table);
        prop_assert!(prices.cost(&counts, &service) <= prices.cost(&more, &service));
    }

    /// Where every kind has the same price, only the number of tokens counts.
    #[test]
    fn a_token_is_charged_once(counts in counts(), price in 0..100_000_000_u64) {
        let table = parse([price; 6], &[], [0; 3]);
        let tokens = counts.prompt() + counts.output;
        let thousandths = tokens * price;
        let cost = only(&table).cost(&counts, &Service::default()).0;
        let off = i128::from(cost) * 1000 - i128::from(thousandths);
        prop_assert!(off.abs() <= 500, "{off}");
    }

    /// What differs from the exact sum is at most half a nano-dollar, in all.
    #[test]
    fn an_amount_is_rounded_once(
        base in prices(), counts in counts(), times in 0..3_000_000_u64, us in 0..3_000_000_u64,
    ) {
        let table = parse(base, &[], [times, 0, us]);
        let service = Service { tier: ServiceTier::Batch, us_only: true };
        let parts = [
            counts.input, counts.cache_read, counts.cache_write, counts.cache_write_1h,
            counts.output - counts.reasoning, counts.reasoning,
        ];
        let pico: i128 = parts.iter().zip(base).map(|(n, p)| i128::from(*n) * i128::from(p)).sum();
        let exact = pico * i128::from(times) * i128::from(us);
        let NanoUsd(cost) = only(&table).cost(&counts, &service);
        let unit = 1_000_000_000_000_000_i128;
        prop_assert!((i128::from(cost) * unit - exact).abs() * 2 <= unit);
    }
}
