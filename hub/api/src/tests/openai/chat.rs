//! Chat completions, embeddings, and the names of models.

use agentos_mock_provider::{Fault, FaultKind, Finish, Refusal, Script};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{CLAUDE, Gateway, HOME, MODEL, READER, Setup, asking};
use crate::tests::Answer;

/// The chunks of a stream that ends well, without the mark of its end.
#[track_caller]
fn chunks(answer: &Answer) -> Vec<Value> {
    let mut events = answer.events();
    assert_eq!(events.pop().as_deref(), Some("[DONE]"));
    let chunks: Vec<Value> =
        events.iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    assert!(chunks.iter().all(|chunk| chunk["id"] == chunks[0]["id"]));
    assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk"));
    chunks
}

fn text(chunks: &[Value]) -> String {
    chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect()
}

#[tokio::test]
async fn a_whole_answer_has_openais_shape() {
    let gateway = Gateway::new().await;
    for model in [MODEL, CLAUDE] {
        let answer = gateway.chat(json!({ "model": model })).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert!(answer.header("x-agentos-deployment").unwrap().starts_with(model));
        assert_eq!(answer.header("x-agentos-location"), Some("cloud"));
        assert_eq!(answer.header("x-agentos-cached"), Some("false"));
        let body = answer.json();
        assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-"));
        assert_eq!(body["object"], "chat.completion");
        assert!(body["created"].as_i64().unwrap() > 1_700_000_000);
        let choices = body["choices"].as_array().unwrap();
        assert_eq!(choices.len(), 1);
        assert_eq!(choices[0]["index"], 0);
        assert_eq!(choices[0]["finish_reason"], "stop");
        assert_eq!(choices[0]["message"]["role"], "assistant");
        assert_eq!(choices[0]["message"]["content"], "w0 w1 w2 ");
        let usage = &body["usage"];
        assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(10), &json!(3)));
        assert_eq!(usage["total_tokens"], 13);
        assert_eq!(body["agentos"]["tier"], model);
        let cost: f64 = body["agentos"]["cost_usd"].as_str().unwrap().parse().unwrap();
        assert!(cost > 0.0);
    }
}

#[tokio::test]
async fn a_decided_tier_is_told_with_its_reasons() {
    let gateway = Gateway::new().await;
    let of = |told: &Value| {
        assert_eq!(told["tier"], HOME, "{told}");
        assert!(!told["decision"]["reasons"].as_array().unwrap().is_empty(), "{told}");
        told["decision"]["tier"].clone()
    };
    let whole = gateway.chat(json!({ "model": "auto" })).await.json();
    assert_eq!(of(&whole["agentos"]), "fast");
    let stream = gateway.chat(json!({ "model": "auto", "stream": true })).await;
    assert_eq!(of(&chunks(&stream)[0]["agentos"]), "fast");
    let asked = json!({ "model": "auto", "input": "Hi" });
    let response = gateway.post("/v1/responses", asked).await.json();
    assert_eq!(of(&response["agentos"]), "fast");
    let named = gateway.chat(json!({ "model": HOME })).await.json();
    assert_eq!(named["agentos"].get("decision"), None);
}

#[tokio::test]
async fn a_stream_begins_with_the_role_and_has_one_end() {
    let gateway = Gateway::new().await;
    for model in [MODEL, CLAUDE] {
        let answer = gateway.chat(json!({ "model": model, "stream": true })).await;
        assert!(answer.header("x-agentos-deployment").is_some());
        assert_eq!(answer.header("x-accel-buffering"), Some("no"));
        let chunks = chunks(&answer);
        assert_eq!(chunks[0]["choices"][0]["delta"], json!({ "role": "assistant", "content": "" }));
        assert_eq!(text(&chunks), "w0 w1 w2 ");
        let roles = chunks.iter().filter(|it| it["choices"][0]["delta"].get("role").is_some());
        assert_eq!(roles.count(), 1);
        let ends: Vec<_> =
            chunks.iter().filter(|it| it["choices"][0]["finish_reason"].is_string()).collect();
        assert_eq!(ends.len(), 1);
        assert_eq!(ends[0]["choices"][0]["finish_reason"], "stop");
        assert_eq!(ends[0]["choices"][0]["delta"], json!({}));
        assert_eq!(ends[0], chunks.last().unwrap());
        // The mock was asked for the usage; the client was not told.
        assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
    }
}

#[tokio::test]
async fn the_usage_comes_last_where_it_is_asked_for() {
    let gateway = Gateway::new().await;
    let options = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let chunks = chunks(&gateway.chat(options).await);
    let (last, before) = chunks.split_last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["total_tokens"], 13);
    assert!(before.iter().all(|chunk| chunk["usage"].is_null() && chunk.get("usage").is_some()));
    assert_eq!(before.last().unwrap()["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn a_stream_that_breaks_says_so_and_has_no_end() {
    let error = FaultKind::ErrorEvent(Refusal::Overloaded);
    for kind in [FaultKind::Close, FaultKind::EndWithoutDone, error] {
        let script = Script::words(9).with_fault(Fault::at_chunk(4, kind.clone()));
        let gateway = Gateway::answering(script).await;
        for model in [MODEL, CLAUDE] {
            let answer = gateway.chat(json!({ "model": model, "stream": true })).await;
            let events = answer.events();
            assert!(!events.iter().any(|data| data == "[DONE]"), "{kind:?} {events:?}");
            let last: Value = serde_json::from_str(events.last().unwrap()).unwrap();
            assert!(last["error"]["message"].is_string(), "{kind:?} {last}");
            assert!(last["error"]["type"].is_string(), "{kind:?} {last}");
            let before: Vec<Value> = events[..events.len() - 1]
                .iter()
                .map(|data| serde_json::from_str(data).unwrap())
                .collect();
            assert_eq!(text(&before), "w0 w1 w2 w3 ", "{kind:?}");
            let finished =
                before.iter().any(|chunk| chunk["choices"][0]["finish_reason"].is_string());
            assert!(!finished, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn calls_of_tools_are_told_whole_and_in_pieces() {
    let script = Script::text(Vec::<String>::new())
        .with_tool_call("call_a", "weather", json!({ "city": "Lisbon", "days": 3 }))
        .with_tool_call("call_b", "time", json!({ "zone": "Europe/Lisbon" }));
    let gateway = Gateway::answering(script).await;
    let tool = |name: &str| {
        json!({ "type": "function",
        "function": { "name": name, "parameters": { "type": "object" } } })
    };
    let tools = json!([tool("weather"), tool("time")]);
    for model in [MODEL, CLAUDE] {
        let body = gateway.chat(json!({ "model": model, "tools": tools })).await.json();
        let choice = &body["choices"][0];
        assert_eq!(choice["finish_reason"], "tool_calls", "{body}");
        assert_eq!(choice["message"]["content"], Value::Null);
        let calls = choice["message"]["tool_calls"].as_array().unwrap();
        assert_eq!(calls.len(), 2);
        assert_eq!((&calls[0]["id"], &calls[1]["id"]), (&json!("call_a"), &json!("call_b")));
        let arguments = calls[0]["function"]["arguments"].as_str().unwrap();
        let arguments: Value = serde_json::from_str(arguments).unwrap();
        assert_eq!(arguments, json!({ "city": "Lisbon", "days": 3 }));

        let streamed = json!({ "model": model, "tools": tools, "stream": true });
        let mut joined = [String::new(), String::new()];
        for chunk in chunks(&gateway.chat(streamed).await) {
            let deltas = chunk["choices"][0]["delta"]["tool_calls"].as_array();
            for call in deltas.into_iter().flatten() {
                let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
                joined[index].push_str(call["function"]["name"].as_str().unwrap_or_default());
                joined[index].push_str(call["function"]["arguments"].as_str().unwrap_or_default());
            }
        }
        let pieces = joined.map(|one| one.split_once('{').map(|(name, _)| name.to_owned()));
        assert_eq!(pieces, [Some("weather".to_owned()), Some("time".to_owned())]);
    }
}

#[tokio::test]
async fn an_answer_that_was_cut_off_says_so() {
    let script = Script { finish: Some(Finish::Length), ..Script::words(2) };
    let gateway = Gateway::answering(script).await;
    for model in [MODEL, CLAUDE] {
        let body = gateway.chat(json!({ "model": model, "max_tokens": 2 })).await.json();
        assert_eq!(body["choices"][0]["finish_reason"], "length", "{body}");
        assert_eq!(gateway.asked()["max_tokens"], 2);
    }
}

#[tokio::test]
async fn probabilities_are_told_where_they_are_asked_for() {
    let gateway = Gateway::new().await;
    let body = gateway.chat(json!({ "logprobs": true, "top_logprobs": 2 })).await.json();
    let tokens = body["choices"][0]["logprobs"]["content"].as_array().unwrap();
    assert_eq!(tokens.len(), 3);
    assert_eq!(tokens[1]["token"], "w1 ");
    assert_eq!(tokens[1]["top_logprobs"].as_array().unwrap().len(), 2);
    let none = gateway.chat(json!({})).await.json();
    assert_eq!(none["choices"][0]["logprobs"], Value::Null);
}

#[tokio::test]
async fn what_may_not_leave_home_stays_there() {
    let gateway = Gateway::new().await;
    let header = "x-agentos-privacy";
    let refused = gateway.chat_with(header, "local_only", json!({})).await;
    refused.error(503, "server_error", "local_only");
    assert_eq!(gateway.mock.count(), 0);
    let home = gateway.chat_with(header, "local_only", json!({ "model": HOME })).await;
    assert_eq!(home.status, StatusCode::OK, "{}", home.text());
    assert_eq!(home.header("x-agentos-location"), Some("local"));
    let any = gateway.chat_with(header, "any", json!({})).await;
    assert_eq!(any.status, StatusCode::OK);
    let wrong = gateway.chat_with(header, "LOCAL", json!({})).await;
    let error = wrong.error(400, "invalid_request_error", "invalid_value");
    assert_eq!(error["param"], header);
    assert_eq!(gateway.mock.count(), 2);
}

#[tokio::test]
async fn an_answer_is_given_again_unless_a_fresh_one_is_wanted() {
    let gateway = Gateway::with(Setup { cache: true, ..Setup::default() }).await;
    let cool = json!({ "temperature": 0 });
    let first = gateway.chat(cool.clone()).await;
    let second = gateway.chat(cool.clone()).await;
    assert_eq!(first.header("x-agentos-cached"), Some("false"));
    assert_eq!(second.header("x-agentos-cached"), Some("true"));
    let (first, second) = (first.json(), second.json());
    assert_eq!(first["choices"], second["choices"]);
    assert_eq!(second["agentos"]["cost_usd"].as_str().unwrap().parse::<f64>().unwrap(), 0.0);
    assert_eq!(gateway.mock.count(), 1);
    for directive in ["no-cache", "no-store", "max-age=0, no-cache"] {
        let fresh = gateway.chat_with("cache-control", directive, cool.clone()).await;
        assert_eq!(fresh.header("x-agentos-cached"), Some("false"), "{directive}");
    }
    assert_eq!(gateway.mock.count(), 4);
    // A stream of what is kept has the same shape.
    let streamed = gateway.chat(json!({ "temperature": 0, "stream": true })).await;
    assert_eq!(text(&chunks(&streamed)), "w0 w1 w2 ");
}

#[tokio::test]
async fn texts_become_vectors() {
    let gateway = Gateway::new().await;
    let body = json!({ "model": MODEL, "input": ["a", "b"], "dimensions": 8 });
    let answer = gateway.post("/v1/embeddings", body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["data"].as_array().unwrap().len(), 2);
    assert_eq!(body["data"][1]["embedding"].as_array().unwrap().len(), 8);
    let packed = json!({ "model": MODEL, "input": "a", "encoding_format": "base64" });
    let packed = gateway.post("/v1/embeddings", packed).await.json();
    assert!(packed["data"][0]["embedding"].is_string(), "{packed}");
    for wrong in [json!({ "model": MODEL }), json!({ "input": "a" })] {
        let wrong = gateway.post("/v1/embeddings", wrong).await;
        wrong.error(400, "invalid_request_error", "invalid_value");
    }
    let unable = json!({ "model": CLAUDE, "input": "a" });
    let unable = gateway.post("/v1/embeddings", unable).await;
    unable.error(400, "invalid_request_error", "unsupported");
}

#[tokio::test]
async fn models_and_deployments_are_named() {
    let gateway = Gateway::new().await;
    let list = gateway.hub.get("/v1/models", READER).await.json();
    assert_eq!(list["object"], "list");
    let names: Vec<_> =
        list["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    for name in [MODEL, CLAUDE, HOME, "cloud-smart/openai/gpt-5-mini"] {
        assert!(names.contains(&name), "{names:?}");
        let one = gateway.hub.get(&format!("/v1/models/{name}"), READER).await.json();
        assert_eq!((&one["id"], &one["object"]), (&json!(name), &json!("model")));
    }
    let none = gateway.hub.get("/v1/models/none", READER).await;
    let error = none.error(404, "invalid_request_error", "model_not_found");
    assert_eq!(error["param"], "model");
    // A deployment can be asked by its own name.
    let body = asking(json!({ "model": "claude/anthropic/claude-opus-5" }));
    let answer = gateway.post("/v1/chat/completions", body).await;
    assert_eq!(answer.header("x-agentos-deployment"), Some("claude/anthropic/claude-opus-5"));
}
