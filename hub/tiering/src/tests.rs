//! The decision as a whole, with the weights that are part of the program.

use proptest::prelude::*;

use crate::fit;
use crate::model::{Model, Weight};
use crate::{Decision, Ending, Kind, Outcomes, Request, Wanted, decide, decide_with, with_typos};

/// Requests that any small model can do. None of them is among those that the
/// weights were made from, but the first, which the specification names.
const FAST: &[&str] = &[
    "Summarize this article",
    "Hello, nice to meet you",
    "What is the capital of Norway?",
    "Translate 'good night' into French",
    "turn on the lamp in the hall",
    "How many days are in February?",
    "Fix the spelling: definately a grate idea",
    "list the files in the music folder",
    "Tell me a joke about penguins",
    "Wie heißt die Hauptstadt von Spanien?",
    "Danke, das war super!",
    "Mach bitte das Radio aus",
    "한국의 국기 이름은 뭐야?",
    "안녕, 반가워",
    "Extract the date: We meet on 5 May at nine.",
    "What does the word gratitude mean?",
    "Which fruit is yellow?\nA. cherry\nB. banana\nC. plum\nD. lime",
    "Ella has 4 pencils and gets 2 more. How many has she?",
];

/// Requests that a small model would probably get wrong. The first is named by
/// the specification, and the others are not among those of the fit.
const SMART: &[&str] = &[
    "Write a comprehensive analysis of quantum computing",
    "Prove that every finite integral domain is a field.",
    "Derive the heat equation from conservation of energy and discuss the boundary conditions",
    "Implement a lock-free skip list in C++ and argue why it is linearizable",
    "Compare the monetary policy of the Fed and the ECB since 2008 and evaluate its consequences \
     for emerging markets",
    "Design a fault-tolerant architecture for a bank's ledger on three continents, with a \
     migration plan and an analysis of the failure modes",
    "Write a thorough report on the effects of social media on democracy, with a critique of the \
     methods of the main studies",
    "Find the memory leak and the race condition in our distributed scheduler and explain how to \
     prevent both",
    "Let f be an entire function with |f(z)| <= 1 + |z|^2. Show that f is a polynomial of degree at \
     most two.",
    "Beweise, dass jede beschränkte monotone Folge konvergiert, und erkläre ausführlich, wo die \
     Vollständigkeit der reellen Zahlen eingeht.",
    "Vergleiche die Verfassungen von Weimar und Bonn und analysiere ausführlich, welche Lehren \
     gezogen wurden",
    "한국의 저출산 문제의 원인을 경제, 문화, 정책의 관점에서 종합적으로 분석하고 해결 전략을 제시해 줘",
    "임의의 유한군에서 부분군의 위수가 군의 위수를 나누는 것을 증명하시오",
    "Evaluate the legal position of a tenant whose landlord sold the house during the lease, \
     compare German and American law, and justify which claims can be enforced",
    "Analyse the following clinical case and justify the differential diagnosis: a 60-year-old \
     woman with fever, jaundice, pancytopenia and a new murmur after a journey to Thailand",
    "Develop a strategy for a city to become climate neutral in 15 years: measures, costs, \
     dependencies, financing, risks",
];

fn decided(text: &str) -> Decision {
    decide(&Request::text(text), &Outcomes::default())
}

#[test]
fn clear_requests_are_decided_as_anyone_would() {
    let all = FAST.iter().map(|text| (text, Wanted::Fast));
    for (text, expected) in all.chain(SMART.iter().map(|text| (text, Wanted::Smart))) {
        let decision = decided(text);
        assert_eq!(decision.tier, expected, "{text}: {decision:?}");
    }
}

#[test]
fn clear_requests_are_not_those_of_the_fit() {
    let examples = fit::examples().unwrap();
    for text in FAST.iter().skip(1).chain(SMART.iter().skip(1)) {
        assert!(examples.iter().all(|example| example.text != **text), "{text}");
    }
}

#[test]
fn reasons_say_what_moved_the_score() {
    let has = |text: &str, word: &str| {
        let decision = decided(text);
        let found = decision.reasons.iter().any(|reason| reason.word == word);
        assert!(found, "{text}: no {word} in {:?}", decision.reasons);
        assert!(decision.reasons.len() <= 3);
    };
    has("Prove that the square root of 7 is irrational", "proof");
    has("Hello!", "chat");
    has(SMART[4], "length");
    has("Implement a lock-free queue, explain the race conditions and deadlocks", "hard_code");
    let decision = decided(SMART[1]);
    assert!(decision.reasons.iter().any(|reason| reason.text == "asks for a proof"));
    let weights: Vec<f32> = decision.reasons.iter().map(|reason| reason.weight).collect();
    assert!(weights.is_sorted_by(|one, other| one >= other), "{weights:?}");
}

#[test]
fn rules_come_first() {
    for text in ["", " \n\t ", "...", "?!"] {
        let decision = decided(text);
        assert_eq!((decision.tier, decision.score), (Wanted::Fast, 0.0));
        assert_eq!(decision.reasons[0].word, "empty");
    }
    let long = decided(&"Please summarize this. ".repeat(4_000));
    assert_eq!((long.tier, long.reasons[0].word.as_str()), (Wanted::Smart, "too_long"));
    assert_eq!(long.reasons[0].text, "12,000 words are more than a small model reads");
    // Only just not too long, in characters and not in bytes.
    assert_ne!(decided(&"ä ".repeat(30_000)).reasons[0].word, "too_long");
}

#[test]
fn what_stands_around_the_text_counts() {
    let bare = Request::text("Write down what you know about our heating");
    let score = |request: &Request<'_>| Model::shipped().score(request);
    let many = Request { files: 12, tools: 6, ..bare };
    assert!(score(&many) > score(&Request { files: 1, tools: 6, ..bare }));
    let long = Request { max_tokens: Some(8_192), ..bare };
    assert!(score(&long) > score(&bare));
    assert_eq!(score(&Request { max_tokens: Some(100), ..bare }), score(&bare));
}

#[test]
fn outcomes_change_decisions_that_were_close_and_no_others() {
    let close = "Write a blog post about trees in small towns, about one page long";
    let kind = decided(close).kind;
    let after = |ending, tier| {
        let mut outcomes = Outcomes::default();
        (0..100).for_each(|_| outcomes.record(kind, tier, ending));
        outcomes
    };
    let worse = decide(&Request::text(close), &after(Ending::Bad, Wanted::Fast));
    let better = decide(&Request::text(close), &after(Ending::Good, Wanted::Fast));
    assert!(worse.score > decided(close).score && better.score < decided(close).score);
    let hello = Request::text("Hello!");
    let mut outcomes = Outcomes::default();
    (0..100).for_each(|_| outcomes.record(Kind::Chat, Wanted::Fast, Ending::Bad));
    let decision = decide(&hello, &outcomes);
    assert_eq!((decision.kind, decision.tier), (Kind::Chat, Wanted::Fast));
    assert!(decision.score > decided("Hello!").score);
}

#[test]
fn a_shift_that_decided_is_a_reason() {
    let examples = fit::examples().unwrap();
    let (mut seen, none) = (0, Outcomes::default());
    for example in &examples {
        let before = decide(&example.request(), &none);
        let mut outcomes = Outcomes::default();
        (0..200).for_each(|_| outcomes.record(before.kind, Wanted::Fast, Ending::Bad));
        let after = decide(&example.request(), &outcomes);
        if after.tier != before.tier {
            seen += 1;
            let told = after.reasons.iter().any(|reason| reason.word == "outcomes");
            // Three weightier ones may stand before it.
            assert!(told || after.reasons.len() == 3, "{after:?}");
            assert_eq!(after.tier, Wanted::Smart);
        }
    }
    assert!(seen > 10, "only {seen} decisions changed");
}

#[test]
fn there_are_enough_requests_of_every_sort() {
    let examples = fit::examples().unwrap();
    assert!(examples.len() >= 700, "{}", examples.len());
    let of = |holds: &dyn Fn(&fit::Example) -> bool| {
        examples.iter().filter(|example| holds(example)).count()
    };
    for lang in ["en", "de", "ko"] {
        assert!(of(&|example| example.lang == lang) >= 60, "{lang}");
    }
    for grade in 0..=4 {
        assert!(of(&|example| example.grade == grade) >= 60, "grade {grade}");
    }
    let mut texts: Vec<&str> = examples.iter().map(|example| example.text.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), examples.len(), "a request stands there twice");
}

#[test]
fn the_weights_are_those_of_the_requests() {
    let shipped = Model::shipped();
    let again = "make the weights anew by `cargo xtask fit-router`";
    assert_eq!(shipped.data(), fit::data_hash(), "the requests have changed: {again}");
    let model = fit::fit(&fit::examples().unwrap());
    // The last digits depend on the machine's logarithm.
    let near = |one: f32, other: f32| (one - other).abs() < 1e-4;
    let names = |model: &Model| model.file.dense.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(shipped), names(&model), "{again}");
    for ((name, weight), new) in shipped.file.dense.iter().zip(model.file.dense.values()) {
        let (Weight(weight, mean), Weight(new_weight, new_mean)) = (weight, new);
        assert!(near(*weight, *new_weight) && near(*mean, *new_mean), "{name}: {again}");
    }
    assert!(near(shipped.file.bias, model.file.bias), "{again}");
    for text in FAST.iter().chain(SMART) {
        let request = Request::text(text);
        assert!((shipped.score(&request) - model.score(&request)).abs() < 1e-3, "{text}: {again}");
    }
    assert!(shipped.to_text().unwrap().len() <= 64 * 1024);
}

#[test]
fn requests_that_the_weights_were_not_made_from_are_judged_well() {
    let check = fit::check(&fit::examples().unwrap());
    assert!(check.accuracy >= 0.78, "{check:?}");
    assert!(check.auc >= 0.90, "{check:?}");
    assert!(check.typos_unchanged >= 0.95, "{check:?}");
}

#[test]
fn clear_requests_stay_clear_with_typing_errors() {
    for (texts, expected) in [(FAST, Wanted::Fast), (SMART, Wanted::Smart)] {
        let all = texts.iter().flat_map(|text| (0..10).map(move |seed| with_typos(text, seed)));
        let all: Vec<String> = all.collect();
        let same = all.iter().filter(|text| decided(text).tier == expected).count();
        assert!(same * 100 >= all.len() * 95, "{expected:?}: {same} of {}", all.len());
    }
}

#[test]
fn decisions_are_stored_as_json() {
    let decision = decided(SMART[1]);
    let text = serde_json::to_string(&decision).unwrap();
    assert!(text.starts_with(r#"{"tier":"smart","score":0."#), "{text}");
    assert_eq!(serde_json::from_str::<Decision>(&text).unwrap(), decision);
}

#[test]
fn without_weights_everything_is_smart() {
    let text = Model::shipped().to_text().unwrap();
    let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
    file["dense"] = serde_json::json!({});
    file["bias"] = serde_json::json!(0.0);
    file["step"] = serde_json::json!(0.0);
    let model = Model::parse(&file.to_string()).unwrap();
    let decision = decide_with(&model, &Request::text("Hello!"), &Outcomes::default());
    assert_eq!(decision.tier, Wanted::Smart);
    assert_eq!(decision.reasons[0].word, "usual");
}

proptest! {
    #[test]
    fn any_text_gets_one_decision_with_a_reason(
        text in "\\PC{0,300}",
        turns in 0..50_usize,
        files in 0..50_usize,
        max_tokens in proptest::option::of(any::<u32>()),
    ) {
        let request = Request { turns, files, max_tokens, ..Request::text(&text) };
        let none = Outcomes::default();
        let decision = decide(&request, &none);
        prop_assert_eq!(&decision, &decide(&request, &none));
        prop_assert!((0.0..=1.0).contains(&decision.score));
        prop_assert_eq!(decision.tier == Wanted::Smart, decision.score >= 0.5);
        prop_assert!(!decision.reasons.is_empty());
        prop_assert!(decision.reasons.iter().all(|reason| !reason.text.is_empty()));
    }
}
