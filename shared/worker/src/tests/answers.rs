//! Answers that are checked before the run ends.

use std::sync::Arc;

use agentos_domain::{Entry, Journal, Validation};
use agentos_tools::FileWrite;
use agentos_validate::Finding;
use agentos_validate::quality::{Checker, QualityError};
use agentos_validate::results::WrittenFile;
use serde_json::json;

use super::{MemoryHub, Scene, says, scene};
use crate::runner::Runner;

/// A run whose agent asks for these checks, with `file_write`.
async fn run(script: &[(&str, Option<&str>)], validation: Validation, lint: bool) -> Scene {
    let completion = |(text, code): &(&str, Option<&str>)| {
        let call =
            code.map(|code| ("file_write", json!({ "path": "skills/a.py", "content": code })));
        says(text, call)
    };
    let script = script.iter().map(completion).collect();
    let mut scene = scene(script, MemoryHub::default(), &Journal::new());
    let bench = Arc::get_mut(&mut scene.bench).unwrap();
    Arc::get_mut(&mut bench.tools).unwrap().insert(Arc::new(FileWrite::default())).unwrap();
    bench.checker = lint.then(|| Arc::new(Grumbles) as Arc<dyn Checker>);
    let mut assignment = scene.assignment(Journal::new());
    assignment.config.agent.tools.push("file_write".parse().unwrap());
    assignment.config.tools = scene.bench.tools.specs_for(&assignment.config.agent.tools);
    assignment.config.agent.validation = validation;
    // What is not named is asked about.
    assignment.config.user_input = "Write a program to skills/a.py".into();
    Runner::run(Arc::clone(&scene.bench), Arc::clone(&scene.attempt), assignment).await.unwrap();
    scene
}

fn last(scene: &Scene) -> String {
    match scene.hub.entries.lock().unwrap().last() {
        Some(Entry::Finished { output, .. }) => output.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_corrected() {
    let validation = Validation {
        output_schema: Some(json!({ "type": "object", "required": ["files"] })),
        ..Validation::default()
    };
    let script = [("Two files.", None), ("{\"files\": 2}", None)];
    let scene = run(&script, validation, false).await;
    let expected = ["model_reply", "answer_checked", "model_reply", "answer_checked", "finished"];
    assert_eq!(scene.kinds(), expected);
    assert_eq!(last(&scene), "{\"files\": 2}");
    let told = scene.engine.requests().last().unwrap().messages.last().unwrap().content.clone();
    assert!(told.contains("not JSON"), "{told}");
}

#[tokio::test]
async fn code_is_judged_as_it_was_written_last() {
    let validation = Validation { blocked_imports: vec!["eval".into()], ..Validation::default() };
    let script = [
        ("", Some("print(eval('1'))\n")),
        ("Written.", None),
        ("", Some("print(1)\n")),
        ("Corrected.", None),
    ];
    let scene = run(&script, validation, false).await;
    assert_eq!(last(&scene), "Corrected.");
    let checks: Vec<_> = scene
        .hub
        .entries
        .lock()
        .unwrap()
        .iter()
        .filter_map(|entry| match entry {
            Entry::AnswerChecked { problems } => Some(problems.clone()),
            _ => None,
        })
        .collect();
    assert_eq!((checks.len(), checks[1].len()), (2, 0), "{checks:?}");
    assert!(checks[0][0].contains("skills/a.py") && checks[0][0].contains("eval"), "{checks:?}");
}

#[tokio::test]
async fn a_claim_that_no_call_bears_out_is_told_of() {
    let validation = Validation { cite_sources: false, lint: true, ..Validation::default() };
    let script = [("I have written it.", None), ("I have really written it.", None)];
    let scene = run(&script, validation, false).await;
    let said = last(&scene);
    assert!(said.starts_with("I have really written it.\n\nThis answer did not pass"), "{said}");
}

/// Finds something in every file.
struct Grumbles;

#[async_trait::async_trait]
impl Checker for Grumbles {
    async fn check(&self, files: &[WrittenFile]) -> Result<Vec<Finding>, QualityError> {
        Ok(files
            .iter()
            .map(|file| Finding::whole("ruff", format!("{} is ugly", file.path)))
            .collect())
    }
}

#[tokio::test]
async fn what_the_checkers_say_counts_where_it_is_asked_for() {
    let script = [("", Some("x = 1\n")), ("Done.", None), ("Done.", None)];
    let lint = Validation { lint: true, ..Validation::default() };
    assert!(last(&run(&script, lint, true).await).contains("skills/a.py is ugly (ruff)"));
    let other = Validation { required_docstring: true, ..Validation::default() };
    assert_eq!(last(&run(&script, other, true).await), "Done.");
}
