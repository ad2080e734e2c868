//! The API of OpenAI, for the many programs that speak it.
//!
//! Tiers (`local-fast`, `local-smart`, `cloud-smart`), the wishes `fast`,
//! `smart` and `auto`, the names that the configuration gives to models, single
//! deployments, and agents (`agent/NAME`) are names of models here. Answers and
//! errors have OpenAI's shape; what it has no place for stands under `agentos`
//! and in headers that begin with `x-agentos-`.
//!
//! These routes are not in the hub's own description: OpenAI's holds for them.

mod agents;
mod chat;
mod chunks;
mod embeddings;
mod failure;
mod models;
mod reply;
mod responses;
mod stream;
mod whole;

use axum::http::Method;
use axum::routing::on;

pub(crate) use failure::{Failure, is_facade};

use crate::routes::{Access, Route, route};

const READ: Access = Access::Scope("read");
const RESPONSE: &str = "/v1/responses/{*rest}";
const RUN: Access = Access::Scope("run");

/// The routes of this API.
pub(crate) static ROUTES: [Route; 7] = [
    route(Method::GET, "/v1/models", READ, &[], |m| on(m, models::list)),
    route(Method::GET, "/v1/models/{*id}", READ, &[], |m| on(m, models::show)),
    route(Method::POST, "/v1/chat/completions", RUN, &[], |m| on(m, chat::complete)),
    route(Method::POST, "/v1/responses", RUN, &[], |m| on(m, responses::create)),
    route(Method::GET, RESPONSE, READ, &[], |m| on(m, responses::not_kept)),
    route(Method::DELETE, RESPONSE, RUN, &[], |m| on(m, responses::not_kept)),
    route(Method::POST, "/v1/embeddings", RUN, &[], |m| on(m, embeddings::create)),
];
