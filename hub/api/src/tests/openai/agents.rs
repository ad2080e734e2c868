//! Agents as models.

use std::time::Duration;

use agentos_domain::Task;
use axum::http::Method;
use serde_json::{Value, json};

use super::{ADMIN, Answer, Gateway, READER, Setup, asking, config};
use crate::ApiConfig;

async fn agent(gateway: &Gateway) -> String {
    let list = gateway.hub.get("/v1/models", READER).await.json();
    let agents = list["data"].as_array().unwrap().iter().filter(|one| one["owned_by"] == "agent");
    let mut names = agents.map(|one| one["id"].as_str().unwrap().to_owned());
    names.find(|name| name.starts_with("agent/")).expect("no agent is listed")
}

/// Ends the task that a request makes, once it is there.
async fn work(gateway: &Gateway, output: &str) -> Task {
    loop {
        if let Ok(task) = gateway.hub.engine.complete_next(|_| output.to_owned()).await {
            return task;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn answered(gateway: &Gateway, path: &str, body: Value, output: &str) -> (Answer, Task) {
    tokio::join!(gateway.post(path, body), work(gateway, output))
}

#[tokio::test]
async fn an_agent_answers_as_a_model_does() {
    let gateway = Gateway::new().await;
    let agent = agent(&gateway).await;
    let body = asking(json!({ "model": agent, "messages": [
        { "role": "system", "content": "Be brief." },
        { "role": "user", "content": "One?" },
        { "role": "assistant", "content": "1" },
        { "role": "user", "content": "And two?" },
    ] }));
    let path = "/v1/chat/completions";
    let (answer, task) = answered(&gateway, path, body, "2").await;
    assert!(task.user_input.contains("system: Be brief."), "{}", task.user_input);
    assert!(task.user_input.contains("assistant: 1") && task.user_input.ends_with("And two?"));
    let body = answer.json();
    assert_eq!(body["object"], "chat.completion", "{body}");
    assert_eq!(body["model"], agent);
    assert_eq!(body["choices"][0]["message"]["content"], "2");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(body["usage"]["total_tokens"], 5);

    let streamed = asking(json!({ "model": agent, "stream": true }));
    let (answer, _) = answered(&gateway, path, streamed, "streamed").await;
    let events = answer.events();
    assert_eq!(events.last().unwrap(), "[DONE]");
    let chunks: Vec<Value> =
        events[..events.len() - 1].iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(chunks[1]["choices"][0]["delta"]["content"], "streamed");
    assert_eq!(chunks[2]["choices"][0]["finish_reason"], "stop");
    assert_eq!(gateway.mock.count(), 0);
}

#[tokio::test]
async fn an_agent_answers_as_a_response_too() {
    let gateway = Gateway::new().await;
    let agent = agent(&gateway).await;
    let body = json!({ "model": agent, "instructions": "Be brief.", "input": "One?" });
    let (answer, task) = answered(&gateway, "/v1/responses", body.clone(), "1").await;
    assert!(task.user_input.contains("system: Be brief."), "{}", task.user_input);
    let response = answer.json();
    assert_eq!(response["status"], "completed", "{response}");
    assert_eq!(response["output"][0]["content"][0]["text"], "1");
    let mut streamed = body;
    streamed["stream"] = true.into();
    let (answer, _) = answered(&gateway, "/v1/responses", streamed, "one").await;
    let last: Value = serde_json::from_str(answer.events().last().unwrap()).unwrap();
    assert_eq!(last["type"], "response.completed");
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], "one");
}

#[tokio::test]
async fn what_an_agent_cannot_do_is_refused() {
    let gateway = Gateway::new().await;
    let agent = agent(&gateway).await;
    let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
    let form = json!({ "type": "json_object" });
    let nothing = json!([{ "role": "assistant", "content": "x" }]);
    for (member, value) in [("tools", tools), ("response_format", form), ("messages", nothing)] {
        let answer = gateway.chat(json!({ "model": agent, member: value })).await;
        let error = answer.error(400, "invalid_request_error", "invalid_value");
        assert_eq!(error["param"], member);
    }
    let long = json!([{ "role": "user", "content": "x".repeat(100_001) }]);
    let wrong = [("n", json!(2)), ("max_tokens", json!(0)), ("temperature", json!(2.5))];
    for (member, value) in wrong.into_iter().chain([("max_tokens", json!(32_769))]) {
        let answer = gateway.chat(json!({ "model": agent, member: value })).await;
        let error = answer.error(400, "invalid_request_error", "invalid_request");
        assert!(error["message"].as_str().unwrap().contains(member), "{error}");
    }
    let answer = gateway.chat(json!({ "model": agent, "messages": long })).await;
    answer.error(400, "invalid_request_error", "invalid_request");
    let answer = gateway.chat(json!({ "model": "agent/nobody" })).await;
    assert!(answer.status.is_client_error(), "{}", answer.text());
    assert!(answer.json()["error"]["message"].is_string());
    let lacking = asking(json!({ "model": agent }));
    let lacking = gateway.hub.post("/v1/chat/completions", READER, lacking).await;
    lacking.error(403, "permission_error", "insufficient_permissions");
    let tasks = gateway.hub.get("/api/tasks", ADMIN).await.json();
    assert_eq!(tasks["items"], json!([]));
}

#[tokio::test]
async fn a_task_that_takes_too_long_goes_on_without_its_client() {
    let wait_limit = Duration::from_millis(50);
    let config = ApiConfig { wait_limit, ..config() };
    let gateway = Gateway::with(Setup { config, ..Setup::default() }).await;
    let agent = agent(&gateway).await;
    let answer = gateway.chat(json!({ "model": agent })).await;
    let error = answer.error(503, "server_error", "server_error");
    let message = error["message"].as_str().unwrap();
    let id = message.split_whitespace().next().unwrap();
    let path = format!("/api/tasks/{id}");
    let task = super::super::request(Method::GET, &path, READER, axum::body::Body::empty());
    assert_eq!(gateway.hub.send(task).await.status, 200, "{message}");
}
