//! A stub of the hub that answers by a script, and the `agentos` binary.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use serde_json::{Value, json};

pub(crate) const TASK: &str = "task_0192f5e0a0007000800000000000abcd";

/// A request as the stub got it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What the stub does with the next request.
pub(crate) enum Reply {
    /// Answers.
    Json(u16, Value),
    /// Answers with bytes.
    Bytes(Vec<u8>),
    /// Sends events, then closes the connection.
    Events(Vec<String>),
    /// Sends events, then waits until the client has gone.
    Hold(Vec<String>),
    /// Closes the connection without an answer.
    Drop,
}

pub(crate) struct Stub {
    pub(crate) url: String,
    seen: Receiver<Seen>,
    thread: JoinHandle<()>,
}

impl Stub {
    /// Answers one request after another by `script`, then listens no more.
    pub(crate) fn new(script: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, seen) = sync_channel(100);
        let thread = std::thread::spawn(move || serve(&listener, script, &sender));
        Self { url, seen, thread }
    }

    /// All requests, once the script is at its end.
    pub(crate) fn seen(self) -> Vec<Seen> {
        self.thread.join().unwrap();
        self.seen.try_iter().collect()
    }
}

fn serve(listener: &TcpListener, script: Vec<Reply>, seen: &SyncSender<Seen>) {
    for reply in script {
        let (mut stream, _) = listener.accept().unwrap();
        seen.send(read(&mut stream)).unwrap();
        let head = |kind: &str| {
            format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n")
        };
        match reply {
            Reply::Drop => {}
            Reply::Json(status, body) => {
                let body = body.to_string();
                let head = format!(
                    "HTTP/1.1 {status} X\r\nx-request-id: r1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all((head + &body).as_bytes()).unwrap();
            }
            Reply::Bytes(body) => {
                stream.write_all(head("application/octet-stream").as_bytes()).unwrap();
                stream.write_all(&body).unwrap();
            }
            Reply::Events(events) => {
                stream
                    .write_all((head("text/event-stream") + &events.concat()).as_bytes())
                    .unwrap();
            }
            Reply::Hold(events) => {
                stream
                    .write_all((head("text/event-stream") + &events.concat()).as_bytes())
                    .unwrap();
                let mut rest = Vec::new();
                drop(stream.read_to_end(&mut rest));
            }
        }
    }
}

fn read(stream: &mut TcpStream) -> Seen {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    Seen { line: line.trim_end().to_owned(), headers, body }
}

/// `agentos ARGS` against `url`, without anything of this environment.
pub(crate) fn command(url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentos"));
    command.env_clear().env("COLUMNS", "60").env("AGENT_OS_URL", url);
    command.env("AGENT_OS_API_KEY", "k1").args(args);
    command
}

pub(crate) fn agentos(url: &str, args: &[&str]) -> Output {
    command(url, args).output().unwrap()
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn task(status: &str, output: Option<&str>) -> Value {
    let error = (status == "failed").then(|| json!({"code": "no_model", "message": "no model"}));
    json!({
        "task_id": TASK, "workspace_id": "default", "user_input": "What is\nin my files?",
        "status": status, "agent_type": "FileOpsAgent", "model_used": "demo", "output": output,
        "error": error, "input_tokens": 12, "output_tokens": 34, "execution_time_ms": 1500,
        "tool_calls": 1, "context_sources": [], "created_at": "2026-11-21T08:00:00.000Z",
        "started_at": null, "completed_at": null, "cost": 0, "idempotency_key": null,
        "session": null, "steps": 4, "tokens": {"input": 12, "output": 34},
    })
}

pub(crate) fn event(id: &str, kind: &str, data: &Value) -> String {
    format!("id: {id}\nevent: {kind}\ndata: {data}\n\n: ping\n\n")
}

pub(crate) fn token(id: &str, text: &str) -> String {
    event(id, "token", &json!({"text": text, "logprob": -0.5}))
}

pub(crate) fn step(id: &str, mut entry: Value) -> String {
    entry["task_id"] = json!(TASK);
    entry["seq"] = json!(1);
    entry["fence"] = json!(1);
    entry["recorded_at"] = json!("2026-11-21T08:00:00.000Z");
    event(id, "step", &entry)
}

pub(crate) fn reply(id: &str, text: &str) -> String {
    step(
        id,
        json!({
            "type": "model_reply", "model": "demo", "text": text, "tool_calls": [],
            "finish": "stop", "confidence": null, "duration_ms": 500,
            "usage": {"input_tokens": 12, "cached_tokens": 0, "output_tokens": 34},
        }),
    )
}

pub(crate) fn finished(id: &str, output: &str) -> String {
    step(id, json!({"type": "finished", "output": output, "truncated": false}))
}

pub(crate) fn status(id: &str, status: &str, output: Option<&str>) -> String {
    event(id, "status", &task(status, output))
}
