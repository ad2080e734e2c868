//! Amounts that were reckoned by hand: each is written out, in micro-dollars
//! (tokens times dollars per million), then in nano-dollars.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use agentos_domain::{NanoUsd, Timestamp, TokenCounts};
use agentos_prices::usage::{AnthropicUsage, Metered, UsageError, from_anthropic, from_openai};
use agentos_prices::{PriceTable, Service, ServiceTier};
use serde_json::{Value, json};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What the tokens cost on 21 November 2026: input, read, write, write for an
/// hour, output, and of that reasoning.
fn cost(model: &str, tokens: [u64; 6], tier: ServiceTier, us_only: bool) -> i64 {
    let [input, cache_read, cache_write, cache_write_1h, output, reasoning] = tokens;
    let counts = TokenCounts { input, cache_read, cache_write, cache_write_1h, output, reasoning };
    let provider = if model.starts_with("claude") { "anthropic" } else { "openai" };
    let table = PriceTable::shipped().unwrap();
    let prices = table.find(provider, model, at("2026-11-21T12:00:00Z")).unwrap();
    prices.cost(&counts, &Service { tier, us_only }).0
}

/// The same, of a usage as the provider wrote it.
fn cost_of(model: &str, metered: &Metered) -> i64 {
    let c = metered.counts;
    let tokens = [c.input, c.cache_read, c.cache_write, c.cache_write_1h, c.output, c.reasoning];
    cost(model, tokens, metered.service.tier, metered.service.us_only)
}

#[test]
fn openai_by_hand() {
    use ServiceTier::{Batch, Flex, Priority, Standard};
    // 1: 1000×10 + 100×50 = 10,000 + 5,000.
    assert_eq!(cost("gpt-6-astra", [1000, 0, 0, 0, 100, 0], Standard, false), 15_000_000);
    // 2: reasoning is part of the answer, and no dearer: as before.
    assert_eq!(cost("gpt-6-astra", [1000, 0, 0, 0, 100, 90], Standard, false), 15_000_000);
    // 3: 100×10 + 800×1 + 100×12.5 + 10×50 = 1,000 + 800 + 1,250 + 500.
    assert_eq!(cost("gpt-6-astra", [100, 800, 100, 0, 10, 0], Standard, false), 3_550_000);
    // 4: at the limit, 272,000×10 = 2,720,000.
    assert_eq!(cost("gpt-6-astra", [272_000, 0, 0, 0, 0, 0], Standard, false), 2_720_000_000);
    // 5: one token more and all of it doubles, the answer too becomes dearer:
    // 272,001×20 + 10×75 = 5,440,020 + 750.
    assert_eq!(cost("gpt-6-astra", [272_001, 0, 0, 0, 10, 0], Standard, false), 5_440_770_000);
    // 6: cached tokens are of the prompt's length: 1×20 + 272,000×2 = 20 + 544,000.
    assert_eq!(cost("gpt-6-astra", [1, 272_000, 0, 0, 0, 0], Standard, false), 544_020_000);
    // 7: half of 15,000.
    assert_eq!(cost("gpt-6-astra", [1000, 0, 0, 0, 100, 0], Batch, false), 7_500_000);
    assert_eq!(cost("gpt-6-astra", [1000, 0, 0, 0, 100, 0], Flex, false), 7_500_000);
    // 8: twice 15,000.
    assert_eq!(cost("gpt-6-astra", [1000, 0, 0, 0, 100, 0], Priority, false), 30_000_000);
    // 9: 3×.1 + 7×.01 + 2×.125 + 1×.5 = .3 + .07 + .25 + .5 = 1.12.
    assert_eq!(cost("gpt-6-luna", [3, 7, 2, 0, 1, 0], Standard, false), 1_120);
    // 10: one token read at half: .01 / 2 = .005 micro-dollars = 5 nano-dollars.
    assert_eq!(cost("gpt-6-luna", [0, 1, 0, 0, 0, 0], Flex, false), 5);
    // 11: 400,000×4 + 100,000×.2 + 20,000×15 = 1,600,000 + 20,000 + 300,000.
    let long = [400_000, 100_000, 0, 0, 20_000, 20_000];
    assert_eq!(cost("gpt-6.1-sol", long, Standard, false), 1_920_000_000);
}

#[test]
fn anthropic_by_hand() {
    use ServiceTier::{Batch, Fast, Standard};
    // 12: 10×4 + 100×.2 + 20×5 + 30×8 + 5×20 = 40 + 20 + 100 + 240 + 100.
    assert_eq!(cost("claude-opus-5-5", [10, 100, 20, 30, 5, 0], Standard, false), 500_000);
    // 13: half of it in a batch; 14: a tenth more in the US; 15: both, 500×.55.
    assert_eq!(cost("claude-opus-5-5", [10, 100, 20, 30, 5, 0], Batch, false), 250_000);
    assert_eq!(cost("claude-opus-5-5", [10, 100, 20, 30, 5, 0], Standard, true), 550_000);
    assert_eq!(cost("claude-opus-5-5", [10, 100, 20, 30, 5, 0], Batch, true), 275_000);
    // 16: quick tokens at 8 and 40: 10×8 + 5×40 = 80 + 200.
    assert_eq!(cost("claude-opus-5-5", [10, 0, 0, 0, 5, 0], Fast, false), 280_000);
    // 17: at its limit, 100,000×.1 + 1000×.5 = 10,000 + 500.
    assert_eq!(cost("claude-haiku-5-5", [100_000, 0, 0, 0, 1000, 0], Standard, false), 10_500_000);
    // 18: above, 1×.5 + 100,000×.05 + 1000×2.5 = .5 + 5,000 + 2,500.
    assert_eq!(cost("claude-haiku-5-5", [1, 100_000, 0, 0, 1000, 0], Standard, false), 7_500_500);
    // 19: above by what is written, 60,000×.625 + 40,001×1 = 37,500 + 40,001.
    assert_eq!(cost("claude-haiku-5-5", [0, 0, 60_000, 40_001, 0, 0], Standard, false), 77_501_000);
    // 20: one read at .01, in a batch in the US: 10 × .5 × 1.1 = 5.5, to the even 6;
    // 21: five of them: 27.5, to the even 28; three: 16.5, to the even 16.
    assert_eq!(cost("claude-haiku-5-5", [0, 1, 0, 0, 0, 0], Batch, true), 6);
    assert_eq!(cost("claude-haiku-5-5", [0, 5, 0, 0, 0, 0], Batch, true), 28);
    assert_eq!(cost("claude-haiku-5-5", [0, 3, 0, 0, 0, 0], Batch, true), 16);
    // 22: 1,000,000×.25 + 1000×50 = 250,000 + 50,000.
    assert_eq!(
        cost("claude-fable-5-1", [0, 1_000_000, 0, 0, 1000, 0], Standard, false),
        300_000_000
    );
}

#[test]
fn a_price_changes_at_midnight_in_utc() {
    let table = PriceTable::shipped().unwrap();
    let counts = TokenCounts { cache_read: 1_000_000, ..TokenCounts::default() };
    let read = |instant: &str| {
        let prices = table.find("anthropic", "claude-sonnet-5-5", at(instant))?;
        Some(prices.cost(&counts, &Service::default()))
    };
    // 23: a million at .20, and from 7 October on at .10.
    assert_eq!(read("2026-10-06T23:59:59.999Z"), Some(NanoUsd(200_000_000)));
    assert_eq!(read("2026-10-07T00:00:00Z"), Some(NanoUsd(100_000_000)));
    assert_eq!(read("2026-10-07T00:00:00+09:00"), Some(NanoUsd(200_000_000)));
    assert_eq!(read("2026-09-27T23:59:59.999Z"), None);
}

/// `LiteLLM` #9812 charged what is written to the cache twice, once as input:
/// $0.091311 for what Anthropic billed at $0.054399.
#[test]
fn what_is_written_to_the_cache_is_charged_once() {
    let usage = json!({
        "input_tokens": 3, "cache_creation_input_tokens": 12304,
        "cache_read_input_tokens": 0, "output_tokens": 550,
    });
    // 24: 3×3 + 12,304×3.75 + 550×15 = 9 + 46,140 + 8,250 = 54,399;
    // the mistake adds 12,304×3 = 36,912 to 91,311.
    let billed = cost_of("claude-3-7-sonnet-20250219", &from_anthropic(&usage).unwrap());
    assert_eq!((billed, billed + 36_912_000), (54_399_000, 91_311_000));
}

/// `LiteLLM` #6215: what was read from the cache is part of `prompt_tokens`.
#[test]
fn what_is_read_from_the_cache_is_no_input() {
    let usage = json!({
        "prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
        "prompt_tokens_details": {"cached_tokens": 1920},
        "completion_tokens_details": {"reasoning_tokens": 0},
    });
    // 25: 86×2.5 + 1920×1.25 + 300×10 = 215 + 2,400 + 3,000.
    assert_eq!(cost_of("gpt-4o-2024-08-06", &from_openai(&usage).unwrap()), 5_615_000);
    // 26: the snapshot that is dearer has a price of its own, none for reads:
    // 2006×5 + 300×15 = 10,030 + 4,500.
    assert_eq!(cost_of("gpt-4o-2024-05-13", &from_openai(&usage).unwrap()), 14_530_000);
}

/// `LiteLLM` #33772 and #35127: 172,000 with 155,000 read and 3,000 written
/// cost $0.166250 at 5, 0.5 and 6.25, not $0.86.
#[test]
fn all_three_kinds_of_a_prompt_have_their_price() {
    let usage = json!({
        "input_tokens": 172_000, "output_tokens": 0,
        "input_tokens_details": {"cached_tokens": 155_000, "cache_write_tokens": 3_000},
    });
    let counts = from_openai(&usage).unwrap().counts;
    let table = PriceTable::shipped().unwrap();
    // 27: before its reduction: 14,000×5 + 155,000×.5 + 3,000×6.25
    // = 70,000 + 77,500 + 18,750.
    let prices = table.find("openai", "gpt-5.6-sol", at("2026-08-20T00:00:00Z")).unwrap();
    assert_eq!(prices.cost(&counts, &Service::default()), NanoUsd(166_250_000));
}

/// `LiteLLM` #42663, #39893 and `PostHog`: the numbers of a stream are
/// cumulative; the first one of the answer is a placeholder.
#[test]
fn of_a_stream_the_latest_numbers_hold() {
    let mut usage = AnthropicUsage::default();
    assert_eq!(usage.metered(), Err(UsageError::Missing));
    usage.start(&json!({
        "input_tokens": 100, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 1000,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
        "output_tokens": 1, "service_tier": "standard", "inference_geo": "us",
    }));
    assert!(!usage.tells_output());
    usage.delta(&json!({"output_tokens": 40}));
    // A server's tool was called: the prompt has grown.
    usage.delta(&json!({
        "input_tokens": 700, "cache_read_input_tokens": 2000, "output_tokens": 90,
        "cache_creation_input_tokens": null, "cache_creation": null,
    }));
    assert!(usage.tells_output());
    let metered = usage.metered().unwrap();
    // 28: (700×4 + 2000×.2 + 10×5 + 20×8 + 90×20) × 1.1
    // = (2,800 + 400 + 50 + 160 + 1,800) × 1.1 = 5,210 × 1.1 = 5,731.
    assert_eq!(cost_of("claude-opus-5-5", &metered), 5_731_000);
}

#[test]
fn of_an_interrupted_stream_the_prompt_is_known() {
    let mut usage = AnthropicUsage::default();
    usage.start(&Value::Null);
    assert_eq!(usage.metered(), Err(UsageError::Missing));
    usage.start(&json!({"input_tokens": 25, "output_tokens": 1}));
    usage.delta(&Value::Null);
    assert!(!usage.tells_output());
    let counts = usage.metered().unwrap().counts;
    assert_eq!((counts.input, counts.output), (25, 1));
}
