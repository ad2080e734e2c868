//! The events of answers that no provider here gives.

use agentos_domain::{RequestId, Timestamp};
use agentos_router::{Answering, Bill, CallDelta, Delta, Ending, FunctionDelta};
use serde_json::{Map, Value, json};

use super::object::Object;
use crate::openai::chunks::Naming;
use crate::openai::reply::Shape as _;
use crate::openai::stream::Form as _;
use agentos_router::Message;

fn answering() -> Answering {
    Answering {
        deployment: "d".into(),
        group: "g".into(),
        model: "m".into(),
        location: "local",
        cached: false,
    }
}

fn ending(finish: &str) -> Ending {
    Ending { finish: finish.to_owned(), bill: Bill::default(), confidence: None }
}

fn object(request: &RequestId) -> Object {
    let naming = Naming::new("resp_", request, Timestamp::from_millis(1000));
    Object::new(naming, Map::new())
}

fn written(deltas: &[Delta]) -> Vec<Value> {
    streamed(object(&RequestId::generate()), deltas, "stop")
}

fn streamed(object: Object, deltas: &[Delta], finish: &str) -> Vec<Value> {
    let (mut writer, mut out) = (object.writer(answering()), Vec::new());
    writer.open(&mut out);
    for delta in deltas {
        writer.delta(delta, &mut out);
    }
    writer.end(&ending(finish), &mut out);
    let text = String::from_utf8(out).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn piece(index: usize, begins: Option<&str>, arguments: &str) -> Delta {
    let function = FunctionDelta {
        name: begins.map(ToOwned::to_owned),
        arguments: Some(arguments.to_owned()),
    };
    let id = begins.map(|name| format!("call_{name}"));
    let call = CallDelta { index, id, function, ..CallDelta::default() };
    Delta { tool_calls: vec![call], ..Delta::default() }
}

fn output(events: &[Value]) -> &Vec<Value> {
    events.last().unwrap()["response"]["output"].as_array().unwrap()
}

#[test]
fn calls_whose_pieces_come_in_turns_are_kept_apart() {
    let events = written(&[
        piece(0, Some("f"), "{\"a\""),
        piece(1, Some("g"), "{\"b\""),
        piece(0, None, ":1}"),
        piece(1, None, ":2}"),
    ]);
    let output = output(&events);
    assert_eq!((&output[0]["name"], &output[0]["arguments"]), (&json!("f"), &json!("{\"a\":1}")));
    assert_eq!((&output[1]["name"], &output[1]["arguments"]), (&json!("g"), &json!("{\"b\":2}")));
    let added = events.iter().filter(|event| event["type"] == "response.output_item.added");
    assert_eq!(added.count(), 2);
}

#[test]
fn text_after_a_call_is_a_message_of_its_own() {
    let events = written(&[Delta::text("a"), piece(0, Some("f"), "{}"), Delta::text("b")]);
    let output = output(&events);
    let kinds: Vec<_> = output.iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["message", "function_call", "message"]);
    assert_eq!(output[2]["content"][0]["text"], "b");
    assert_ne!(output[0]["id"], output[2]["id"]);
    let done = events.iter().filter(|event| event["type"] == "response.output_item.done");
    assert_eq!(done.count(), 3);
}

#[test]
fn a_whole_answer_is_what_a_stream_ends_with() {
    let request = RequestId::generate();
    let text = vec![Delta::text("a")];
    let calls = vec![piece(0, Some("f"), "{}"), piece(1, Some("g"), "{\"b\"")];
    for deltas in [text.clone(), calls.clone(), [text, calls].concat()] {
        for finish in ["stop", "tool_calls", "length", "content_filter"] {
            let events = streamed(object(&request), &deltas, finish);
            let mut message = Message::default();
            deltas.iter().cloned().for_each(|delta| message.add(delta));
            let whole = object(&request).whole(message, &answering(), &ending(finish));
            assert_eq!(whole, events.last().unwrap()["response"], "{finish}");
        }
    }
}

#[test]
fn a_refusal_is_a_part_of_its_own() {
    let mut refusal = Delta::default();
    refusal.extra.insert("refusal".to_owned(), json!("No."));
    let events = written(&[Delta::text("Well. "), refusal]);
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds[2..],
        [
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.content_part.added",
            "response.refusal.delta",
            "response.refusal.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    assert_eq!(events[8]["content_index"], 1);
    let parts = &output(&events)[0]["content"];
    assert_eq!((&parts[0]["text"], &parts[1]["refusal"]), (&json!("Well. "), &json!("No.")));
}

#[test]
fn an_answer_without_content_has_no_items() {
    let events = written(&[Delta::text("")]);
    assert_eq!(output(&events), &Vec::<Value>::new());
    assert_eq!(events.last().unwrap()["response"]["status"], "completed");
}
