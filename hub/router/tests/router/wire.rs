//! What providers say in their own ways comes out alike.

use agentos_mock_provider::{Fault, FaultKind, MockProvider, Refusal, Script};
use agentos_router::{CallDelta, Shape};
use serde_json::{Value, json};

use crate::fixture::{House, Seen, Setup, cloud, question, with};

const BOTH: [Shape; 2] = [Shape::OpenAi, Shape::Anthropic];

async fn one(shape: Shape, script: Script) -> (House, MockProvider) {
    let mock = MockProvider::start(script).await.unwrap();
    let config = cloud("cloud", "cloud");
    let setup = match shape {
        Shape::OpenAi => Setup::new().open_ai(config, &mock),
        Shape::Anthropic => Setup::new().anthropic(config, &mock),
    };
    (setup.open().await, mock)
}

/// The calls of an answer, put together from their pieces.
fn calls(seen: &Seen) -> Vec<(String, String, Value)> {
    let mut calls: Vec<(String, String, String)> = Vec::new();
    for CallDelta { index, id, kind, function, .. } in
        seen.deltas.iter().flat_map(|delta| delta.tool_calls.clone())
    {
        if index == calls.len() {
            assert_eq!(kind.as_deref(), Some("function"));
            calls.push((id.unwrap(), function.name.unwrap(), String::new()));
        } else {
            assert!(id.is_none() && function.name.is_none(), "{seen:?}");
        }
        calls[index].2.push_str(&function.arguments.unwrap_or_default());
    }
    let parsed = calls.into_iter().map(|(id, name, arguments)| {
        let arguments = serde_json::from_str(&arguments).expect("JSON");
        (id, name, arguments)
    });
    parsed.collect()
}

#[tokio::test]
async fn calls_of_tools_are_alike() {
    let first = json!({"path": "notes.md", "lines": [1, 2, 3], "why": "it was asked for, \"é\""});
    let made = [
        ("call_1".to_owned(), "read".to_owned(), first.clone()),
        ("call_2".to_owned(), "answer".to_owned(), json!({})),
    ];
    let tool = |name: &str| {
        json!({"type": "function", "function": {"name": name,
        "parameters": {"type": "object"}}})
    };
    let tools = json!({"tools": [tool("read"), tool("answer")], "tool_choice": "required"});
    for text in [0, 4] {
        let script = Script::words(text)
            .with_tool_call("call_1", "read", first.clone())
            .with_tool_call("call_2", "answer", json!({}));
        for shape in BOTH {
            for stream in [true, false] {
                let (house, mock) = one(shape, script.clone()).await;
                let request = with(question("cloud", stream), &tools);
                let seen = house.ask(request).await.unwrap().whole();
                assert_eq!(calls(&seen), made, "{shape:?} {stream}");
                assert_eq!(seen.ending().finish, "tool_calls", "{shape:?} {stream}");
                assert_eq!(seen.text, Script::words(text).whole_text());
                assert_eq!(mock.requests()[0].body["tools"].as_array().unwrap().len(), 2);
            }
        }
    }
}

#[tokio::test]
async fn an_answer_in_a_form_is_text() {
    let form = json!({"city": "Zürich", "people": 448_664});
    let format = json!({"response_format": {"type": "json_schema", "json_schema":
        {"name": "place", "schema": {"type": "object"}}}});
    for shape in BOTH {
        for stream in [true, false] {
            let mut script = Script::words(0);
            match shape {
                Shape::OpenAi => script.json = Some(form.clone()),
                // There it is asked for by a tool.
                Shape::Anthropic => script = script.with_tool_call("t", "answer", form.clone()),
            }
            let (house, mock) = one(shape, script).await;
            let seen = house.ask(with(question("cloud", stream), &format)).await.unwrap().whole();
            assert_eq!(serde_json::from_str::<Value>(&seen.text).unwrap(), form, "{shape:?}");
            assert!(calls(&seen).is_empty());
            assert_eq!(seen.ending().finish, "stop");
            let body = &mock.requests()[0].body;
            match shape {
                Shape::OpenAi => assert_eq!(body["response_format"], format["response_format"]),
                Shape::Anthropic => assert_eq!(body["tool_choice"]["name"], "answer"),
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_within_a_call_ends_with_an_error() {
    let arguments = json!({"path": "a/very/long/path/of/a/file/that/comes/in/pieces.md"});
    for shape in BOTH {
        let fault = Fault::at_chunk(3, FaultKind::EndWithoutDone);
        let script = Script::words(0).with_tool_call("c", "read", arguments.clone());
        let (house, mock) = one(shape, script.with_fault(fault)).await;
        let seen = house.ask(question("cloud", true)).await.unwrap();
        assert!(seen.failed.is_some(), "{seen:?}");
        // A call is not begun twice.
        assert_eq!((seen.begins.len(), mock.count()), (1, 1));
    }
}

#[tokio::test]
async fn thoughts_and_what_is_not_known_are_handed_on() {
    let chunk = |finish: Value| {
        let delta = json!({"role": "assistant", "reasoning_content": "hm", "tool_calls": null,
            "annotations": [{"x": 1}], "content": null});
        json!({"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let body = chunk(json!("stop")).to_string();
    let event = FaultKind::ErrorEvent(Refusal::Other { status: 200, body, retry_after: None });
    let script = Script::words(2).with_fault(Fault::at_chunk(2, event));
    let (house, _mock) = one(Shape::OpenAi, script).await;
    let seen = house.ask(question("cloud", true)).await.unwrap().whole();
    assert_eq!(seen.text, "w0 w1 ");
    let last = &seen.deltas.last().unwrap().extra;
    assert_eq!(last["reasoning_content"], "hm");
    assert_eq!(last["annotations"], json!([{"x": 1}]));
    assert!(!last.contains_key("role"), "{last:?}");
}

#[tokio::test]
async fn an_empty_answer_is_one() {
    for shape in BOTH {
        for stream in [true, false] {
            let (house, mock) = one(shape, Script::words(0)).await;
            let seen = house.ask(question("cloud", stream)).await.unwrap().whole();
            assert_eq!((seen.text.as_str(), seen.ending().finish.as_str()), ("", "stop"));
            assert_eq!(mock.count(), 1);
        }
    }
}

#[tokio::test]
async fn what_the_client_limits_is_what_the_provider_is_told() {
    for shape in BOTH {
        let (house, mock) = one(shape, Script::words(2)).await;
        house.text(with(question("cloud", true), &json!({"stream_options": null}))).await;
        let body = mock.requests()[0].body.clone();
        assert_eq!((&body["max_tokens"], &body["model"]), (&json!(1000), &json!("priced")));
        assert_eq!(body["stream"], true);
        if shape == Shape::OpenAi {
            assert_eq!(body["stream_options"]["include_usage"], true);
        }
    }
}
