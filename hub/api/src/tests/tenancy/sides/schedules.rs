//! Schedules of both sides, of which some have the same name.

use agentos_domain::ScheduleId;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::json;

use super::{CANARIES, Pair, text};
use crate::tests::tenancy::{OfSchedule, Whose};

impl Pair {
    pub(super) async fn add_schedule(&mut self, side: usize, number: usize) {
        let canary = CANARIES[side];
        let name = if number == 0 { "same-name".to_owned() } else { format!("{canary}-{number}") };
        let body = json!({ "name": name, "cron": "0 6 29 2 *",
            "task": { "input": text(canary, number.min(1)) } });
        let request = self.request(side, Method::POST, "/api/schedules");
        let request = request.body(Body::from(body.to_string())).unwrap();
        let answer = self.send(side, request, "").await;
        if self.sides[side].schedules.iter().any(|(_, known, _)| *known == name) {
            answer.problem(409, "CONFLICT");
            return;
        }
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        let id = answer.json()["schedule_id"].as_str().unwrap().to_owned();
        self.sides[side].schedules.push((id, name, true));
    }

    pub(super) async fn list_schedules(&self, side: usize) {
        let page = self.get(side, "/api/schedules").await.json();
        let items = page["items"].as_array().unwrap().iter();
        let listed: Vec<_> = items
            .map(|item| {
                let word = |name: &str| item[name].as_str().unwrap().to_owned();
                (word("schedule_id"), word("name"), item["enabled"].as_bool().unwrap())
            })
            .collect();
        assert!(listed.iter().eq(self.sides[side].schedules.iter().rev()), "{listed:?}");
    }

    pub(super) async fn schedule(
        &mut self,
        side: usize,
        verb: OfSchedule,
        whose: Whose,
        at: usize,
    ) {
        let of = self.of(side, whose);
        if self.sides[of].schedules.is_empty() {
            return;
        }
        let at = at % self.sides[of].schedules.len();
        let id = self.sides[of].schedules[at].0.clone();
        let (method, rest) = match verb {
            OfSchedule::Show => (Method::GET, ""),
            OfSchedule::Slots => (Method::GET, "/slots"),
            OfSchedule::Pause => (Method::POST, "/pause"),
            OfSchedule::Resume => (Method::POST, "/resume"),
            OfSchedule::Remove => (Method::DELETE, ""),
        };
        if of != side {
            let names = [id.as_str(), &ScheduleId::generate().to_string()];
            self.hidden(side, &method, ["/api/schedules/", rest], names).await;
            return;
        }
        let request = self.request(side, method, &format!("/api/schedules/{id}{rest}"));
        let answer = self.send(side, request.body(Body::empty()).unwrap(), "").await;
        if matches!(verb, OfSchedule::Remove) {
            assert_eq!(answer.status, StatusCode::NO_CONTENT);
            self.sides[side].schedules.remove(at);
            return;
        }
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let kept = &mut self.sides[side].schedules[at];
        match verb {
            OfSchedule::Slots => assert_eq!(answer.json()["items"], json!([])),
            OfSchedule::Pause => kept.2 = false,
            OfSchedule::Resume => kept.2 = true,
            OfSchedule::Show | OfSchedule::Remove => {}
        }
        if !matches!(verb, OfSchedule::Slots) {
            assert_eq!(answer.json()["enabled"], kept.2);
        }
    }
}
