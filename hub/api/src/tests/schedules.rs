//! Schedules over the API.

use agentos_domain::{Clock as _, SystemClock, Timestamp};
use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{ADMIN, Answer, Fixture, OTHER, READER, request};

fn daily(name: &str) -> Value {
    json!({ "name": name, "cron": "0 6 * * *", "timezone": "Europe/Berlin",
        "task": { "input": "what is new?", "tier": "smart", "temperature": 0.3, "seed": 7,
            "priority": "low", "tool_choice": "file_list" } })
}

async fn add(hub: &Fixture, body: Value) -> Value {
    let answer = hub.post("/api/schedules", ADMIN, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let made = answer.json();
    let id = made["schedule_id"].as_str().unwrap();
    assert_eq!(answer.header("location"), Some(format!("/api/schedules/{id}").as_str()));
    made
}

async fn refused(hub: &Fixture, change: impl FnOnce(&mut Value)) -> String {
    let mut body = daily("wrong");
    change(&mut body);
    hub.post("/api/schedules", ADMIN, body).await.problem(422, "INVALID_REQUEST")
}

fn path(schedule: &Value, rest: &str) -> String {
    format!("/api/schedules/{}{rest}", schedule["schedule_id"].as_str().unwrap())
}

async fn post(hub: &Fixture, schedule: &Value, verb: &str) -> Answer {
    hub.send(request(Method::POST, &path(schedule, verb), ADMIN, Body::empty())).await
}

#[tokio::test]
async fn a_schedule_is_made_shown_paused_resumed_and_removed() {
    let hub = Fixture::new().await;
    let made = add(&hub, daily("report")).await;
    assert_eq!((&made["cron"], &made["timezone"]), (&json!("0 6 * * *"), &json!("Europe/Berlin")));
    assert_eq!((&made["enabled"], &made["created_by"]), (&json!(true), &json!("admin")));
    assert_eq!(made["task"]["tier"], "smart");
    assert_eq!(made["task"]["temperature"], json!(0.3));
    assert!(made.get("at").is_none());
    let next: Timestamp = made["next_slot"].as_str().unwrap().parse().unwrap();
    assert!(next > SystemClock.now());
    assert_eq!(hub.get(&path(&made, ""), READER).await.json(), made);

    let paused = post(&hub, &made, "/pause").await.json();
    assert_eq!((&paused["enabled"], &paused["next_slot"]), (&json!(false), &Value::Null));
    assert_eq!(post(&hub, &made, "/resume").await.json(), made);
    let removal = request(Method::DELETE, &path(&made, ""), ADMIN, Body::empty());
    assert_eq!(hub.send(removal).await.status, StatusCode::NO_CONTENT);
    hub.get(&path(&made, ""), ADMIN).await.problem(404, "NOT_FOUND");
    hub.get("/api/schedules/report", ADMIN).await.problem(404, "NOT_FOUND");
    // Its name is free.
    add(&hub, daily("report")).await;
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_a_way_out() {
    let hub = Fixture::new().await;
    let cron = refused(&hub, |body| body["cron"] = json!("61 * * * *")).await;
    assert!(cron.starts_with("cron: ") && cron.contains("five fields"), "{cron}");
    let never = refused(&hub, |body| body["cron"] = json!("0 0 30 2 *")).await;
    assert!(never.contains("never happens"), "{never}");
    let zone = refused(&hub, |body| body["timezone"] = json!("Europe/Berlln")).await;
    assert!(zone.starts_with("timezone: ") && zone.contains("Europe/Berlin"), "{zone}");
    let both = refused(&hub, |body| body["at"] = json!("2100-01-01T00:00:00Z")).await;
    assert!(both.contains("either"), "{both}");
    let neither = refused(&hub, |body| drop(body.as_object_mut().unwrap().remove("cron"))).await;
    assert!(neither.contains("either"), "{neither}");
    let past = refused(&hub, |body| {
        body.as_object_mut().unwrap().remove("cron");
        body["at"] = json!("2020-01-01T00:00");
    });
    assert!(past.await.contains("is over"));
    let agent = refused(&hub, |body| body["task"]["agent"] = json!("Nobody")).await;
    assert!(agent.contains("FileOpsAgent"), "{agent}");
    let tool = refused(&hub, |body| body["task"]["tool_choice"] = json!("rm")).await;
    assert!(tool.contains("file_list"), "{tool}");
    for (field, value) in
        [("input", json!("")), ("max_tokens", json!(0)), ("temperature", json!(3))]
    {
        let detail = refused(&hub, |body| body["task"][field] = value).await;
        assert!(detail.starts_with(&format!("{field}: ")), "{detail}");
    }
    refused(&hub, |body| body["name"] = json!("a b")).await;
    refused(&hub, |body| body["task"]["wait"] = json!(3)).await;
    add(&hub, daily("report")).await;
    let same = hub.post("/api/schedules", ADMIN, daily("report")).await.problem(409, "CONFLICT");
    assert!(same.contains("`report`"), "{same}");
    // The name is free elsewhere.
    let other = hub.post("/api/schedules", OTHER, daily("report")).await;
    assert_eq!(other.status, StatusCode::CREATED);
    hub.post("/api/schedules", READER, daily("x")).await.problem(403, "INSUFFICIENT_SCOPE");
}

#[tokio::test]
async fn schedules_come_in_pages() {
    let hub = Fixture::new().await;
    for name in ["a", "b", "c"] {
        add(&hub, daily(name)).await;
    }
    let first = hub.get("/api/schedules?limit=2", READER).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = hub.get(&format!("/api/schedules?cursor={cursor}"), READER).await.json();
    let names = |page: &Value| {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((names(&first), names(&second)), (vec!["c".into(), "b".into()], vec!["a".into()]));
    assert_eq!(second["next_cursor"], Value::Null);
    for wrong in ["limit=0", "limit=x", "cursor=x", "page=1"] {
        hub.get(&format!("/api/schedules?{wrong}"), READER).await.problem(400, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn slots_tell_what_became_of_them() {
    let hub = Fixture::new().await;
    let now = SystemClock.now().to_string();
    let once = json!({ "name": "once", "at": now, "task": { "input": "now" } });
    let made = add(&hub, once).await;
    assert_eq!((&made["at"], &made["next_slot"]), (&json!(now), &json!(now)));
    hub.engine.keep_schedules().await.unwrap();
    let page = hub.get(&path(&made, "/slots"), READER).await.json();
    assert_eq!(page["next_cursor"], Value::Null);
    let slot = &page["items"][0];
    assert_eq!((&slot["slot_at"], &slot["status"]), (&json!(now), &json!("run")));
    let task = format!("/api/tasks/{}", slot["task_id"].as_str().unwrap());
    assert_eq!(hub.get(&task, READER).await.json()["user_input"], "now");
    // All its times are over: it can be paused, and cannot go on.
    post(&hub, &made, "/pause").await.json();
    let detail = post(&hub, &made, "/resume").await.problem(422, "INVALID_REQUEST");
    assert!(detail.contains("is over"), "{detail}");
    let earlier = path(&made, &format!("/slots?cursor={now}"));
    assert_eq!(hub.get(&earlier, READER).await.json()["items"], json!([]));
    hub.get(&path(&made, "/slots?cursor=x"), READER).await.problem(400, "BAD_REQUEST");
    hub.get(&path(&made, "/slots"), OTHER).await.problem(404, "NOT_FOUND");
}
