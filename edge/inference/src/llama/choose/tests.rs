use agentos_domain::{ToolClass, ToolSpec};
use serde_json::{Value, json};

use super::super::{LlamaConfig, load};
use super::*;
use crate::grammar::parse_call;
use crate::tiny::write_tiny_model;

fn with_model(test: impl FnOnce(&LlamaModel, &Vocabulary)) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    write_tiny_model(&path, 1).unwrap();
    let config =
        LlamaConfig { model: path, context_tokens: 512, threads: 1, gpu_layers: 0, queue_limit: 1 };
    let (model, _) = load::model(&config).unwrap();
    let (vocabulary, _) = load::vocabulary(&model).unwrap();
    test(&model, &vocabulary);
}

fn tool(name: &str, parameters: Value) -> ToolSpec {
    ToolSpec::new(name.parse().unwrap(), ToolClass::Read, "", parameters)
}

/// Logits without any preference but that of chance.
fn noise(random: &mut StdRng, size: usize) -> Vec<f32> {
    (0..size).map(|_| random.random_range(-1.0..1.0)).collect()
}

/// Plays a model that writes `text` and then anything at all, until the call
/// is complete. Returns the call.
fn write(chooser: &mut Chooser<'_>, text: &str, seed: u64) -> Option<String> {
    let mut random = StdRng::seed_from_u64(seed);
    let size = usize::try_from(chooser.model.n_vocab()).unwrap();
    for token in chooser.model.vocab().tokenize(text.as_bytes(), false, false) {
        let mut logits = noise(&mut random, size);
        logits[usize::try_from(token.0).unwrap()] = 50.0;
        chooser.choose(&logits).unwrap()?;
    }
    for _ in 0..5000 {
        if chooser.call_is_complete() {
            return Some(String::from_utf8_lossy(chooser.call().unwrap()).into_owned());
        }
        chooser.choose(&noise(&mut random, size)).unwrap()?;
    }
    None
}

fn many_shapes() -> Vec<ToolSpec> {
    let nested = json!({
        "type": "object",
        "$defs": { "kind": { "enum": ["a \"quoted\" one", "b\nc"] } },
        "properties": {
            "kind": { "$ref": "#/$defs/kind" },
            "note": { "type": "string", "minLength": 2, "maxLength": 30 },
            "size": { "type": "number" },
            "anything": {},
            "list": { "type": "array", "items": { "type": "integer" }, "maxItems": 3 },
        },
        "required": ["kind", "note", "size"],
        "additionalProperties": false,
    });
    let long = json!({
        "type": "object",
        "properties": { "content": { "type": "string", "maxLength": 100_000 } },
        "required": ["content"],
    });
    vec![
        tool("nested", nested),
        tool("long", long),
        tool("empty", json!({ "type": "object", "properties": {} })),
        tool("open", json!({})),
    ]
}

#[test]
fn a_call_parses_whatever_the_model_wants_to_write() {
    let tools = many_shapes();
    let all: Vec<_> = tools.iter().collect();
    with_model(|model, vocabulary| {
        let mut names = Vec::new();
        for seed in 0..60 {
            let grammar = CallGrammar::new(&all).unwrap();
            let chooser = Chooser::free(model, vocabulary, 1.0, Some(seed));
            let mut chooser = chooser.with_calls(grammar, false).unwrap();
            let Some(call) = write(&mut chooser, "hm. <tool_call>", seed) else { continue };
            let (name, arguments) = parse_call(&call).unwrap_or_else(|| panic!("{call:?}"));
            if name.as_str() == "nested" {
                assert!((2..=30).contains(&arguments["note"].as_str().unwrap().chars().count()));
                let kinds = ["a \"quoted\" one", "b\nc"];
                assert!(kinds.contains(&arguments["kind"].as_str().unwrap()));
                assert!(arguments["size"].is_number());
            }
            names.push(name.to_string());
        }
        for tool in &tools {
            assert!(
                names.iter().any(|name| name == tool.name.as_str()),
                "{} in {names:?}",
                tool.name
            );
        }
    });
}

#[test]
fn each_tool_can_be_required() {
    with_model(|model, vocabulary| {
        for tool in many_shapes() {
            let mut called = 0;
            for seed in 0..10 {
                let grammar = CallGrammar::new(&[&tool]).unwrap();
                let chooser = Chooser::free(model, vocabulary, 0.0, Some(seed));
                let mut chooser = chooser.with_calls(grammar, true).unwrap();
                let Some(call) = write(&mut chooser, "", seed) else { continue };
                assert!(call.starts_with("<tool_call>\n{\"name\":\""), "{call}");
                assert_eq!(parse_call(&call).unwrap_or_else(|| panic!("{call:?}")).0, tool.name);
                called += 1;
            }
            assert!(called > 0, "{} was never called", tool.name);
        }
    });
}

#[test]
fn text_that_opens_no_call_stays_free() {
    with_model(|model, vocabulary| {
        let grammar = CallGrammar::new(&[&tool("f", json!({}))]).unwrap();
        let chooser = Chooser::free(model, vocabulary, 0.0, None);
        let mut chooser = chooser.with_calls(grammar, false).unwrap();
        let size = usize::try_from(model.n_vocab()).unwrap();
        for token in model.vocab().tokenize(b"<tool_cal l> <tool_call", false, false) {
            let mut logits = vec![0.0; size];
            logits[usize::try_from(token.0).unwrap()] = 50.0;
            assert_eq!(chooser.choose(&logits).unwrap().unwrap().token, token);
        }
        assert!(chooser.call().is_none());
    });
}

#[test]
fn an_answer_holds_no_control_tokens_and_ends_at_the_end_of_a_turn() {
    with_model(|model, vocabulary| {
        let token = |text: &str| model.vocab().tokenize(text.as_bytes(), false, true)[0];
        let at = |token: LlamaToken| usize::try_from(token.0).unwrap();
        let mut logits = vec![0.0; usize::try_from(model.n_vocab()).unwrap()];
        logits[at(token("<|im_start|>"))] = 9.0;
        logits[at(token("a"))] = 5.0;
        let mut chooser = Chooser::free(model, vocabulary, 0.0, None);
        let chosen = chooser.choose(&logits).unwrap().unwrap();
        assert_eq!(chosen.piece, b"a");
        logits[at(token("<|im_end|>"))] = 6.0;
        assert!(chooser.choose(&logits).unwrap().is_none());
    });
}

#[test]
fn probabilities_come_from_the_raw_logits() {
    let logits = [0.0, f32::NEG_INFINITY, 2.0_f32.ln(), 0.0];
    let probability = |token| logprob(&logits, LlamaToken(token)).unwrap().exp();
    assert!((probability(2) - 0.5).abs() < 1e-6);
    assert!((probability(0) - 0.25).abs() < 1e-6);
    assert!(logprob(&logits, LlamaToken(4)).is_none());
    assert!(logprob(&logits, LlamaToken(-1)).is_none());
}

#[test]
fn sampling_follows_the_distribution_and_greedy_takes_the_best() {
    let candidates = candidates(&[0.0, 2.0_f32.ln(), f32::NAN, 0.0], &[LlamaToken(3)]);
    assert_eq!(best(&candidates), Some(LlamaToken(1)));
    assert_eq!(sample(&candidates, 1.0, 0.0), Some(LlamaToken(0)));
    assert_eq!(sample(&candidates, 1.0, 0.3), Some(LlamaToken(0)));
    assert_eq!(sample(&candidates, 1.0, 0.4), Some(LlamaToken(1)));
    assert_eq!(sample(&candidates, 1.0, 0.999_999), Some(LlamaToken(1)));
    let none = LlamaTokenDataArray::new(vec![], false);
    assert_eq!((best(&none), sample(&none, 1.0, 0.5)), (None, None));
}

#[test]
fn bytes_that_can_be_no_character_are_told_from_unfinished_ones() {
    assert!(stays_text(b"abc", b"d"));
    assert!(stays_text("aß€".as_bytes(), "ü".as_bytes()));
    assert!(stays_text(b"", b"\xF0\x9F"));
    assert!(stays_text(b"ab\xF0\x9F\x98", b"\x80"));
    assert!(stays_text("😀".as_bytes(), b"x"));
    assert!(!stays_text(b"ab\xE2", b"\""));
    assert!(!stays_text(b"ab\xE0", b"\x82"), "overlong");
    assert!(!stays_text(b"ab\xED", b"\xA0"), "a surrogate");
    assert!(!stays_text(b"ab", b"\x80"));
}
