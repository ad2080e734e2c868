use agentos_domain::{
    BlobHash, Changeset, FinishReason, Timestamp, ToolCall, ToolClass, ToolError, ToolSpec, Usage,
};
use serde_json::{Value, json};

use super::*;

fn call(name: &str, id: &str, arguments: Value, class: ToolClass) -> Entry {
    let call = ToolCall { id: id.into(), name: name.parse().unwrap(), arguments };
    Entry::ToolIntent { call, class, idempotency_key: "k".into() }
}

fn result(id: &str, outcome: Result<Value, ToolError>, changes: Changeset) -> Entry {
    Entry::ToolResult { call_id: id.into(), outcome: outcome.into(), duration_ms: 1, changes }
}

fn fetch(id: &str, url: &str, outcome: Result<Value, ToolError>) -> [Entry; 2] {
    let intent = call("web_fetch", id, json!({ "url": url }), ToolClass::Read);
    [intent, result(id, outcome, Changeset::default())]
}

fn rules(text: &str, journal: &[Entry], validation: &Validation) -> Vec<String> {
    let send_mail = ToolSpec::new("send_mail".parse().unwrap(), ToolClass::Once, "", json!({}));
    let answer = Answer { text, journal, tools: &[send_mail], validation, files: &[] };
    check_answer(answer).into_iter().map(|finding| finding.rule).collect()
}

fn put() -> Change {
    let (hash, modified) = (BlobHash::of(b"x"), Timestamp::from_millis(0));
    Change::Put { hash, size: 1, modified, base: None }
}

#[test]
fn files_that_are_left_are_those_that_were_written_last() {
    let path = |text: &str| text.parse::<RelPath>().unwrap();
    let changes = |files: &[(&str, Change)]| Changeset {
        files: files.iter().map(|(name, change)| (path(name), change.clone())).collect(),
        ..Changeset::default()
    };
    let gone = Change::Delete { base: BlobHash::of(b"x") };
    let journal = [
        result("1", Ok(json!(1)), changes(&[("skills/b.py", put()), ("skills/a.py", put())])),
        result("2", Ok(json!(1)), changes(&[("skills/b.py", gone)])),
    ];
    assert_eq!(written_paths(&journal), [path("skills/a.py")]);
}

#[test]
fn an_answer_fits_the_schema_of_its_agent() {
    let schema = json!({ "type": "object", "required": ["files"],
        "properties": { "files": { "type": "array", "items": { "type": "string" } } } });
    let validation = Validation { output_schema: Some(schema), ..Validation::default() };
    let of = |text: &str| rules(text, &[], &validation);
    assert_eq!(of("{\"files\": [\"a.md\"]}\n"), Vec::<String>::new());
    assert_eq!(of("There are two files."), ["answer-json"]);
    assert_eq!(of("```json\n{\"files\": []}\n```"), ["answer-json"]);
    assert_eq!(of("{\"file\": 1}"), ["answer-schema"]);
    assert_eq!(of("{\"files\": [1, 2]}"), ["answer-schema", "answer-schema"]);
    let broken = Validation { output_schema: Some(json!({ "type": 7 })), ..validation.clone() };
    assert_eq!(rules("{}", &[], &broken), ["answer-schema"]);
}

#[test]
fn only_what_was_fetched_is_a_source() {
    let validation = Validation { cite_sources: true, ..Validation::default() };
    let mut journal = Vec::new();
    journal.extend(fetch(
        "1",
        "https://Example.org/a/#top",
        Ok(json!({ "status": 200, "final_url": "https://example.org/b" })),
    ));
    journal.extend(fetch("2", "https://example.org/gone", Ok(json!({ "status": 404 }))));
    journal.extend(fetch("3", "https://example.org/slow", Err(ToolError::new("timeout", "x"))));
    let of = |text: &str| rules(text, &journal, &validation);
    for right in [
        "It opened in 1998 (https://example.org/a).",
        "See <https://example.org/b>, and https://example.org/a/.",
        "From https://example.org/a. https://example.org/gone was not found (404).",
    ] {
        assert_eq!(of(right), Vec::<String>::new(), "{right}");
    }
    for (wrong, count) in [
        ("It opened in 1998.", 1),
        ("It opened in 1998 (https://example.org/made-up).", 2),
        ("See https://example.org/a and https://example.org/slow.", 1),
        ("See https://example.org/a and https://example.org/gone for more.", 1),
        ("See https://example.org.evil.test/a", 2),
    ] {
        assert_eq!(of(wrong), vec!["answer-source"; count], "{wrong}");
    }
}

#[test]
fn who_fetched_nothing_says_that_there_was_nothing() {
    let validation = Validation { cite_sources: true, ..Validation::default() };
    let journal = fetch("1", "https://example.org/x", Ok(json!({ "status": 404 })));
    let told = "https://example.org/x is missing (404): nothing could be found.";
    assert_eq!(rules(told, &journal, &validation), Vec::<String>::new());
    assert_eq!(rules("It opened in 1998.", &journal, &validation), ["answer-source"]);
    let parsed = [
        call("document_parser", "1", json!({ "path": "memory/a.pdf" }), ToolClass::Read),
        result("1", Ok(json!({ "text": "t" })), Changeset::default()),
    ];
    assert_eq!(rules("As memory/a.pdf says.", &parsed, &validation), Vec::<String>::new());
}

#[test]
fn facts_and_opinions_are_kept_apart() {
    let validation = Validation { separate_opinion: true, ..Validation::default() };
    let of = |text: &str| rules(text, &[], &validation);
    assert_eq!(of("## Facts\nIt is old.\n\n## Opinions\nIt is nice."), Vec::<String>::new());
    assert_eq!(of("**Facts:**\nx\n**Opinion**\ny"), Vec::<String>::new());
    assert_eq!(of("The facts are these, and my opinions too."), ["answer-sections"]);
    assert_eq!(of("## Facts\nIt is old."), ["answer-sections"]);
}

#[test]
fn a_claim_is_no_evidence() {
    let none = Validation::default();
    let sent = [
        call("send_mail", "1", json!({}), ToolClass::Once),
        result("1", Ok(json!("sent")), Changeset::default()),
    ];
    let failed = [
        call("send_mail", "1", json!({}), ToolClass::Once),
        result("1", Err(ToolError::new("offline", "x")), Changeset::default()),
    ];
    let reply = Entry::ModelReply {
        model: "m".into(),
        text: "I have sent it.".into(),
        tool_calls: vec![],
        finish: FinishReason::Stop,
        usage: Usage::default(),
        confidence: None,
        duration_ms: 1,
    };
    for claim in [
        "I have sent the report.",
        "I've just emailed it",
        "The mail has been successfully sent.",
        "I have really sent it",
    ] {
        assert_eq!(rules(claim, &[], &none), ["claim"], "{claim}");
        assert_eq!(rules(claim, &failed, &none), ["claim"], "{claim}");
        assert_eq!(rules(claim, std::slice::from_ref(&reply), &none), ["claim"], "{claim}");
        assert_eq!(rules(claim, &sent, &none), Vec::<String>::new(), "{claim}");
    }
    assert_eq!(rules("I've saved it.", &sent, &none), ["claim"], "a mail saves nothing");
    for honest in ["The note says that she sent it.", "It was written in 1998.", "I can send it."] {
        assert_eq!(rules(honest, &[], &none), Vec::<String>::new(), "{honest}");
    }
}

const WELL_MADE: &str = r#""""Reads notes."""

import json
from pathlib import Path


def load(path: Path) -> dict[str, str]:
    """The notes of a file; none where it cannot be read."""
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}
"#;

fn of_code(path: &str, content: &str) -> Vec<String> {
    let files = [WrittenFile { path: path.parse().unwrap(), content: content.into() }];
    let agent = agentos_domain::builtin_code_agent();
    let answer = Answer {
        text: "done",
        journal: &[],
        tools: &[],
        validation: &agent.validation,
        files: &files,
    };
    let findings = check_answer(answer);
    assert!(findings.iter().all(|finding| finding.message.starts_with(path)), "{findings:?}");
    findings.into_iter().map(|finding| finding.rule).collect()
}

#[test]
fn code_is_as_its_agent_promises() {
    assert_eq!(of_code("skills/a.py", WELL_MADE), Vec::<String>::new());
    let untyped = WELL_MADE.replace("path: Path) -> dict[str, str]", "path)");
    assert_eq!(of_code("skills/a.py", &untyped), ["type-hint", "type-hint"]);
    let silent = WELL_MADE
        .replace("    \"\"\"The notes of a file; none where it cannot be read.\"\"\"\n", "");
    assert_eq!(of_code("skills/a.py", &silent), ["docstring"]);
    let careless = "\"\"\"x\"\"\"\n\nimport json\n\n\ndef load(text: str) -> object:\n    \"\"\"x\"\"\"\n    return json.loads(text)\n";
    assert_eq!(of_code("skills/a.py", careless), ["error-handling"]);
    // csv is harmless, and not among what this agent may import.
    assert_eq!(
        of_code("skills/a.py", &WELL_MADE.replace("import json\n", "import csv\nimport json\n")),
        ["import"]
    );
    assert_eq!(of_code("skills/a.py", "x = eval('1')\n"), ["exec"]);
    assert_eq!(of_code("skills/a.py", "x = '\u{e9}'\n# \u{202e}\n"), ["hidden-character"]);
    assert_eq!(of_code("outputs/a.md", &"x".repeat(100 * 1024 + 1)), ["size"]);
    assert_eq!(of_code("skills/a.sh", "#!/bin/bash\necho 1\n"), ["error-handling"]);
    assert_eq!(
        of_code("skills/a.sh", "#!/bin/bash\nset -euo pipefail\necho 1\n"),
        Vec::<String>::new()
    );
    let script =
        "const fs = require(\"fs\");\nfunction f() {\n  return fs.readFileSync(\"a\");\n}\nf();\n";
    assert_eq!(of_code("skills/a.js", script), ["docstring", "error-handling"]);
}
