//! Plugins that are declared in YAML alone: the kernel knows nothing of billing.

use std::path::Path;

use agentos_config::Workflow;
use agentos_kernel::{Secrets, declared_plugins};
use agentos_store::RunStatus;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::{Setup, World, http, quiet, secret};

async fn world(yaml: &str) -> World {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("workflow.yaml");
    std::fs::write(&path, yaml).unwrap();
    let workflow = Workflow::read(Path::new(&path)).unwrap();
    let plugins = declared_plugins(&workflow, &http());
    let secrets = Secrets::default().with("the_token", secret("canary-token"));
    World::with(Setup { plugins, secrets, ..Setup::default() }).await
}

#[tokio::test]
async fn a_program_is_a_plugin() {
    let world = world(concat!(
        "plugins:\n",
        "  answers:\n",
        "    type: command\n",
        "    command: [sh, -c, 'printf %s \"{\\\"status\\\":\\\"partial\\\",\\\"error\\\":\\\"half\\\",\\\"data\\\":$(cat)}\"']\n",
        "  talks:\n",
        "    type: command\n",
        "    command: [echo, plain text]\n",
        "  tells:\n",
        "    type: command\n",
        "    command: [sh, -c, 'echo \"got $THE_TOKEN\"; echo \"bad $THE_TOKEN\" >&2; exit 3']\n",
        "    secrets: [the_token]\n",
        "  sleeps:\n",
        "    type: command\n",
        "    command: [sleep, '600']\n",
        "    timeout: 1\n",
        "  missing:\n",
        "    type: command\n",
        "    command: [/no/such/program]\n",
        "  confused:\n",
        "    type: command\n",
        "    command: [echo, '{\"status\":\"fine\"}']\n",
        "  silent:\n",
        "    type: command\n",
        "    command: [printenv, THE_TOKEN]\n",
    ))
    .await;
    let run = async |name: &str| {
        world.kernel.run(name, json!({ "city": "Lisbon" }), quiet()).await.unwrap()
    };
    let answers = run("answers").await;
    assert_eq!((answers.status, answers.error.as_deref()), (RunStatus::Partial, Some("half")));
    assert_eq!(answers.data["params"]["city"], "Lisbon");
    assert_eq!(answers.data["run_id"], answers.run_id.to_string());
    let talks = run("talks").await;
    assert_eq!((talks.status, talks.data), (RunStatus::Success, "plain text".into()));
    let tells = run("tells").await;
    assert_eq!(tells.status, RunStatus::Failed);
    // It had the secret; nobody else has.
    assert_eq!(tells.data, Value::from("got [redacted]"));
    assert!(tells.error.unwrap().contains("exit status: 3: bad [redacted]"));
    assert!(run("sleeps").await.error.unwrap().contains("did not end within 1s"));
    assert!(run("missing").await.error.unwrap().contains("cannot be started"));
    assert!(run("confused").await.error.unwrap().contains("expected status"));
    assert_eq!(run("silent").await.status, RunStatus::Failed, "no secret that is not declared");
    let rows = world.runs().await;
    assert_eq!(rows.len(), 7, "each run has a row");
    assert!(!format!("{rows:?}").contains("canary"));
}

/// Answers one request with `reply` and tells what it was.
async fn service(reply: &'static str) -> (String, JoinSet<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"}}") && !bytes.ends_with(b"null}") {
            let mut more = [0; 1024];
            let read = stream.read(&mut more).await.unwrap();
            assert!(read > 0);
            bytes.extend_from_slice(&more[..read]);
        }
        stream.write_all(reply.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        String::from_utf8(bytes).unwrap()
    });
    (url, tasks)
}

#[tokio::test]
async fn a_service_is_a_plugin() {
    for (reply, status, part) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 39\r\n\r\n{\"status\":\"success\",\"data\":{\"x\":0.10}}\n",
            RunStatus::Success,
            "",
        ),
        ("HTTP/1.1 500 X\r\ncontent-length: 2\r\n\r\n{}", RunStatus::Failed, "it answers 500"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n<", RunStatus::Failed, "no JSON"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", RunStatus::Failed, "cannot be asked"),
    ] {
        let (url, mut asked) = service(reply).await;
        let yaml =
            format!("plugins:\n  quotes:\n    type: http\n    url: {url}\n    bearer: the_token\n");
        let world = world(&yaml).await;
        let report = world.kernel.run("quotes", json!({ "a": 1 }), quiet()).await.unwrap();
        assert_eq!(report.status, status, "{report:?}");
        assert!(report.error.unwrap_or_default().contains(part));
        let asked = asked.join_next().await.unwrap().unwrap();
        assert!(asked.starts_with("POST /hook ") && asked.contains("Bearer canary-token"));
        assert!(asked.ends_with("\"params\":{\"a\":1}}"), "{asked}");
    }
    let yaml = "plugins:\n  q:\n    type: http\n    url: http://127.0.0.1:9/\n    bearer: other\n";
    let report = world(yaml).await.kernel.run("q", Value::Null, quiet()).await.unwrap();
    assert!(report.error.unwrap().contains("there is no secret `other`"));
}
