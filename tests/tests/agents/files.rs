//! FileOpsAgent on an edge, led by the model that the edge brings along.

use agentos_domain::{Task, TaskStatus};
use agentos_tests::harness::{Setup, System, check_whole};
use anyhow::{Result, ensure};
use serde_json::json;

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const EDGE: &str = env!("CARGO_BIN_EXE_edge-under-test");

/// What is asked, the tool that has to be used, and what the answer has to say.
const TASKS: [(&str, &str, &str); 6] = [
    ("What is the wifi password according to notes/plan.txt?", "file_read", "QX-4471"),
    ("Which files are in the folder notes?", "file_list", "plan.txt"),
    ("Which files mention marzipan?", "file_search", "recipes/cake.md"),
    ("How many files are in the folder notes?", "file_list", "2"),
    ("How many lines does recipes/cake.md have?", "metadata_extract", "3"),
    ("What is the largest file in notes?", "file_list", "notes/plan.txt"),
];

#[tokio::test(flavor = "multi_thread")]
async fn six_questions_about_files_are_answered_from_the_files() -> Result<()> {
    let system = System::start(Setup::new(HUB, EDGE)).await?;
    let plan = b"Project: garden shed\nWifi password: QX-4471\nOwner: Mara Lind\n";
    system.client.upload("notes/plan.txt", plan).await?;
    system.client.upload("notes/todo.txt", b"Call the plumber\n").await?;
    system.client.upload("recipes/cake.md", b"# Cake\nflour\nmarzipan\n").await?;
    for (input, tool, expected) in TASKS {
        let body = json!({ "input": input, "agent": "FileOpsAgent", "wait": false });
        let task: Task = system.client.submit(&body).await?;
        let task = system.client.finished(&task).await?;
        let steps = system.client.steps(&task).await?;
        check_whole(&steps)?;
        ensure!(task.status == TaskStatus::Completed, "{input}: {task:#?}");
        let said = task.output.unwrap_or_default();
        let mut words = said.split(|char: char| char.is_whitespace() || ",:;()`\"".contains(char));
        let says = words.any(|word| word.trim_end_matches('.') == expected);
        ensure!(says, "{input}: {said}");
        let journal = format!("{steps:?}");
        ensure!(journal.contains(tool), "{input}: it did not look");
    }
    system.passed();
    Ok(())
}
