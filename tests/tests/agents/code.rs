//! CodeAgent: what it writes is checked and run in the sandbox, and a person
//! confirms every step that has an effect.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::desk::{Desk, calls, says};
use crate::web::FakeWeb;

const AGENT: &str = "CodeAgent";
const ADD: &str = r#""""Adds."""


def add(first: int, second: int) -> int:
    """Return the sum of two numbers."""
    return first + second
"#;
const GREET: &str = r#"/**
 * Greets somebody.
 * @param {string} name whom
 * @returns {string} the greeting
 */
function greet(name) {
  return `Hello, ${name}!`;
}
"#;
const COUNT: &str = "#!/bin/bash\n# Counts lines.\nset -euo pipefail\nwc -l < notes.md\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_python_skill_is_written_checked_and_tried() -> Result<()> {
    let desk = Desk::new(json!({})).await?;
    let trial = "cd skills && python3 -c 'import add; print(add.add(20, 22))'";
    let done = desk
        .task(
            AGENT,
            "Write a skill that adds two numbers, and try it",
            [
                calls(&[("file_write", json!({ "path": "skills/add.py", "content": ADD }))]),
                calls(&[
                    ("skill_validator", json!({ "path": "skills/add.py" })),
                    ("bash_execution", json!({ "command": trial })),
                ]),
                says("I have written skills/add.py and run it: 20 + 22 is 42."),
            ],
        )
        .await?;
    assert_eq!(done.asked_for(), ["file_write", "bash_execution"], "reading is free");
    assert_eq!(desk.file("skills/add.py").await?, ADD);
    ensure!(done.shown.contains(r#"\"stdout\":\"42\\n\""#), "{}", done.shown);
    ensure!(!done.output().contains("did not pass"), "{}", done.output());
    desk.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_a_file_are_added_up_in_the_sandbox() -> Result<()> {
    let desk = Desk::new(json!({})).await?;
    desk.client.upload("bills.csv", b"month,eur\nmay,12.50\njune,30.25\n").await?;
    let command = "awk -F, 'NR>1 {sum+=$2} END {print sum}' bills.csv | tee outputs/sum.txt; \
        (cat /proc/1/environ; ls /root /home/*) > outputs/others.txt 2>&1; \
        (exec 3<>/dev/tcp/127.0.0.1/80) 2>outputs/net.txt || true";
    let done = desk
        .task(
            AGENT,
            "Add up bills.csv",
            [
                calls(&[("bash_execution", json!({ "command": command }))]),
                says("The sum is 42.75; I have written it to outputs/sum.txt."),
            ],
        )
        .await?;
    assert_eq!(done.asked_for(), ["bash_execution"]);
    assert_eq!(desk.file("outputs/sum.txt").await?.trim(), "42.75");
    let refused = desk.file("outputs/net.txt").await?;
    ensure!(refused.contains("Operation not permitted"), "a socket was opened: {refused}");
    let others = desk.file("outputs/others.txt").await?;
    ensure!(!others.contains("AGENT_OS") && others.contains("cannot"), "it saw others: {others}");
    desk.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_in_javascript_and_bash_are_written() -> Result<()> {
    let desk = Desk::new(json!({})).await?;
    desk.client.upload("notes.md", b"one\ntwo\nthree\n").await?;
    for (path, content, trial) in [
        ("skills/greet.js", GREET, "test -s skills/greet.js && echo fine"),
        ("skills/count.sh", COUNT, "bash skills/count.sh"),
    ] {
        let done = desk
            .task(
                AGENT,
                &format!("Write {path}"),
                [
                    calls(&[("file_write", json!({ "path": path, "content": content }))]),
                    calls(&[
                        ("skill_validator", json!({ "path": path })),
                        ("bash_execution", json!({ "command": trial })),
                    ]),
                    says(&format!("I have written {path} and tried it.")),
                ],
            )
            .await?;
        assert_eq!(desk.file(path).await?, content);
        ensure!(done.shown.contains(r#"\"exit_code\":0"#), "{}", done.shown);
        ensure!(!done.output().contains("did not pass"), "{}", done.output());
    }
    desk.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_is_refused_is_corrected() -> Result<()> {
    let desk = Desk::new(json!({})).await?;
    let bad = ADD.replace("return first + second", "return int(eval(f'{first}+{second}'))");
    let write = |content: &str| {
        calls(&[
            ("file_write", json!({ "path": "skills/add.py", "content": content })),
            ("skill_validator", json!({ "path": "skills/add.py" })),
        ])
    };
    let done = desk
        .task(
            AGENT,
            "Write a skill that adds two numbers",
            [write(&bad), write(ADD), says("I have written skills/add.py.")],
        )
        .await?;
    assert_eq!(done.asked_for(), ["file_write", "file_write"]);
    ensure!(done.shown.contains("eval"), "the model was not told why: {}", done.shown);
    assert_eq!(desk.file("skills/add.py").await?, ADD);
    desk.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_done_is_not_believed() -> Result<()> {
    let desk = Desk::new(json!({})).await?;
    let done = desk
        .task(
            AGENT,
            "Write a skill that adds two numbers",
            [
                says("I have written skills/add.py."),
                calls(&[("file_write", json!({ "path": "skills/add.py", "content": ADD }))]),
                says("I have written skills/add.py."),
            ],
        )
        .await?;
    ensure!(done.shown.contains("no call of this run did so"), "{}", done.shown);
    assert_eq!(done.output(), "I have written skills/add.py.");
    assert_eq!(desk.file("skills/add.py").await?, ADD);
    desk.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_looked_up_where_pip_would() -> Result<()> {
    let web = FakeWeb::start().await?;
    let desk = Desk::with_env(json!({}), "PIP_INDEX_URL", &web.url("/simple/")).await?;
    let search = json!({ "ecosystem": "pypi", "name": "lentil-soup" });
    let done = desk
        .task(
            AGENT,
            "Is there a package lentil-soup?",
            [calls(&[("package_search", search)]), says("Yes: lentil-soup 2.1.0 is the newest.")],
        )
        .await?;
    ensure!(done.shown.contains("2.1.0"), "{}", done.shown);
    desk.passed();
    Ok(())
}
