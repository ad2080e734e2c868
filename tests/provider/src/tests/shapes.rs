//! Answers without fault.

use std::time::Duration;

use agentos_domain::TokenCounts;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::support::{Heard, SHAPES, ask, client, request, start, whole, words};
use crate::render::Shape;
use crate::{Ending, Finish, Script};

const COUNTS: TokenCounts = TokenCounts {
    input: 1,
    cache_read: 20,
    cache_write: 300,
    cache_write_1h: 4000,
    output: 50,
    reasoning: 7,
};

fn counted() -> Script {
    Script { usage: COUNTS, ..Script::words(50) }
}

#[tokio::test]
async fn words_arrive_whole_and_once() {
    let provider = start(Script::words(50)).await;
    for shape in SHAPES {
        let response = ask(&provider, shape, true).await;
        assert!(response.headers()["content-type"].to_str().unwrap().contains("event-stream"));
        let heard = Heard::all(response, shape).await;
        assert_eq!(heard.text, words(50), "{shape:?}");
        assert!(heard.finished() && !heard.broken, "{shape:?}");
    }
    assert_eq!(provider.count(), 3);
    for recorded in provider.requests() {
        assert_eq!((recorded.ending, recorded.chunks), (Ending::Completed, 50));
        assert_eq!(recorded.body["model"], "m");
        assert_eq!(recorded.headers["x-api-key"], "key");
    }
    assert_eq!(provider.requests()[2].path, "/v1/messages");
    provider.clear();
    assert_eq!((provider.count(), provider.requests().len()), (0, 0));
}

#[tokio::test]
async fn a_chat_tells_its_usage_where_it_is_asked_to() {
    let provider = start(Script { cost: Some(json!(0.25)), ..counted() }).await;
    let more = json!({"stream_options": {"include_usage": true}});
    let response = request(&provider, Shape::Chat, true, more).send().await.unwrap();
    let heard = Heard::all(response, Shape::Chat).await;
    let chunks: Vec<&Value> =
        heard.events.iter().map(|event| &event.1).filter(|chunk| !chunk.is_null()).collect();
    let (last, others) = chunks.split_last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert!(others.iter().all(|chunk| chunk.get("usage") == Some(&Value::Null)));
    let usage = &last["usage"];
    assert_eq!(usage["prompt_tokens"], COUNTS.prompt());
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 20);
    assert_eq!(usage["prompt_tokens_details"]["cache_write_tokens"], 4300);
    assert_eq!(usage["completion_tokens"], 50);
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 7);
    assert_eq!(usage["cost"], 0.25);
    assert_eq!(heard.malformed, [(50, "[DONE]".to_owned())]);
    assert_eq!(others.last().unwrap()["choices"][0]["finish_reason"], "stop");

    let heard = Heard::all(ask(&provider, Shape::Chat, true).await, Shape::Chat).await;
    assert!(heard.events.iter().all(|event| event.1.get("usage").is_none()));
    assert_eq!(&whole(&provider, Shape::Chat, json!({})).await["usage"], usage);
}

#[tokio::test]
async fn the_usage_of_messages_is_cumulative() {
    let provider = start(counted()).await;
    let heard = Heard::all(ask(&provider, Shape::Messages, true).await, Shape::Messages).await;
    let first = &heard.named("message_start")[0]["message"]["usage"];
    let last = &heard.named("message_delta")[0]["usage"];
    assert_eq!((&first["output_tokens"], &last["output_tokens"]), (&json!(1), &json!(50)));
    for usage in [first, last] {
        assert_eq!(usage["input_tokens"], 1);
        assert_eq!(usage["cache_read_input_tokens"], 20);
        assert_eq!(usage["cache_creation_input_tokens"], 4300);
        assert_eq!(usage["cache_creation"]["ephemeral_1h_input_tokens"], 4000);
    }
    let names: Vec<&str> = heard.events.iter().map(|event| event.0.as_str()).collect();
    assert_eq!(names[..4], ["message_start", "content_block_start", "ping", "content_block_delta"]);
    assert_eq!(names[names.len() - 3..], ["content_block_stop", "message_delta", "message_stop"]);
    assert_eq!(&whole(&provider, Shape::Messages, json!({})).await["usage"], last);
}

#[tokio::test]
async fn responses_end_with_their_usage() {
    let provider = start(counted()).await;
    let heard = Heard::all(ask(&provider, Shape::Responses, true).await, Shape::Responses).await;
    assert_eq!(heard.events[0].0, "response.created");
    let (name, last) = heard.last();
    assert_eq!(name, "response.completed");
    assert_eq!(last["response"]["usage"]["input_tokens"], COUNTS.prompt());
    assert_eq!(last["response"]["usage"]["input_tokens_details"]["cached_tokens"], 20);
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], words(50));
    let numbers: Vec<_> = heard.events.iter().map(|event| &event.1["sequence_number"]).collect();
    assert!(numbers.iter().enumerate().all(|(index, number)| **number == json!(index)));
    assert_eq!(whole(&provider, Shape::Responses, json!({})).await, last["response"]);
    provider.set(Script { finish: Some(Finish::Length), ..Script::words(2) });
    let answer = whole(&provider, Shape::Responses, json!({})).await;
    assert_eq!(answer["incomplete_details"]["reason"], "max_output_tokens");
}

#[tokio::test]
async fn tool_calls_follow_the_text() {
    let arguments = json!({"path": "a/rather/long/path.txt", "more": [1, 2, 3]});
    let script = Script::words(2)
        .with_tool_call("call_1", "file_read", arguments.clone())
        .with_tool_call("call_2", "file_list", json!({}));
    let provider = start(script).await;

    let heard = Heard::all(ask(&provider, Shape::Chat, true).await, Shape::Chat).await;
    let (mut ids, mut written) = (Vec::new(), [String::new(), String::new()]);
    for (_, chunk) in &heard.events {
        let call = &chunk["choices"][0]["delta"]["tool_calls"][0];
        ids.extend(call["id"].as_str());
        if let Some(index) = call["index"].as_u64() {
            let piece = call["function"]["arguments"].as_str().unwrap();
            written[usize::try_from(index).unwrap()].push_str(piece);
        }
    }
    assert_eq!(ids, ["call_1", "call_2"]);
    assert_eq!(written, [arguments.to_string(), "{}".to_owned()]);
    let answer = whole(&provider, Shape::Chat, json!({})).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    let call = &answer["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(call["arguments"], arguments.to_string());

    let heard = Heard::all(ask(&provider, Shape::Messages, true).await, Shape::Messages).await;
    let mut written = String::new();
    for delta in heard.named("content_block_delta").iter().filter(|delta| delta["index"] == 1) {
        written.push_str(delta["delta"]["partial_json"].as_str().unwrap());
    }
    assert_eq!(written, arguments.to_string());
    assert_eq!(heard.named("content_block_start").len(), 3);
    assert_eq!(heard.named("content_block_stop").len(), 3);
    assert_eq!(heard.named("message_delta")[0]["delta"]["stop_reason"], "tool_use");
    let answer = whole(&provider, Shape::Messages, json!({})).await;
    assert_eq!(answer["content"][1]["input"], arguments);

    let heard = Heard::all(ask(&provider, Shape::Responses, true).await, Shape::Responses).await;
    let done = heard.named("response.function_call_arguments.done");
    assert_eq!(done[0]["arguments"], arguments.to_string());
    assert_eq!(heard.text, words(2));
}

#[tokio::test]
async fn tokens_tell_their_probability_where_they_are_asked_to() {
    let provider = start(Script { logprobs: vec![-0.5, -2.0], ..Script::words(3) }).await;
    let more = json!({"logprobs": true, "top_logprobs": 2});
    let answer = whole(&provider, Shape::Chat, more.clone()).await;
    let tokens = answer["choices"][0]["logprobs"]["content"].as_array().unwrap();
    let told: Vec<_> = tokens.iter().map(|token| token["logprob"].as_f64().unwrap()).collect();
    assert_eq!(told, [-0.5, -2.0, -0.5]);
    assert_eq!(tokens[1]["top_logprobs"][0]["token"], "w1 ");
    let other = tokens[1]["top_logprobs"][1]["logprob"].as_f64().unwrap();
    assert!((other.exp() + (-2.0_f64).exp() - 1.0).abs() < 1e-9);
    let response = request(&provider, Shape::Chat, true, more).send().await.unwrap();
    let heard = Heard::all(response, Shape::Chat).await;
    let streamed: Vec<&Value> = heard
        .events
        .iter()
        .filter_map(|event| event.1["choices"][0]["logprobs"]["content"].get(0))
        .collect();
    assert_eq!(streamed, tokens.iter().collect::<Vec<_>>());
    // Not asked; and asked of a provider that does not tell.
    let answer = whole(&provider, Shape::Chat, json!({})).await;
    assert!(answer["choices"][0]["logprobs"].is_null());
    provider.set(Script { logprobs: Vec::new(), ..Script::words(3) });
    let answer = whole(&provider, Shape::Chat, json!({"logprobs": true})).await;
    assert!(answer["choices"][0]["logprobs"].is_null());
}

#[tokio::test]
async fn a_schema_is_answered_by_the_scripted_json() {
    let scripted = json!({"answer": "a text of some length", "sure": true});
    let provider = start(Script { json: Some(scripted.clone()), ..Script::words(3) }).await;
    let format = json!({"type": "json_schema"});
    let forms = [
        (Shape::Chat, json!({"response_format": format})),
        (Shape::Responses, json!({"text": {"format": format}})),
        (Shape::Messages, json!({"output_config": {"format": format}})),
    ];
    for (shape, more) in forms {
        let response = request(&provider, shape, true, more).send().await.unwrap();
        let heard = Heard::all(response, shape).await;
        assert_eq!(serde_json::from_str::<Value>(&heard.text).unwrap(), scripted, "{shape:?}");
        let heard = Heard::all(ask(&provider, shape, true).await, shape).await;
        assert_eq!(heard.text, words(3), "{shape:?}");
    }
}

#[tokio::test]
async fn the_model_is_the_scripts_or_the_one_that_was_asked() {
    let provider = start(Script::words(1)).await;
    assert_eq!(whole(&provider, Shape::Chat, json!({})).await["model"], "m");
    provider.set(Script { model: Some("other".to_owned()), ..Script::words(1) });
    for shape in SHAPES {
        assert_eq!(whole(&provider, shape, json!({})).await["model"], "other");
    }
    let url = format!("{}/v1/models", provider.base_url());
    let list: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(list["data"][0]["id"], "other");
}

#[tokio::test(start_paused = true)]
async fn answers_take_the_time_that_the_script_says() {
    let (delay, gap) = (Duration::from_secs(100), Duration::from_secs(10));
    let provider = start(Script { delay, gap, ..Script::words(50) }).await;
    for shape in SHAPES {
        let start = Instant::now();
        let response = ask(&provider, shape, true).await;
        assert_eq!(start.elapsed().as_secs(), 100, "{shape:?}");
        let heard = Heard::all(response, shape).await;
        assert_eq!(start.elapsed().as_secs(), 100 + 49 * 10, "{shape:?}");
        assert_eq!(heard.text, words(50), "{shape:?}");
    }
}
