use super::*;

fn read(events: &[&str]) -> (Vec<Piece>, bool) {
    read_by(Reader::default(), events)
}

fn read_by(mut reader: Reader, events: &[&str]) -> (Vec<Piece>, bool) {
    let mut pieces = Vec::new();
    for event in events {
        reader.read(event.as_bytes(), &mut pieces).unwrap();
    }
    (pieces, reader.done)
}

fn text(pieces: &[Piece]) -> String {
    let texts = pieces.iter().filter_map(|piece| match piece {
        Piece::Delta(delta) => delta.content.clone(),
        _ => None,
    });
    texts.collect()
}

const START: &str = r#"{"type":"message_start","message":{"model":"claude-x","usage":
    {"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}}}"#;
const END: &str = r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},
    "usage":{"output_tokens":20}}"#;
const STOP: &str = r#"{"type":"message_stop"}"#;

#[test]
fn calls_of_tools_are_counted_from_zero_and_usage_is_not_added_up() {
    let (pieces, done) = read(&[
        START,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#,
        r#"{"type":"content_block_start","index":1,"content_block":
            {"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":
            {"type":"input_json_delta","partial_json":"{\"a\":1}"}}"#,
        END,
        STOP,
    ]);
    assert!(done);
    assert_eq!(text(&pieces), "Hi");
    let calls: Vec<_> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Delta(delta) => delta.tool_calls.first(),
            _ => None,
        })
        .collect();
    assert_eq!((calls[0].index, calls[0].id.as_deref()), (0, Some("t")));
    assert_eq!(calls[1].function.arguments.as_deref(), Some("{\"a\":1}"));
    assert!(pieces.contains(&Piece::Finish("tool_calls".to_owned())));
    let Some(Piece::Usage(used)) =
        pieces.iter().rev().find(|piece| matches!(piece, Piece::Usage(_)))
    else {
        panic!("{pieces:?}")
    };
    assert_eq!((used.counts.input, used.counts.cache_read, used.counts.output), (10, 5, 20));
}

const ANSWER: &str = r#"{"type":"content_block_start","index":0,"content_block":
    {"type":"tool_use","id":"t","name":"answer","input":{}}}"#;
const ARGUMENTS: &str =
    r#"{"type":"content_block_delta","index":0,"delta":{"partial_json":"{\"a\":1}"}}"#;

fn calls(pieces: &[Piece]) -> Vec<CallDelta> {
    let calls = pieces.iter().filter_map(|piece| match piece {
        Piece::Delta(delta) => Some(delta.tool_calls.clone()),
        _ => None,
    });
    calls.flatten().collect()
}

#[test]
fn a_form_is_text_where_one_was_asked_for() {
    let reader = Reader { wants_form: true, ..Reader::default() };
    let (pieces, _) = read_by(reader, &[START, ANSWER, ARGUMENTS, END]);
    assert_eq!(text(&pieces), "{\"a\":1}");
    assert!(pieces.contains(&Piece::Finish("stop".to_owned())));
    assert!(calls(&pieces).is_empty());
}

#[test]
fn a_tool_of_the_same_name_is_a_tool() {
    let (pieces, _) = read(&[START, ANSWER, ARGUMENTS, END]);
    assert_eq!(text(&pieces), "");
    assert_eq!(calls(&pieces)[0].function.name.as_deref(), Some("answer"));
    assert!(pieces.contains(&Piece::Finish("tool_calls".to_owned())));
}

#[test]
fn a_call_without_arguments_has_an_empty_object() {
    let empty = r#"{"type":"content_block_delta","index":0,"delta":{"partial_json":""}}"#;
    let stop = r#"{"type":"content_block_stop","index":0}"#;
    let arguments = |events: &[&str]| -> String {
        let calls = calls(&read(events).0);
        calls.iter().filter_map(|call| call.function.arguments.as_deref()).collect()
    };
    assert_eq!(arguments(&[START, ANSWER, empty, stop, END]), "{}");
    assert_eq!(arguments(&[START, ANSWER, empty, ARGUMENTS, stop, END]), "{\"a\":1}");
}

#[test]
fn what_the_providers_own_tools_are_called_with_is_passed_over() {
    let (pieces, _) = read(&[
        START,
        r#"{"type":"content_block_start","index":0,"content_block":
            {"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
        ARGUMENTS,
        END,
    ]);
    assert!(calls(&pieces).is_empty(), "{pieces:?}");
}

#[test]
fn white_space_that_the_client_has_is_not_said_twice() {
    let said = |overlap: &str, texts: &[&str]| -> String {
        let mut reader = Reader { overlap: overlap.to_owned(), ..Reader::default() };
        texts.iter().map(|text| reader.unsaid((*text).to_owned())).collect()
    };
    assert_eq!(said(" ", &[" and", " so"]), "and so");
    assert_eq!(said(" ", &["and", " so"]), "and so");
    assert_eq!(said("\n\n", &["\n", "\n\n", "x"]), "\nx");
    assert_eq!(said("", &[" and"]), " and");
}

#[test]
fn the_placeholder_of_the_beginning_is_not_what_was_consumed() {
    let end = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#;
    let (pieces, _) = read(&[START, end]);
    let told = pieces.iter().filter(|piece| matches!(piece, Piece::Usage(_)));
    assert_eq!(told.count(), 1);
}

#[test]
fn a_whole_message_and_an_error() {
    let (pieces, done) = read(&[r#"{"type":"message","model":"m","content":[
        {"type":"thinking","thinking":"hm"},{"type":"text","text":"Hi"}],
        "stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}"#]);
    assert!(done);
    assert_eq!(text(&pieces), "Hi");
    let overloaded = br#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#;
    let error = Reader::default().read(overloaded, &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Overloaded);
}
