//! The pocket model and the program that trained it agree on every token.

use std::path::Path;

use agentos_domain::{Message, Role, ToolCall, ToolSpec};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{config, tool};
use crate::llama::load;
use crate::pocket::write_pocket_model;

#[derive(Deserialize)]
struct Dialogue {
    request: String,
    calls: Vec<Call>,
    results: Vec<String>,
    answer: String,
    tokens: Vec<i32>,
}

#[derive(Deserialize)]
struct Call {
    name: String,
    arguments: Value,
}

impl Dialogue {
    fn messages(&self) -> Vec<Message> {
        let mut messages = vec![
            Message::text(Role::System, "Left out by the template."),
            Message::text(Role::User, self.request.clone()),
        ];
        for (call, result) in self.calls.iter().zip(&self.results) {
            let name = call.name.parse().unwrap();
            let call = ToolCall { id: "1".into(), name, arguments: call.arguments.clone() };
            let turn = Message::text(Role::Assistant, "");
            messages.push(Message { tool_calls: vec![call], ..turn });
            let turn = Message::text(Role::Tool, result.clone());
            messages.push(Message { tool_call_id: Some("1".into()), ..turn });
        }
        messages
    }
}

#[test]
fn dialogues_become_the_tokens_of_training() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pocket.gguf");
    write_pocket_model(&path).unwrap();
    let (model, _) = load::model(&config(&path)).unwrap();
    let (vocabulary, template) = load::vocabulary(&model).unwrap();
    assert_eq!(vocabulary.bos, None);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pocket/evaluation/tokens.json");
    let dialogues: Vec<Dialogue> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let names = ["file_list", "file_read", "file_search", "metadata_extract"];
    let tools: Vec<ToolSpec> = names.iter().map(|name| tool(name, json!({}))).collect();
    assert!(dialogues.len() >= 10);
    for dialogue in dialogues {
        let prompt = template.render(&dialogue.messages(), &tools).unwrap();
        let text = format!("{prompt}{}<|im_end|>", dialogue.answer);
        let tokens = model.vocab().tokenize(text.as_bytes(), false, true);
        let tokens: Vec<i32> = tokens.iter().map(|token| token.0).collect();
        assert_eq!(tokens, dialogue.tokens, "{text}");
    }
}
