//! Usage objects: whole, broken, and of both providers.

use agentos_domain::{Classified as _, NanoUsd, TokenCounts};
use agentos_prices::usage::{UsageError, from_anthropic, from_openai};
use agentos_prices::{Service, ServiceTier};
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn no_usage_is_an_error_that_the_caller_sees() {
    for read in [from_openai, from_anthropic] {
        assert_eq!(read(&Value::Null), Err(UsageError::Missing));
        assert_eq!(read(&json!({"choices": []})["usage"]), Err(UsageError::Missing));
        for value in [json!([]), json!(7), json!("7"), json!(false)] {
            assert_eq!(read(&value), Err(UsageError::NotAnObject), "{value}");
        }
    }
    assert_eq!(UsageError::Missing.code(), "usage_missing");
}

#[test]
fn what_the_api_guarantees_is_no_zero_where_it_is_missing() {
    let lacks = |field: &str| UsageError::Lacks { field: field.to_owned() };
    for (usage, field) in [
        (json!({}), "input_tokens"),
        (json!({"prompt_tokens": 5}), "completion_tokens"),
        (json!({"prompt_tokens": null, "completion_tokens": 5}), "prompt_tokens"),
        (json!({"prompt_tokens": 5, "total_tokens": 4}), "completion_tokens"),
        (json!({"input_tokens": 5}), "output_tokens"),
    ] {
        assert_eq!(from_openai(&usage), Err(lacks(field)), "{usage}");
    }
    for (usage, field) in [
        (json!({"output_tokens": 5}), "input_tokens"),
        (json!({"input_tokens": 5}), "output_tokens"),
        (json!({"input_tokens": 5, "output_tokens": 5, "iterations": [{}]}), "input_tokens"),
    ] {
        assert_eq!(from_anthropic(&usage), Err(lacks(field)), "{usage}");
    }
}

#[test]
fn what_is_no_number_of_tokens_is_refused_by_name() {
    for bad in [json!(-1), json!(1.5), json!("7"), json!([7]), json!(true), json!(1e30)] {
        let not = |field: &str| Err(UsageError::NotACount { field: field.to_owned() });
        let usage = json!({"prompt_tokens": bad, "completion_tokens": 1});
        assert_eq!(from_openai(&usage), not("prompt_tokens"), "{bad}");
        let details = json!({"cached_tokens": bad});
        let usage = json!({
            "prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": details,
        });
        assert_eq!(from_openai(&usage), not("prompt_tokens_details.cached_tokens"), "{bad}");
        let usage = json!({
            "input_tokens": 1, "output_tokens": 1,
            "cache_creation": {"ephemeral_1h_input_tokens": bad},
        });
        assert_eq!(from_anthropic(&usage), not("cache_creation.ephemeral_1h_input_tokens"));
    }
    let usage = json!({"input_tokens": 1, "output_tokens": 1, "iterations": [3]});
    assert_eq!(from_anthropic(&usage), Err(UsageError::NotAnObject));
}

#[test]
fn parts_that_exceed_their_whole_are_cut_to_it() {
    let usage = json!({
        "prompt_tokens": 100, "completion_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 90, "cache_write_tokens": 70},
        "completion_tokens_details": {"reasoning_tokens": 11},
    });
    let metered = from_openai(&usage).unwrap();
    let cut = TokenCounts {
        cache_write: 70,
        cache_read: 30,
        output: 10,
        reasoning: 10,
        ..TokenCounts::default()
    };
    assert_eq!((metered.counts, metered.clamped), (cut, true));
    let thought = json!({"thinking_tokens": 11});
    let usage = json!({"input_tokens": 1, "output_tokens": 10, "output_tokens_details": thought});
    let metered = from_anthropic(&usage).unwrap();
    assert_eq!((metered.counts.reasoning, metered.clamped), (10, true));
}

#[test]
fn what_was_written_without_a_time_is_kept_for_five_minutes() {
    let written = |usage: Value| {
        let counts = from_anthropic(&usage).unwrap().counts;
        (counts.cache_write, counts.cache_write_1h)
    };
    let usage = |flat: Value, short: Value, hour: Value| {
        json!({
            "input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": flat,
            "cache_creation": {
                "ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": hour,
            },
        })
    };
    assert_eq!(written(usage(json!(30), json!(10), json!(20))), (10, 20));
    assert_eq!(written(usage(json!(30), json!(0), json!(0))), (30, 0));
    assert_eq!(written(usage(json!(30), Value::Null, json!(20))), (10, 20));
    assert_eq!(written(usage(Value::Null, json!(10), json!(20))), (10, 20));
}

#[test]
fn samplings_are_summed_and_the_top_is_no_sampling_more() {
    let sampling =
        |input: u64, output: u64| json!({"input_tokens": input, "output_tokens": output});
    let tokens = |top: Value, iterations: Value| {
        let mut usage = top;
        usage["iterations"] = iterations;
        let counts = from_anthropic(&usage).unwrap().counts;
        (counts.prompt(), counts.output)
    };
    let two = json!([sampling(180_000, 3500), sampling(23_000, 1000)]);
    assert_eq!(tokens(sampling(23_000, 1000), two.clone()), (203_000, 4500));
    // Where the top counts all of them, it is not added to.
    assert_eq!(tokens(sampling(203_000, 4500), two), (203_000, 4500));
    for none in [Value::Null, json!([])] {
        assert_eq!(tokens(sampling(5, 6), none), (5, 6));
    }
    // Samplings without the kinds of their prompts hide none that the top has.
    let top = json!({"input_tokens": 5, "cache_read_input_tokens": 70, "output_tokens": 6});
    assert_eq!(tokens(top, json!([sampling(5, 7)])), (75, 7));
}

#[test]
fn services_are_known_by_the_names_of_the_providers() {
    let served = |fields: Value| {
        let mut usage = json!({"input_tokens": 1, "output_tokens": 1});
        usage.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        from_anthropic(&usage).unwrap().service
    };
    let tier = |tier, us_only| Service { tier, us_only };
    assert_eq!(served(json!({})), Service::default());
    assert_eq!(served(json!({"service_tier": null, "inference_geo": null})), Service::default());
    assert_eq!(served(json!({"service_tier": "batch"})), tier(ServiceTier::Batch, false));
    assert_eq!(served(json!({"inference_geo": "us"})), tier(ServiceTier::Standard, true));
    assert_eq!(served(json!({"inference_geo": "not_available"})), Service::default());
    let quick = json!({"service_tier": "standard", "speed": "fast"});
    assert_eq!(served(quick), tier(ServiceTier::Fast, false));
    let usual = json!({"service_tier": "standard", "speed": "standard"});
    assert_eq!(served(usual), Service::default());
    assert_eq!(served(json!({"service_tier": "gold"})), tier(ServiceTier::Other, false));
    for (name, tier) in [
        ("default", ServiceTier::Standard),
        ("flex", ServiceTier::Flex),
        ("priority", ServiceTier::Priority),
        ("auto", ServiceTier::Other),
    ] {
        assert_eq!(ServiceTier::named(name), tier, "{name}");
    }
}

#[test]
fn a_reported_cost_comes_with_the_tokens() {
    let usage = json!({
        "prompt_tokens": 194, "completion_tokens": 2, "total_tokens": 196, "cost": 0.000_95,
        "cost_details": {"upstream_inference_cost": null}, "is_byok": false,
    });
    assert_eq!(from_openai(&usage).unwrap().reported_cost, Some(NanoUsd(950_000)));
    let usage = json!({"prompt_tokens": 194, "completion_tokens": 2, "cost": -1});
    assert_eq!(from_openai(&usage).unwrap().reported_cost, None);
    let usage = json!({"input_tokens": 194, "output_tokens": 2, "cost": "0.001"});
    assert_eq!(from_anthropic(&usage).unwrap().reported_cost, Some(NanoUsd(1_000_000)));
}

proptest! {
    /// However a prompt is split into kinds, its tokens are as many as were
    /// reported, and no part is larger than its whole.
    #[test]
    fn no_token_is_counted_twice(
        prompt in 0..u64::MAX, output in 0..u64::MAX,
        read in any::<u64>(), written in any::<u64>(), reasoned in any::<u64>(),
    ) {
        let chat = json!({
            "prompt_tokens": prompt, "completion_tokens": output,
            "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
            "completion_tokens_details": {"reasoning_tokens": reasoned},
        });
        let responses = json!({
            "input_tokens": prompt, "output_tokens": output,
            "input_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
            "output_tokens_details": {"reasoning_tokens": reasoned},
        });
        let metered = from_openai(&chat).unwrap();
        let counts = metered.counts;
        prop_assert_eq!(counts.prompt(), prompt);
        prop_assert_eq!(counts.output, output);
        prop_assert!(counts.reasoning <= output);
        let fits = u128::from(read) + u128::from(written) <= u128::from(prompt);
        prop_assert_eq!(metered.clamped, !(fits && reasoned <= output));
        prop_assert_eq!(from_openai(&responses).unwrap(), metered);
    }

    /// Whatever an object holds, it is read or refused.
    #[test]
    fn nothing_panics(
        name in prop::sample::select(vec![
            "prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens",
            "cache_creation", "cache_creation_input_tokens", "iterations", "cost", "cost_details",
            "prompt_tokens_details", "output_tokens_details",
        ]),
        text in r#"(-?[0-9]{1,25}(\.[0-9]{1,9})?(e-?[0-9]{1,3})?)|"[0-9.eE+-]{0,12}"|\[\]|\{\}"#,
    ) {
        let Ok(value) = serde_json::from_str::<Value>(&text) else { return Ok(()) };
        let mut usage = json!({"prompt_tokens": 1, "completion_tokens": 1, "input_tokens": 1,
                               "output_tokens": 1});
        usage[name] = value;
        let _ = (from_openai(&usage), from_anthropic(&usage));
    }
}
