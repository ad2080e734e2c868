//! Keys to the hub, and the workspaces' own keys of providers.

use std::collections::BTreeSet;

use agentos_domain::KeyId;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::json;

use super::{CANARIES, NOBODY, Pair, WORKSPACES, provider_name, text};
use crate::tests::tenancy::Whose;

impl Pair {
    pub(super) async fn make_key(&mut self, side: usize) {
        let theirs =
            json!({ "name": "x", "scopes": ["read"], "workspace_id": WORKSPACES[1 - side] });
        let request = self.request(side, Method::POST, "/api/keys");
        let request = request.body(Body::from(theirs.to_string())).unwrap();
        self.send(side, request, "").await.problem(422, "INVALID_REQUEST");

        let mine = json!({ "name": text(CANARIES[side], 1), "scopes": ["read"] });
        let request = self.request(side, Method::POST, "/api/keys");
        let request = request.body(Body::from(mine.to_string())).unwrap();
        let answer = self.send(side, request, "").await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        let id = answer.json()["key_id"].as_str().unwrap().to_owned();
        self.sides[side].keys.push((id, false));
    }

    pub(super) async fn list_keys(&self, side: usize) {
        let page = self.get(side, "/api/keys").await.json();
        let items = page["items"].as_array().unwrap().iter();
        let listed: BTreeSet<_> = items
            .map(|key| (key["key_id"].as_str().unwrap().to_owned(), key["revoked_at"].is_string()))
            .collect();
        assert_eq!(listed, self.sides[side].keys.iter().cloned().collect());
    }

    pub(super) async fn revoke_key(&mut self, side: usize, whose: Whose, at: usize) {
        let of = self.of(side, whose);
        if of != side {
            let id = &self.sides[of].keys[at % self.sides[of].keys.len()].0;
            let names = [id.as_str(), &KeyId::generate().to_string()];
            self.hidden(side, &Method::POST, ["/api/keys/", "/revoke"], names).await;
            return;
        }
        // The key in use stays.
        let Some(left) = self.sides[side].keys.len().checked_sub(1).filter(|left| *left > 0) else {
            return;
        };
        let at = 1 + at % left;
        let path = format!("/api/keys/{}/revoke", self.sides[side].keys[at].0);
        let request = self.request(side, Method::POST, &path).body(Body::empty()).unwrap();
        assert_eq!(self.send(side, request, "").await.status, StatusCode::OK);
        self.sides[side].keys[at].1 = true;
    }

    pub(super) async fn set_provider_key(&mut self, side: usize, number: usize) {
        let name = provider_name(CANARIES[side], number);
        let request = self.request(side, Method::PUT, &format!("/api/provider-keys/{name}"));
        let body = json!({ "key": format!("sk-{}", CANARIES[side]) }).to_string();
        let answer = self.send(side, request.body(Body::from(body)).unwrap(), &name).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        self.sides[side].providers.insert(name);
        self.list_provider_keys(side).await;
    }

    pub(super) async fn list_provider_keys(&self, side: usize) {
        let page = self.get(side, "/api/provider-keys").await.json();
        let items = page["items"].as_array().unwrap().iter();
        let hint = CANARIES[side].get(6..).unwrap();
        let listed: BTreeSet<_> = items
            .map(|key| {
                assert_eq!((&key["hint"], &key["readable"]), (&json!(hint), &json!(true)));
                key["provider"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(listed, self.sides[side].providers);
    }

    pub(super) async fn remove_provider_key(&mut self, side: usize, whose: Whose, number: usize) {
        let name = provider_name(CANARIES[self.of(side, whose)], number);
        if !self.sides[side].providers.remove(&name) {
            let parts = ["/api/provider-keys/", ""];
            self.hidden(side, &Method::DELETE, parts, [&name, &NOBODY[..name.len()]]).await;
            return;
        }
        let path = format!("/api/provider-keys/{name}");
        let request = self.request(side, Method::DELETE, &path).body(Body::empty()).unwrap();
        assert_eq!(self.send(side, request, "").await.status, StatusCode::NO_CONTENT);
    }
}
