//! Two workspaces, what each of them must find, and what it must never see.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use agentos_domain::{BlobHash, TaskId, WorkspaceId};
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::super::{Answer, Fixture};
use super::{Op, Verb, Whose};

mod keys;
mod schedules;

const WORKSPACES: [&str; 2] = ["first-tenant", "second-tenant"];
/// A part of everything that a side sends, but for what both send alike.
const CANARIES: [&str; 2] = ["canary7f3a", "canaryc91e"];
/// As long as a canary.
const NOBODY: &str = "nobody0000";
const SESSION: &str = "ses_0192f5e0a0007000800000000000abcd";
const DEADLINE: Duration = Duration::from_secs(30);
/// What a path in an address keeps as it is.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

struct KnownTask {
    id: String,
    input: String,
    status: &'static str,
}

/// A workspace and what must be in it.
struct Side {
    key: String,
    canary: &'static str,
    workspace: &'static str,
    /// Oldest first.
    tasks: Vec<KnownTask>,
    /// By idempotency key: the body that was sent, and the task.
    submitted: BTreeMap<usize, (String, String)>,
    files: BTreeMap<String, String>,
    /// Ids of keys, with whether they are revoked. The first is the one in use.
    keys: Vec<(String, bool)>,
    /// Providers of which it has a key.
    providers: BTreeSet<String>,
    /// Newest last: id, name and whether it is enabled.
    schedules: Vec<(String, String, bool)>,
    /// Streams of events that go on, with their task.
    streams: Vec<(String, Body)>,
}

fn file_name(canary: &str, number: usize) -> String {
    match number {
        0 => "same name.txt".to_owned(),
        1 => format!("{canary}.txt"),
        _ => format!("{canary}/of {canary}.md"),
    }
}

fn provider_name(canary: &str, number: usize) -> String {
    if number == 0 { "openai".to_owned() } else { canary.to_owned() }
}

fn text(canary: &str, number: usize) -> String {
    if number == 0 { "the same on both sides".to_owned() } else { format!("words of {canary}") }
}

impl Side {
    /// What the other side must never be sent.
    fn secrets(&self) -> Vec<String> {
        let mut secrets = vec![self.canary.to_owned(), self.workspace.to_owned()];
        secrets.push(self.key.clone());
        secrets.push(BlobHash::of(text(self.canary, 1).as_bytes()).to_string());
        secrets.extend(self.tasks.iter().map(|task| task.id.clone()));
        secrets.extend(self.schedules.iter().map(|(id, ..)| id.clone()));
        secrets.extend(self.keys.iter().map(|(id, _)| id.clone()));
        secrets
    }
}

/// Asserts that nothing of `other` is in an answer, apart from `said`: names
/// that the request itself held.
#[track_caller]
fn blind(other: &Side, said: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) {
    let mut seen = format!("{status} {:?}\n", status.canonical_reason());
    for (name, value) in headers {
        seen.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    }
    seen.push_str(&String::from_utf8_lossy(body));
    if !said.is_empty() {
        seen = seen.replace(said, "").replace(&encoded(said), "");
    }
    for secret in other.secrets() {
        assert!(!seen.contains(&secret), "sees the other's `{secret}`: {seen}");
    }
}

fn encoded(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

/// What the client can tell of an answer about a thing `name`, but for what
/// is new in each answer.
fn told(answer: &Answer, name: &str) -> String {
    let mut document = answer.json();
    document["request_id"] = Value::Null;
    let headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "x-request-id" && !name.as_str().starts_with("ratelimit"))
        .collect();
    let text = format!("{} {headers:?} {document}", answer.status);
    text.replace(name, "NAME").replace(&encoded(name), "NAME")
}

/// The hub and its two workspaces.
pub(super) struct Pair {
    hub: Fixture,
    sides: [Side; 2],
    /// Tasks that wait, oldest first, with their side.
    waiting: Vec<(usize, String)>,
}

impl Pair {
    pub(super) async fn new() -> Self {
        let hub = Fixture::new().await;
        let mut sides = Vec::new();
        for (workspace, canary) in WORKSPACES.into_iter().zip(CANARIES) {
            let id: WorkspaceId = workspace.parse().unwrap();
            let key = format!("key-of-{workspace}");
            let made = hub.engine.add_key(&key, canary, &id, &["admin"], None).await.unwrap();
            sides.push(Side {
                key,
                canary,
                workspace,
                tasks: vec![],
                submitted: BTreeMap::new(),
                files: BTreeMap::new(),
                keys: vec![(made.key_id.to_string(), false)],
                providers: BTreeSet::new(),
                schedules: vec![],
                streams: vec![],
            });
        }
        let Ok(sides) = <[Side; 2]>::try_from(sides) else { unreachable!("there are two") };
        Self { hub, sides, waiting: vec![] }
    }

    /// From now on the second side is let in as the first.
    pub(super) fn confuse(&mut self) {
        self.sides[1].key = self.sides[0].key.clone();
    }

    fn request(&self, side: usize, method: Method, path: &str) -> axum::http::request::Builder {
        let key = format!("Bearer {}", self.sides[side].key);
        Request::builder().method(method).uri(path).header("authorization", key)
    }

    /// Sends a request of `side` that names `said`, and looks for anything of
    /// the other side in the answer.
    async fn send(&self, side: usize, request: Request<Body>, said: &str) -> Answer {
        // A stream that should not be there would not end.
        let answer = tokio::time::timeout(DEADLINE, self.hub.send(request)).await.unwrap();
        blind(&self.sides[1 - side], said, answer.status, &answer.headers, &answer.body);
        answer
    }

    async fn get(&self, side: usize, path: &str) -> Answer {
        let request = self.request(side, Method::GET, path).body(Body::empty()).unwrap();
        self.send(side, request, "").await
    }

    /// Asserts that a thing of the other side is as if it had never been: the
    /// answers about it and about `nothing`, which never was, are the same.
    async fn hidden(&self, side: usize, method: &Method, parts: [&str; 2], names: [&str; 2]) {
        let mut answers = Vec::new();
        for name in names {
            let path = format!("{}{}{}", parts[0], encoded(name), parts[1]);
            let request = self.request(side, method.clone(), &path).body(Body::empty()).unwrap();
            let answer = self.send(side, request, name).await;
            answer.problem(404, "NOT_FOUND");
            answers.push(told(&answer, name));
        }
        assert_eq!(answers[0], answers[1]);
    }

    pub(super) async fn perform(&mut self, side: usize, op: Op) {
        match op {
            Op::Submit { idempotency_key, text } => self.submit(side, idempotency_key, text).await,
            Op::ListTasks(None) => self.list_tasks(side).await,
            Op::ListTasks(Some((whose, at))) => self.list_after(side, whose, at).await,
            Op::Task(verb, whose, at) => {
                let of = self.of(side, whose);
                if !self.sides[of].tasks.is_empty() {
                    self.task(side, of, verb, at % self.sides[of].tasks.len()).await;
                }
            }
            Op::Finish => self.finish().await,
            Op::PutFile { name, text } => self.put_file(side, name, text).await,
            Op::GetFile(whose, name, tagged) => self.get_file(side, whose, name, tagged).await,
            Op::DeleteFile(whose, name) => self.delete_file(side, whose, name).await,
            Op::ListFiles => self.list_files(side).await,
            Op::MakeKey => self.make_key(side).await,
            Op::ListKeys => self.list_keys(side).await,
            Op::RevokeKey(whose, at) => self.revoke_key(side, whose, at).await,
            Op::SetProviderKey(name) => self.set_provider_key(side, name).await,
            Op::ListProviderKeys => self.list_provider_keys(side).await,
            Op::RemoveProviderKey(of, name) => self.remove_provider_key(side, of, name).await,
            Op::AddSchedule(name) => self.add_schedule(side, name).await,
            Op::ListSchedules => self.list_schedules(side).await,
            Op::Schedule(verb, whose, at) => self.schedule(side, verb, whose, at).await,
            Op::Elsewhere(number) => self.elsewhere(side, number).await,
        }
    }

    fn of(&self, side: usize, whose: Whose) -> usize {
        if whose == Whose::Mine { side } else { 1 - side }
    }

    async fn submit(&mut self, side: usize, key: Option<usize>, number: usize) {
        let input = text(self.sides[side].canary, number);
        let body = json!({ "input": input, "wait": false, "session": SESSION }).to_string();
        let mut request = self.request(side, Method::POST, "/api/tasks");
        if let Some(key) = key {
            request = request.header("idempotency-key", format!("order {key}"));
        }
        let answer = self.send(side, request.body(Body::from(body.clone())).unwrap(), "").await;
        let earlier = key.and_then(|key| self.sides[side].submitted.get(&key));
        if let Some((sent, id)) = earlier {
            if *sent != body {
                answer.problem(422, "IDEMPOTENCY_MISMATCH");
                return;
            }
            assert_eq!(answer.header("idempotency-replayed"), Some("true"));
            assert_eq!(answer.json()["task_id"], **id);
            return;
        }
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
        assert_eq!(answer.header("idempotency-replayed"), None);
        let made = answer.json();
        assert_eq!(made["user_input"], input);
        assert_eq!(made["workspace_id"], WORKSPACES[side]);
        let id = made["task_id"].as_str().unwrap().to_owned();
        self.waiting.push((side, id.clone()));
        let own = &mut self.sides[side];
        if let Some(key) = key {
            own.submitted.insert(key, (body, id.clone()));
        }
        own.tasks.push(KnownTask { id, input, status: "pending" });
    }

    fn newest_first(&self, side: usize) -> Vec<&str> {
        self.sides[side].tasks.iter().rev().map(|task| task.id.as_str()).collect()
    }

    async fn list_tasks(&self, side: usize) {
        let page = self.get(side, "/api/tasks?limit=100").await.json();
        let items = page["items"].as_array().unwrap();
        let ids: Vec<_> = items.iter().map(|item| item["task_id"].as_str().unwrap()).collect();
        assert_eq!(ids, self.newest_first(side));
        for (item, task) in items.iter().zip(self.sides[side].tasks.iter().rev()) {
            assert_eq!(
                (&item["status"], &item["user_input"]),
                (&json!(task.status), &json!(task.input))
            );
        }
    }

    async fn list_after(&self, side: usize, whose: Whose, at: usize) {
        let of = self.of(side, whose);
        let newest_first = self.newest_first(of);
        if newest_first.is_empty() {
            return;
        }
        let at = at % newest_first.len();
        let path = |id: &str| format!("/api/tasks?cursor={id}");
        let answer = self.get(side, &path(newest_first[at])).await;
        if of == side {
            let page = answer.json();
            let items = page["items"].as_array().unwrap().iter();
            let ids: Vec<_> = items.map(|item| item["task_id"].as_str().unwrap()).collect();
            assert_eq!(ids, newest_first[at + 1..].iter().copied().take(20).collect::<Vec<_>>());
        } else {
            answer.problem(400, "BAD_REQUEST");
            let unknown = TaskId::generate().to_string();
            let none = self.get(side, &path(&unknown)).await;
            assert_eq!(told(&answer, newest_first[at]), told(&none, &unknown));
        }
    }

    async fn task(&mut self, side: usize, of: usize, verb: Verb, at: usize) {
        let (method, rest) = match verb {
            Verb::Show => (Method::GET, ""),
            Verb::Cancel => (Method::POST, "/cancel"),
            Verb::Steps => (Method::GET, "/steps"),
            Verb::Events => (Method::GET, "/events"),
        };
        let task = &self.sides[of].tasks[at];
        let id = task.id.clone();
        if of != side {
            let names = [id.as_str(), &TaskId::generate().to_string()];
            self.hidden(side, &method, ["/api/tasks/", rest], names).await;
            return;
        }
        let path = format!("/api/tasks/{id}{rest}");
        if matches!(verb, Verb::Events) && task.status == "pending" {
            self.follow(side, id, &path).await;
            return;
        }
        let request = self.request(side, method, &path);
        let body = match verb {
            Verb::Cancel => json!({ "reason": text(CANARIES[side], 1) }).to_string(),
            _ => String::new(),
        };
        let answer = self.send(side, request.body(Body::from(body)).unwrap(), "").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        if matches!(verb, Verb::Cancel) {
            self.waiting.retain(|(_, waiting)| *waiting != id);
            let task = &mut self.sides[side].tasks[at];
            task.status = if task.status == "pending" { "cancelled" } else { task.status };
        }
        let task = &self.sides[side].tasks[at];
        match verb {
            Verb::Show | Verb::Cancel => assert_eq!(answer.json()["status"], task.status),
            Verb::Steps => {
                assert_eq!(answer.json()["items"] == json!([]), task.status == "pending")
            }
            Verb::Events => assert!(answer.text().contains(&id)),
        }
    }

    /// Begins to watch a task that waits; [`Pair::end`] reads what comes.
    async fn follow(&mut self, side: usize, id: String, path: &str) {
        let request = self.request(side, Method::GET, path).body(Body::empty()).unwrap();
        let response = self.hub.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        assert_eq!(parts.status, StatusCode::OK);
        blind(&self.sides[1 - side], "", parts.status, &parts.headers, b"");
        self.sides[side].streams.push((id, body));
    }

    async fn finish(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let waiting = &self.waiting;
        let place = |task: &agentos_domain::Task| {
            let id = task.task_id.to_string();
            waiting.iter().position(|(_, waits)| *waits == id).unwrap()
        };
        let output = |task: &agentos_domain::Task| text(CANARIES[waiting[place(task)].0], 1);
        let done = self.hub.engine.complete_next(output).await.unwrap();
        let place = place(&done);
        let (side, id) = self.waiting.remove(place);
        let task = self.sides[side].tasks.iter_mut().find(|task| task.id == id).unwrap();
        task.status = "completed";
    }

    async fn put_file(&mut self, side: usize, name: usize, number: usize) {
        let canary = CANARIES[side];
        let (name, content) = (file_name(canary, name), text(canary, number));
        let path = format!("/api/files/{}", encoded(&name));
        let request = self.request(side, Method::PUT, &path);
        let answer = self.send(side, request.body(Body::from(content.clone())).unwrap(), "").await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        self.sides[side].files.insert(name, content);
    }

    async fn get_file(&self, side: usize, whose: Whose, number: usize, tagged: bool) {
        let name = file_name(CANARIES[self.of(side, whose)], number);
        let Some(content) = self.sides[side].files.get(&name) else {
            self.no_file(side, &Method::GET, &name).await;
            return;
        };
        let mut request =
            self.request(side, Method::GET, &format!("/api/files/{}", encoded(&name)));
        if tagged {
            let theirs = BlobHash::of(text(CANARIES[1 - side], 1).as_bytes());
            request = request.header("if-none-match", format!("\"{theirs}\""));
        }
        let answer = self.send(side, request.body(Body::empty()).unwrap(), "").await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, content.as_str()));
    }

    async fn no_file(&self, side: usize, method: &Method, name: &str) {
        let mut never = name.replace("same name", "none such");
        for canary in CANARIES {
            never = never.replace(canary, NOBODY);
        }
        self.hidden(side, method, ["/api/files/", ""], [name, &never]).await;
    }

    async fn delete_file(&mut self, side: usize, whose: Whose, number: usize) {
        let name = file_name(CANARIES[self.of(side, whose)], number);
        if self.sides[side].files.remove(&name).is_none() {
            self.no_file(side, &Method::DELETE, &name).await;
            return;
        }
        let path = format!("/api/files/{}", encoded(&name));
        let request = self.request(side, Method::DELETE, &path).body(Body::empty()).unwrap();
        assert_eq!(self.send(side, request, "").await.status, StatusCode::NO_CONTENT);
    }

    async fn list_files(&self, side: usize) {
        let page = self.get(side, "/api/files").await.json();
        let items = page["items"].as_array().unwrap().iter();
        let entry = |item: &Value| {
            let of = |name: &str| item[name].as_str().unwrap().to_owned();
            (of("path"), of("hash"))
        };
        let expected = self.sides[side].files.iter();
        let hashed = |text: &String| BlobHash::of(text.as_bytes()).to_string();
        let expected: BTreeSet<_> =
            expected.map(|(name, text)| (name.clone(), hashed(text))).collect();
        assert_eq!(items.map(entry).collect::<BTreeSet<_>>(), expected);
    }

    async fn elsewhere(&self, side: usize, number: usize) {
        let paths = [
            "/health",
            "/ready",
            "/metrics",
            "/openapi.json",
            "/api/edges",
            "/api/nothing",
            "/api/tasks?limit=none",
            "/api/tasks/cancel",
        ];
        let answer = self.get(side, paths[number]).await;
        if paths[number] == "/health" {
            let expected = json!({ "user_id": CANARIES[side], "workspace_id": WORKSPACES[side] });
            assert_eq!(answer.json()["tenant_context"], expected);
        }
    }

    /// Each side finds what it left, and its streams of events held nothing of
    /// the other's.
    pub(super) async fn end(mut self) {
        for side in 0..2 {
            self.list_tasks(side).await;
            self.list_files(side).await;
            self.list_keys(side).await;
            self.list_provider_keys(side).await;
            self.list_schedules(side).await;
            for number in 0..3 {
                self.get_file(side, Whose::Mine, number, false).await;
            }
            for at in 0..self.sides[side].tasks.len() {
                self.task(side, side, Verb::Cancel, at).await;
            }
        }
        for side in 0..2 {
            for (id, body) in std::mem::take(&mut self.sides[side].streams) {
                let whole = tokio::time::timeout(DEADLINE, body.collect()).await.unwrap();
                let bytes = whole.unwrap().to_bytes();
                blind(&self.sides[1 - side], "", StatusCode::OK, &HeaderMap::new(), &bytes);
                let text = std::str::from_utf8(&bytes).unwrap();
                assert!(text.contains(&id) && text.contains("event: step"), "{text}");
            }
        }
    }
}
