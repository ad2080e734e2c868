//! Tool calls that always parse: a grammar over the tools' JSON schemas.
//!
//! ```text
//! <tool_call>
//! {"name":"file_read","arguments":{"path":"notes/a.md"}}
//! </tool_call>
//! ```
//!
//! With a required tool the grammar holds from the first token. Otherwise the
//! text is free until `<tool_call>` stands in it, however it was tokenised;
//! from there on the grammar holds.

use agentos_domain::{ToolName, ToolSpec};
use agentos_generation::{CALL_OPENS, EngineError};
use llama_cpp_2::json_schema_to_grammar;
use serde_json::{Value, json};

/// What closes a tool call.
const CLOSE: &str = "</tool_call>";
/// Longer bounds of a schema are left to the tool to check: llama.cpp's
/// grammars refuse large repetitions.
const MAX_REPETITIONS: u64 = 1000;

/// How much of a call stands in the text already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// Nothing.
    Nothing,
    /// `<tool_call>`.
    Open,
    /// `<tool_call>` and the end of its line.
    OpenLine,
}

/// The grammar of a call of one of several tools.
#[derive(Debug, Clone)]
pub(crate) struct CallGrammar {
    rules: String,
}

impl CallGrammar {
    /// From the tools' schemas.
    pub(crate) fn new(tools: &[&ToolSpec]) -> Result<Self, EngineError> {
        for tool in tools {
            convert(&[tool]).ok_or_else(|| EngineError::Schema { name: tool.name.clone() })?;
        }
        let rules = convert(tools).ok_or(EngineError::Generation {
            reason: "the tools' schemas cannot be joined in one grammar".to_owned(),
        })?;
        Ok(Self { rules: compact(&rules) })
    }

    /// In llama.cpp's notation, with the root rule `root`.
    pub(crate) fn gbnf(&self, written: Written) -> String {
        let begin = match written {
            Written::Nothing => "\"<tool_call>\\n\" ",
            Written::Open => "\"\\n\" ",
            Written::OpenLine => "",
        };
        format!("root ::= {begin}tool-call \"\\n</tool_call>\"\n{}", self.rules)
    }
}

/// The grammar of an answer that has a form.
#[derive(Debug, Clone)]
pub(crate) struct FormGrammar {
    rules: String,
}

impl FormGrammar {
    /// From the answer's schema.
    pub(crate) fn new(schema: &Value) -> Result<Self, EngineError> {
        let mut schema = schema.clone();
        adapt(&mut schema, "#");
        let rules = json_schema_to_grammar(&schema.to_string())
            .map_err(|error| EngineError::OutputSchema { reason: error.to_string() })?;
        Ok(Self { rules: compact(&rules) })
    }

    /// In llama.cpp's notation, with the root rule `root`.
    pub(crate) fn gbnf(&self) -> String {
        format!("root ::= tool-call\n{}", self.rules)
    }
}

fn convert(tools: &[&ToolSpec]) -> Option<String> {
    let schema = match tools {
        [tool] => call_schema(tool, "#"),
        tools => {
            let schemas = tools.iter().enumerate();
            let schemas = schemas.map(|(i, tool)| call_schema(tool, &format!("#/anyOf/{i}")));
            json!({ "anyOf": schemas.collect::<Vec<_>>() })
        }
    };
    json_schema_to_grammar(&schema.to_string()).ok()
}

fn call_schema(tool: &ToolSpec, at: &str) -> Value {
    let mut arguments = match &tool.parameters {
        Value::Object(schema) if !schema.is_empty() => tool.parameters.clone(),
        _ => json!({ "type": "object" }),
    };
    adapt(&mut arguments, &format!("{at}/properties/arguments"));
    json!({
        "type": "object",
        "properties": { "name": { "const": tool.name }, "arguments": arguments },
        "required": ["name", "arguments"],
        "additionalProperties": false,
    })
}

/// Moves references to where the schema now stands, and drops upper bounds
/// that are too large for a grammar.
fn adapt(schema: &mut Value, at: &str) {
    match schema {
        Value::Object(fields) => {
            fields.retain(|key, value| {
                let bound = key == "maxLength" || key == "maxItems";
                !(bound && value.as_u64().is_some_and(|bound| bound > MAX_REPETITIONS))
            });
            for (key, value) in fields {
                match value {
                    Value::String(target) if key == "$ref" => {
                        if let Some(path) = target.strip_prefix('#') {
                            *target = format!("{at}{path}");
                        }
                    }
                    value => adapt(value, at),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| adapt(item, at)),
        _ => {}
    }
}

/// Makes the output canonical and parseable: no optional white space, no
/// lone surrogates in escapes, no exponents beyond a double's range.
fn compact(rules: &str) -> String {
    let line = |line: &str| match line.split_once(" ::= ") {
        Some(("root", rule)) => format!("tool-call ::= {rule}\n"),
        Some(("space", _)) => "space ::= \"\"\n".to_owned(),
        Some(("char", _)) => concat!(
            r#"char ::= [^"\\\x7F\x00-\x1F] | [\\] (["\\bfnrt] | "u" "#,
            "([0-9a-cA-CefEF] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2}))\n"
        )
        .to_owned(),
        Some(("number", _)) => concat!(
            r#"number ::= ("-"? integral-part) ("." decimal-part)? "#,
            "([eE] [-+]? [0-9]{1,2})?\n"
        )
        .to_owned(),
        _ => format!("{line}\n"),
    };
    rules.lines().map(line).collect()
}

/// What the next piece of free text does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// It goes on freely.
    Free,
    /// It opens a call.
    Opens(Written),
    /// It opens a call but goes on as no call does.
    Refused,
}

/// Watches free text for the opening of a call.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    tail: Vec<u8>,
}

impl Watch {
    /// What the text would do with `piece` at its end.
    pub(crate) fn look(&self, piece: &[u8]) -> Look {
        let text = [self.tail.as_slice(), piece].concat();
        let open = CALL_OPENS.as_bytes();
        let Some(at) = text.windows(open.len()).position(|window| window == open) else {
            return Look::Free;
        };
        match &text[at + open.len()..] {
            b"" => Look::Opens(Written::Open),
            b"\n" => Look::Opens(Written::OpenLine),
            _ => Look::Refused,
        }
    }

    /// Adds a piece to the text.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.tail.extend_from_slice(piece);
        let excess = self.tail.len().saturating_sub(CALL_OPENS.len() - 1);
        self.tail.drain(..excess);
    }
}

/// Whether the text of a call under the grammar is complete. Its strings hold
/// no line breaks, so only its end looks like this.
pub(crate) fn is_complete(call: &[u8]) -> bool {
    call.ends_with(b"\n</tool_call>")
}

/// Reads a call, with or without its markup. Also takes what models write
/// without a grammar: any white space, `parameters` for `arguments`,
/// arguments as a JSON text, a missing end.
pub(crate) fn parse_call(text: &str) -> Option<(ToolName, Value)> {
    let text = text.split_once(CALL_OPENS).map_or(text, |(_, rest)| rest);
    let text = text.rsplit_once(CLOSE).map_or(text, |(call, _)| call);
    let call: Value = serde_json::from_str(text.trim()).ok()?;
    let name = call.get("name")?.as_str()?.parse().ok()?;
    let arguments = match call.get("arguments").or_else(|| call.get("parameters")) {
        None | Some(Value::Null) => json!({}),
        Some(Value::String(text)) => serde_json::from_str(text).ok()?,
        Some(value) => value.clone(),
    };
    arguments.is_object().then_some((name, arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_opening_is_seen_in_every_tokenisation() {
        let text = "so: <tool_call>";
        for cut in 1..text.len() {
            for cut2 in cut..text.len() {
                let mut watch = Watch::default();
                let pieces = [&text[..cut], &text[cut..cut2], &text[cut2..]];
                for piece in &pieces[..2] {
                    assert_eq!(watch.look(piece.as_bytes()), Look::Free);
                    watch.push(piece.as_bytes());
                }
                assert_eq!(watch.look(pieces[2].as_bytes()), Look::Opens(Written::Open));
                let line = format!("{}\n", pieces[2]);
                assert_eq!(watch.look(line.as_bytes()), Look::Opens(Written::OpenLine));
                let other = format!("{} {{", pieces[2]);
                assert_eq!(watch.look(other.as_bytes()), Look::Refused);
            }
        }
    }

    #[test]
    fn calls_are_read_as_models_write_them() {
        let read = |text: &str| parse_call(text).map(|(name, value)| (name.to_string(), value));
        let expected = Some(("f".to_owned(), json!({ "a": "</tool_call>" })));
        let grammar =
            "<tool_call>\n{\"name\":\"f\",\"arguments\":{\"a\":\"</tool_call>\"}}\n</tool_call>";
        assert_eq!(read(grammar), expected);
        assert_eq!(
            read("ok <tool_call> { \"name\": \"f\", \"parameters\": {} }"),
            Some(("f".to_owned(), json!({})))
        );
        assert_eq!(
            read(r#"{"name":"f","arguments":"{\"n\":1}"}"#),
            Some(("f".to_owned(), json!({ "n": 1 })))
        );
        assert_eq!(read(r#"{"name":"f"}"#), Some(("f".to_owned(), json!({}))));
        assert_eq!(read(r#"{"name":"f","arguments":[1]}"#), None);
        assert_eq!(read("<tool_call>\n{\"name\":\"f\""), None);
    }

    #[test]
    fn references_move_with_their_schema_and_huge_bounds_go() {
        let mut schema = json!({
            "properties": {
                "a": { "$ref": "#/$defs/a" },
                "b": { "type": "string", "maxLength": 100_000 },
                "maxLength": { "type": "integer" },
                "c": { "type": "string", "maxLength": 10 },
            },
        });
        adapt(&mut schema, "#/anyOf/1");
        assert_eq!(schema["properties"]["a"]["$ref"], "#/anyOf/1/$defs/a");
        assert_eq!(schema["properties"]["b"], json!({ "type": "string" }));
        assert_eq!(schema["properties"]["c"]["maxLength"], 10);
        assert!(schema["properties"]["maxLength"].is_object());
    }
}
