//! Responses, from the request of the client to that of the provider and back.

use agentos_mock_provider::{Fault, FaultKind, Finish, Refusal, Script};
use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{ADMIN, Answer, CLAUDE, Gateway, MODEL};
use crate::tests::request;

const PATH: &str = "/v1/responses";

async fn create(gateway: &Gateway, members: Value) -> Answer {
    let mut body = json!({ "model": MODEL, "input": "Hi" });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    gateway.post(PATH, body).await
}

/// The events of a stream: their names are those of their data, and they are
/// numbered from 0.
#[track_caller]
fn events(answer: &Answer) -> Vec<Value> {
    let events: Vec<Value> =
        answer.events().iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    let names = answer.text().lines().filter_map(|line| line.strip_prefix("event: "));
    assert_eq!(names.collect::<Vec<_>>(), kinds(&events));
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    events
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

fn weather() -> Value {
    json!([{ "type": "function", "name": "weather", "description": "of a city", "strict": true,
        "parameters": { "type": "object", "properties": { "city": { "type": "string" } } } }])
}

#[tokio::test]
async fn a_text_is_answered_with_a_message() {
    let gateway = Gateway::new().await;
    for model in [MODEL, CLAUDE] {
        let asked = json!({ "model": model, "instructions": "Be brief.", "max_output_tokens": 9,
            "temperature": 0.5, "top_p": 0.9, "metadata": { "a": "b" }, "store": true,
            "user": "u" });
        let answer = create(&gateway, asked).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert!(answer.header("x-agentos-deployment").unwrap().starts_with(model));
        let response = answer.json();
        assert!(response["id"].as_str().unwrap().starts_with("resp_"));
        assert_eq!(response["object"], "response");
        assert_eq!(response["status"], "completed");
        assert_eq!(
            (&response["error"], &response["incomplete_details"]),
            (&json!(null), &json!(null))
        );
        let item = &response["output"][0];
        assert_eq!(response["output"].as_array().unwrap().len(), 1);
        assert_eq!((&item["type"], &item["role"]), (&json!("message"), &json!("assistant")));
        assert_eq!(item["status"], "completed");
        assert_eq!(item["content"][0]["type"], "output_text");
        assert_eq!(item["content"][0]["text"], "w0 w1 w2 ");
        assert_eq!(item["content"][0]["annotations"], json!([]));
        let usage = &response["usage"];
        assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(10), &json!(3)));
        assert_eq!(usage["input_tokens_details"]["cached_tokens"], 0);
        assert_eq!(usage["output_tokens_details"]["reasoning_tokens"], 0);
        assert_eq!(usage["total_tokens"], 13);
        // What was asked is said again.
        assert_eq!(response["instructions"], "Be brief.");
        assert_eq!(response["metadata"], json!({ "a": "b" }));
        assert_eq!((&response["max_output_tokens"], &response["top_p"]), (&json!(9), &json!(0.9)));
        // Nothing is.
        assert_eq!(response["store"], false);
        let sent = gateway.asked();
        assert_eq!(sent["top_p"], 0.9);
        if model == MODEL {
            assert_eq!(sent["messages"][0], json!({ "role": "system", "content": "Be brief." }));
            assert_eq!(sent["messages"][1], json!({ "role": "user", "content": "Hi" }));
            // As servers name it that only speak like OpenAI.
            assert_eq!(sent["max_tokens"], 9);
            assert!(sent.get("input").is_none() && sent.get("metadata").is_none());
        }
    }
}

#[tokio::test]
async fn a_conversation_with_calls_reaches_the_provider_whole() {
    let gateway = Gateway::new().await;
    let input = json!([
        { "role": "developer", "content": "Be brief." },
        { "type": "message", "role": "user", "content": [
            { "type": "input_text", "text": "What is " }, { "type": "input_text", "text": "this?" },
            { "type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low" },
        ] },
        { "type": "reasoning", "id": "rs_1", "summary": [] },
        { "type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
            "content": [{ "type": "output_text", "text": "I look.", "annotations": [] }] },
        { "type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather",
            "arguments": "{\"city\":\"Lisbon\"}", "status": "completed" },
        { "type": "function_call", "call_id": "c2", "name": "weather", "arguments": "{}" },
        { "type": "function_call_output", "call_id": "c1", "output": "sun" },
        { "type": "function_call_output", "call_id": "c2",
            "output": [{ "type": "input_text", "text": "rain" }] },
        { "role": "user", "content": "And now?" },
    ]);
    let choice = json!({ "type": "function", "name": "weather" });
    let asked = json!({ "input": input, "tools": weather(), "tool_choice": choice,
        "parallel_tool_calls": false, "reasoning": { "effort": "low" } });
    let answer = create(&gateway, asked.clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let sent = gateway.asked();
    let call = |id: &str, arguments: &str| {
        json!({ "id": id, "type": "function",
        "function": { "name": "weather", "arguments": arguments } })
    };
    assert_eq!(
        sent["messages"],
        json!([
            { "role": "developer", "content": "Be brief." },
            { "role": "user", "content": [
                { "type": "text", "text": "What is " }, { "type": "text", "text": "this?" },
                { "type": "image_url",
                    "image_url": { "url": "data:image/png;base64,AAAA", "detail": "low" } },
            ] },
            { "role": "assistant", "content": "I look.",
                "tool_calls": [call("c1", "{\"city\":\"Lisbon\"}"), call("c2", "{}")] },
            { "role": "tool", "tool_call_id": "c1", "content": "sun" },
            { "role": "tool", "tool_call_id": "c2", "content": "rain" },
            { "role": "user", "content": "And now?" },
        ])
    );
    assert_eq!(sent["tools"][0]["function"]["name"], "weather");
    assert_eq!(sent["tools"][0]["function"]["strict"], true);
    assert_eq!(sent["tool_choice"]["function"]["name"], "weather");
    assert_eq!(sent["parallel_tool_calls"], false);
    assert_eq!(sent["reasoning_effort"], "low");
    // The other shape takes it too.
    let mut claude = asked;
    claude["model"] = CLAUDE.into();
    assert_eq!(create(&gateway, claude).await.status, StatusCode::OK);
    assert_eq!(gateway.asked()["messages"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_call_of_a_function_is_an_item() {
    let script = Script::words(2).with_tool_call("c1", "weather", json!({ "city": "Lisbon" }));
    let gateway = Gateway::answering(script).await;
    for model in [MODEL, CLAUDE] {
        let asked = json!({ "model": model, "tools": weather() });
        let response = create(&gateway, asked).await.json();
        assert_eq!(response["status"], "completed");
        assert_eq!(response["output"][0]["type"], "message");
        let call = &response["output"][1];
        assert_eq!((&call["type"], &call["call_id"]), (&json!("function_call"), &json!("c1")));
        assert_eq!((&call["name"], &call["status"]), (&json!("weather"), &json!("completed")));
        assert_eq!(call["arguments"], "{\"city\":\"Lisbon\"}");
        assert_ne!(call["id"], response["output"][0]["id"]);
        assert_eq!(response["tools"], weather());
    }
}

#[tokio::test]
async fn an_answer_has_the_form_that_is_asked_for() {
    let script = Script { json: Some(json!({ "n": 1 })), ..Script::words(1) };
    let gateway = Gateway::answering(script).await;
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } } });
    let format =
        json!({ "type": "json_schema", "name": "number", "schema": schema, "strict": true });
    let asked = json!({ "text": { "format": format, "verbosity": "low" } });
    let response = create(&gateway, asked).await.json();
    assert_eq!(response["output"][0]["content"][0]["text"], "{\"n\":1}");
    assert_eq!(response["text"]["format"], format);
    let sent = gateway.asked();
    assert_eq!(sent["response_format"]["type"], "json_schema");
    assert_eq!(sent["response_format"]["json_schema"]["schema"], schema);
    assert_eq!(sent["response_format"]["json_schema"]["name"], "number");
    assert_eq!(sent["verbosity"], "low");
    let object = json!({ "text": { "format": { "type": "json_object" } } });
    assert_eq!(create(&gateway, object).await.status, StatusCode::OK);
    assert_eq!(gateway.asked()["response_format"], json!({ "type": "json_object" }));
}

#[tokio::test]
async fn an_answer_that_was_cut_off_is_incomplete() {
    for (finish, reason) in
        [(Finish::Length, "max_output_tokens"), (Finish::Filtered, "content_filter")]
    {
        let script = Script { finish: Some(finish), ..Script::words(2) };
        let gateway = Gateway::answering(script).await;
        let response = create(&gateway, json!({})).await.json();
        assert_eq!(response["status"], "incomplete");
        assert_eq!(response["incomplete_details"]["reason"], reason);
        assert_eq!(response["output"][0]["status"], "incomplete");
        let events = events(&create(&gateway, json!({ "stream": true })).await);
        let last = events.last().unwrap();
        assert_eq!(last["type"], "response.incomplete");
        assert_eq!(last["response"]["incomplete_details"]["reason"], reason);
    }
}

#[tokio::test]
async fn a_stream_tells_of_a_message_in_order() {
    let gateway = Gateway::new().await;
    for model in [MODEL, CLAUDE] {
        let include = json!(["message.output_text.logprobs"]);
        let asked = json!({ "model": model, "stream": true, "include": include });
        let events = events(&create(&gateway, asked).await);
        assert_eq!(
            kinds(&events),
            [
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.content_part.added",
                "response.output_text.delta",
                "response.output_text.delta",
                "response.output_text.delta",
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.completed",
            ]
        );
        assert_eq!(events[0]["response"]["status"], "in_progress");
        assert_eq!(events[0]["response"]["output"], json!([]));
        assert_eq!(events[0]["response"]["usage"], Value::Null);
        let item = &events[2]["item"];
        assert_eq!((&item["status"], &item["content"]), (&json!("in_progress"), &json!([])));
        for event in &events[3..9] {
            assert_eq!(event["item_id"], item["id"]);
            assert_eq!((&event["output_index"], &event["content_index"]), (&json!(0), &json!(0)));
        }
        assert_eq!(events[5]["delta"], "w1 ");
        if model == MODEL {
            assert_eq!(events[5]["logprobs"][0]["token"], "w1 ");
            assert_eq!(events[7]["logprobs"].as_array().unwrap().len(), 3);
        }
        assert_eq!(events[7]["text"], "w0 w1 w2 ");
        assert_eq!(events[8]["part"]["text"], "w0 w1 w2 ");
        let done = &events[10]["response"];
        assert_eq!(done["id"], events[0]["response"]["id"]);
        assert_eq!(done["output"][0], events[9]["item"]);
        assert_eq!(done["usage"]["total_tokens"], 13);
        assert_eq!(done["agentos"]["tier"], model);
    }
}

#[tokio::test]
async fn a_stream_tells_of_calls_after_the_message() {
    let script = Script::words(1)
        .with_tool_call("c1", "weather", json!({ "city": "Lisbon, Portugal" }))
        .with_tool_call("c2", "time", json!({}));
    let gateway = Gateway::answering(script).await;
    for model in [MODEL, CLAUDE] {
        let asked = json!({ "model": model, "stream": true, "tools": weather() });
        let events = events(&create(&gateway, asked).await);
        let mut kinds = kinds(&events);
        kinds.dedup();
        assert_eq!(
            kinds[5..],
            [
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.output_item.added",
                "response.function_call_arguments.delta",
                "response.output_item.added",
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
                "response.output_item.done",
                "response.function_call_arguments.done",
                "response.output_item.done",
                "response.completed",
            ],
            "{model}"
        );
        let of = |kind: &str, place: u64| {
            let mine = events.iter().filter(move |event| event["output_index"] == place);
            let kind = kind.to_owned();
            mine.filter(move |event| event["type"] == kind.as_str()).collect::<Vec<_>>()
        };
        let pieces = of("response.function_call_arguments.delta", 1);
        let joined: String = pieces.iter().map(|event| event["delta"].as_str().unwrap()).collect();
        assert!(pieces.len() > 1);
        let done = of("response.function_call_arguments.done", 1);
        assert_eq!(done[0]["arguments"], joined);
        let (added, done) =
            (of("response.output_item.added", 1), of("response.output_item.done", 1));
        assert_eq!(
            (&added[0]["item"]["arguments"], &added[0]["item"]["name"]),
            (&json!(""), &json!("weather"))
        );
        assert_eq!(added[0]["item"]["id"], done[0]["item"]["id"]);
        assert_eq!(serde_json::from_str::<Value>(&joined).unwrap()["city"], "Lisbon, Portugal");
        let output = events.last().unwrap()["response"]["output"].as_array().unwrap();
        assert_eq!(output.len(), 3);
        assert_eq!(&output[1], &done[0]["item"]);
        assert_eq!(output[2]["call_id"], "c2");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_is_a_response_that_failed() {
    let error = FaultKind::ErrorEvent(Refusal::Overloaded);
    for kind in [FaultKind::Close, FaultKind::EndWithoutDone, error] {
        let script = Script::words(9).with_fault(Fault::at_chunk(2, kind));
        let gateway = Gateway::answering(script).await;
        let events = events(&create(&gateway, json!({ "stream": true })).await);
        let last = events.last().unwrap();
        assert_eq!(last["type"], "response.failed");
        let response = &last["response"];
        assert_eq!(response["status"], "failed");
        assert_eq!(response["error"]["code"], "server_error");
        assert!(response["error"]["message"].is_string());
        assert_eq!(response["usage"], Value::Null);
        assert_eq!(response["output"][0]["status"], "incomplete");
        assert_eq!(response["output"][0]["content"][0]["text"], "w0 w1 ");
        let ends = ["response.completed", "response.incomplete", "response.output_item.done"];
        assert!(!kinds(&events).iter().any(|kind| ends.contains(kind)));
    }
}

#[tokio::test]
async fn what_needs_an_earlier_response_is_refused() {
    let gateway = Gateway::new().await;
    for (member, value, param) in [
        ("previous_response_id", json!("resp_1"), "previous_response_id"),
        ("conversation", json!({ "id": "conv_1" }), "conversation"),
        ("prompt", json!({ "id": "pmpt_1" }), "prompt"),
        ("background", json!(true), "background"),
        ("truncation", json!("auto"), "truncation"),
        ("input", json!([{ "type": "item_reference", "id": "x" }]), "input"),
        ("input", json!([{ "type": "computer_call", "id": "x" }]), "input"),
        ("input", json!([{ "role": "user", "content": [{ "type": "input_file" }] }]), "input"),
        ("input", json!([{ "role": "user", "content": [{ "type": "input_image" }] }]), "input"),
        ("tools", json!([{ "type": "web_search" }]), "tools"),
        ("tool_choice", json!({ "type": "web_search" }), "tool_choice"),
        ("text", json!({ "format": { "type": "grammar" } }), "text.format"),
    ] {
        let answer = create(&gateway, json!({ member: value })).await;
        let error = answer.error(400, "invalid_request_error", "unsupported_parameter");
        assert_eq!(error["param"], param, "{error}");
        assert!(error["message"].as_str().unwrap().starts_with(param), "{error}");
    }
    // Null is as good as nothing, and to wish for a copy does no harm.
    let nulls = json!({ "previous_response_id": null, "conversation": null, "background": false,
        "truncation": "disabled", "tools": null, "store": true, "stream": null });
    assert_eq!(create(&gateway, nulls).await.status, StatusCode::OK);
    for method in [Method::GET, Method::DELETE] {
        let earlier = request(method, "/v1/responses/resp_1", ADMIN, Body::empty());
        let answer = gateway.hub.send(earlier).await;
        answer.error(404, "invalid_request_error", "response_not_found");
    }
    assert_eq!(gateway.mock.count(), 1);
}

#[tokio::test]
async fn requests_that_make_no_sense_are_the_clients_fault() {
    let gateway = Gateway::new().await;
    for (member, value, param) in [
        ("input", json!([]), "input"),
        ("input", json!(7), "input"),
        ("input", json!([{ "role": "robot", "content": "x" }]), "input"),
        ("input", json!([{ "role": "user" }]), "input"),
        ("input", json!([{ "type": "function_call", "name": "f", "arguments": "" }]), "input"),
        ("tools", json!([{ "type": "function" }]), "tools"),
        ("max_output_tokens", json!(0), "max_output_tokens"),
        ("text", json!({ "format": { "type": "json_schema", "name": "x" } }), "text.format.schema"),
    ] {
        let answer = create(&gateway, json!({ member: value })).await;
        let error = answer.error(400, "invalid_request_error", "invalid_value");
        assert_eq!(error["param"], param, "{error}");
    }
    let unknown = create(&gateway, json!({ "model": "gpt-nobody-knows" })).await;
    unknown.error(404, "invalid_request_error", "model_not_found");
    let no_model = gateway.post(PATH, json!({ "input": "x" })).await;
    no_model.error(400, "invalid_request_error", "invalid_request");
    assert_eq!(gateway.mock.count(), 0);
}
