use std::collections::HashMap as Map;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::meter::Bill;

fn cache() -> Arc<AnswerCache> {
    Arc::new(AnswerCache::new(Duration::from_mins(1), 10_000_000))
}

fn request(value: Value) -> ChatRequest {
    serde_json::from_value(value).unwrap()
}

fn hello() -> ChatRequest {
    request(json!({"model": "fast", "messages": [{"role": "user", "content": "hi"}]}))
}

fn answering() -> Answering {
    Answering {
        deployment: "d".to_owned(),
        group: "fast".to_owned(),
        model: "m".to_owned(),
        location: "local",
        cached: false,
    }
}

fn ending(finish: &str) -> Ending {
    Ending { finish: finish.to_owned(), bill: Bill::default(), confidence: None }
}

fn ws(name: &str) -> WorkspaceId {
    name.parse().unwrap()
}

fn made(looked: Looked) -> Recorder {
    match looked {
        Looked::Make(recorder) => recorder,
        Looked::Kept(_) => panic!("there is an answer"),
    }
}

async fn answer(cache: &Arc<AnswerCache>, key: Key, delta: Delta, finish: &str, heat: f64) {
    let mut recorder = made(cache.look(key).await).at(Some(heat));
    recorder.note(&answering(), &[delta], None);
    recorder.keep(&ending(finish));
}

#[tokio::test]
async fn a_complete_answer_is_given_again() {
    let cache = cache();
    let key = key(&ws("a"), "", &hello()).unwrap();
    answer(&cache, key, Delta::text("hello"), "stop", 0.0).await;
    let Looked::Kept(kept) = cache.look(key).await else { panic!("it is kept") };
    assert_eq!(kept.deltas, [Delta::text("hello")]);
    assert!(!cache.is_making());
}

#[tokio::test]
async fn what_is_not_complete_or_not_repeatable_is_not_kept() {
    let call = Delta { tool_calls: vec![Default::default()], ..Delta::text("x") };
    let wrong = [
        (Delta::text("x"), "length", 0.0),
        (Delta::text("x"), "content_filter", 0.0),
        (Delta::text("x"), "stop", 0.9),
        (call, "stop", 0.0),
        (Delta::default(), "stop", 0.0),
    ];
    for (delta, finish, heat) in wrong {
        let cache = cache();
        let key = key(&ws("a"), "", &hello()).unwrap();
        answer(&cache, key, delta, finish, heat).await;
        made(cache.look(key).await);
    }
    // Nobody says how hot: as hot as usual.
    let cache = cache();
    let key = key(&ws("a"), "", &hello()).unwrap();
    let mut recorder = made(cache.look(key).await);
    recorder.note(&answering(), &[Delta::text("x")], None);
    recorder.keep(&ending("stop"));
    made(cache.look(key).await);
}

#[tokio::test]
async fn those_who_come_meanwhile_wait_for_the_first() {
    let cache = cache();
    let key = key(&ws("a"), "", &hello()).unwrap();
    let mut first = made(cache.look(key).await);
    let others: Vec<_> = (0..10).map(|_| cache.look(key)).collect();
    let work = async {
        tokio::task::yield_now().await;
        first.note(&answering(), &[Delta::text("x")], Some(0.0));
        first.keep(&ending("stop"));
    };
    let (others, ()) = tokio::join!(futures::future::join_all(others), work);
    assert!(others.iter().all(|looked| matches!(looked, Looked::Kept(_))));
}

#[tokio::test]
async fn where_nothing_comes_of_the_first_everybody_asks_at_once() {
    let cache = cache();
    let key = key(&ws("a"), "", &hello()).unwrap();
    let first = made(cache.look(key).await);
    let others: Vec<_> = (0..10).map(|_| cache.look(key)).collect();
    let work = async {
        tokio::task::yield_now().await;
        drop(first);
    };
    // All hold the right to make it at the same time: nobody waits for another.
    let (others, ()) = tokio::join!(futures::future::join_all(others), work);
    let makers: Vec<_> = others.into_iter().map(made).collect();
    assert_eq!(makers.len(), 10);
    drop(makers);
    assert!(!cache.is_making());
}

#[test]
fn only_what_determines_the_answer_is_in_the_key() {
    let of = |value: Value| key(&ws("a"), "", &request(value)).unwrap();
    let turns = json!([{"role": "user", "content": "hi"}]);
    let plain = of(json!({"model": "m", "messages": turns, "top_p": 1, "min_p": 0}));
    let same = [
        json!({"model": "m", "messages": turns, "min_p": 0, "top_p": 1, "stream": true,
            "stream_options": {"include_usage": true}}),
        json!({"model": "m", "messages": turns, "top_p": 1, "min_p": 0, "user": "u",
            "metadata": {"a": 1}}),
    ];
    for value in same {
        assert_eq!(of(value.clone()), plain, "{value}");
    }
    let others = [
        json!({"model": "n", "messages": turns, "top_p": 1, "min_p": 0}),
        json!({"model": "m", "messages": turns, "top_p": 0.9, "min_p": 0}),
        json!({"model": "m", "messages": turns, "top_p": 1, "min_p": 0, "seed": 1}),
        json!({"model": "m", "messages": turns, "top_p": 1, "min_p": 0, "max_tokens": 5}),
        json!({"model": "m", "messages": turns, "top_p": 1, "min_p": 0, "logprobs": true}),
        json!({"model": "m", "messages": [{"role": "system", "content": "hi"}], "top_p": 1,
            "min_p": 0}),
        json!({"model": "m", "messages": turns, "top_p": 1, "min_p": 0,
            "response_format": {"type": "json_object"}}),
    ];
    for value in others {
        assert_ne!(of(value.clone()), plain, "{value}");
    }
    let tools = json!({"model": "m", "messages": turns, "tools": [{"type": "function"}]});
    assert_eq!(key(&ws("a"), "", &request(tools)), None);
}

/// What a model would answer: it depends on all that it is told.
fn oracle(workspace: usize, scope: usize, request: &ChatRequest) -> String {
    format!("{workspace}/{scope}: {}", serde_json::to_string(request).unwrap())
}

/// One request and what becomes of it.
#[derive(Debug, Clone)]
struct Asked {
    workspace: usize,
    scope: usize,
    text: usize,
    model: usize,
    seed: Option<i64>,
    stream: bool,
    /// How it ends where it is not in the cache.
    ends: usize,
}

fn asked() -> impl Strategy<Value = Asked> {
    (
        0_usize..3,
        0_usize..2,
        0_usize..4,
        0_usize..2,
        prop::option::of(0_i64..2),
        any::<bool>(),
        0_usize..5,
    )
        .prop_map(|(workspace, scope, text, model, seed, stream, ends)| Asked {
            workspace,
            scope,
            text,
            model,
            seed,
            stream,
            ends,
        })
}

proptest! {
    // 1,000 cases of 100 requests.
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn nobody_gets_an_answer_of_another_workspace_nor_an_error_again(
        all in prop::collection::vec(asked(), 100)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let cache = cache();
        let mut good: Map<String, String> = Map::new();
        for case in all {
            let mut request = hello();
            request.model = ["m", "n"][case.model].to_owned();
            request.messages[0].content =
                Some(crate::chat::Content::Text(["a", "b", "ab", "a b"][case.text].to_owned()));
            request.seed = case.seed;
            // What the answer is determined by.
            let right = oracle(case.workspace, case.scope, &request);
            request.stream = case.stream;
            let workspace = ws(["x", "y", "xy"][case.workspace]);
            let key = key(&workspace, ["", "local"][case.scope], &request).unwrap();
            match runtime.block_on(cache.look(key)) {
                Looked::Kept(kept) => {
                    let text = kept.deltas[0].content.clone().unwrap();
                    prop_assert_eq!(&text, &right);
                    prop_assert_eq!(good.get(&right), Some(&text));
                    prop_assert_eq!(&kept.ending.finish, "stop");
                }
                Looked::Make(recorder) => {
                    let mut recorder = recorder.at(Some(0.0));
                    // An answer, one cut off, one refused, an error, a client that left.
                    match case.ends {
                        0 => {
                            recorder.note(&answering(), &[Delta::text(right.clone())], None);
                            recorder.keep(&ending("stop"));
                            good.insert(right.clone(), right);
                        }
                        1 => {
                            recorder.note(&answering(), &[Delta::text("half")], None);
                            recorder.keep(&ending("length"));
                        }
                        2 => {
                            recorder.note(&answering(), &[Delta::text("no")], None);
                            recorder.keep(&ending("content_filter"));
                        }
                        3 => recorder.note(&answering(), &[Delta::text("error")], None),
                        _ => {}
                    }
                }
            }
        }
    }
}
