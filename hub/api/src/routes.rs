//! The one table of routes. A route that is not here does not exist, and what
//! is here cannot be reached without the scope that stands beside it.

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::problem::{Code, Problem};
use crate::{
    ApiConfig, ApiState, approvals, auth, billing, cors, docs, edges, events, files, health, keys,
    metrics, observe, openai, openapi, provider_keys, schedules, session, spending, tasks, trigger,
};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everyone.
    Public,
    /// Whoever has a good key, whatever it may do.
    Known,
    /// A key with this scope.
    Scope(&'static str),
}

const READ: Access = Access::Scope("read");
const RUN: Access = Access::Scope("run");
const APPROVE: Access = Access::Scope("approve");
const ADMIN: Access = Access::Scope("admin");
/// Open to everyone if the hub is so configured.
const METRICS: &str = "/metrics";
const APPROVAL: &str = "/api/approvals/{id}";
const GRANT: &str = "/api/approvals/grants/{agent}/{tool}";
const SCHEDULE: &str = "/api/schedules/{id}";
const BUDGET: &str = "/api/budgets/{scope}";
const PLUGIN_TRIGGER: &str = "/api/plugins/{name}/trigger";
const PROVIDER_KEY: &str = "/api/provider-keys/{provider}";

/// The problems of routes that read a JSON body.
macro_rules! with_body {
    ($($more:ident),*) => {
        &[
            Code::InvalidJson,
            Code::InvalidRequest,
            Code::PayloadTooLarge,
            Code::RequestTimeout,
            Code::BadRequest,
            Code::StorageFull,
            $(Code::$more),*
        ]
    };
}

/// One line of the table.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    /// What it answers besides the problems that every route may have.
    pub(crate) problems: &'static [Code],
    handler: fn(MethodFilter) -> MethodRouter<ApiState>,
}

pub(crate) const fn route(
    method: Method,
    path: &'static str,
    access: Access,
    problems: &'static [Code],
    handler: fn(MethodFilter) -> MethodRouter<ApiState>,
) -> Route {
    Route { method, path, access, problems, handler }
}

const NONE: &[Code] = &[];
const MISSING: &[Code] = &[Code::NotFound];
const QUERY: &[Code] = &[Code::BadRequest];
const PARTS: &[Code] = &[Code::BadRequest, Code::NotFound];
const UPLOAD: &[Code] =
    &[Code::BadRequest, Code::PayloadTooLarge, Code::RequestTimeout, Code::StorageFull];
const REMOVAL: &[Code] = &[Code::BadRequest, Code::NotFound, Code::StorageFull];
const REVOCATION: &[Code] = &[Code::NotFound, Code::StorageFull];
const SUBMISSION: &[Code] = with_body!(IdempotencyMismatch);
const CANCELLATION: &[Code] = with_body!(NotFound);
const DECISION: &[Code] = with_body!(NotFound, Conflict);
const SCHEDULING: &[Code] = with_body!(Conflict);
const RESUMPTION: &[Code] = &[Code::InvalidRequest, Code::NotFound, Code::StorageFull];
const BUDGETING: &[Code] = with_body!(NotFound);
const BODY: &[Code] = with_body!();
const KERNEL_TASK: &[Code] = with_body!(NotFound);
const TRIGGER: &[Code] = with_body!(Unauthenticated, NotFound);
const SIGN_IN: &[Code] =
    with_body!(Unauthenticated, InvalidToken, TokenExpired, AuthError, CsrfRefused);
const SIGN_OUT: &[Code] = &[Code::CsrfRefused];

/// All routes of the hub.
pub(crate) static ROUTES: [Route; 60] = [
    route(Method::GET, "/health", Access::Public, NONE, |m| on(m, health::health)),
    route(Method::GET, "/ready", Access::Public, NONE, |m| on(m, health::ready)),
    route(Method::GET, "/metrics", READ, NONE, |m| on(m, metrics::serve)),
    route(Method::GET, "/openapi.json", Access::Public, NONE, |m| on(m, openapi::serve)),
    route(Method::GET, "/docs", Access::Public, NONE, |m| on(m, docs::page)),
    route(Method::GET, "/docs/{file}", Access::Public, MISSING, |m| on(m, docs::asset)),
    route(Method::GET, "/redoc", Access::Public, NONE, |m| on(m, docs::redoc)),
    route(Method::POST, "/api/session", Access::Public, SIGN_IN, |m| on(m, session::open)),
    route(Method::GET, "/api/session", Access::Known, NONE, |m| on(m, session::show)),
    route(Method::DELETE, "/api/session", Access::Public, SIGN_OUT, |m| on(m, session::close)),
    route(Method::POST, "/api/tasks", RUN, SUBMISSION, |m| on(m, tasks::submit)),
    route(Method::GET, "/api/tasks", READ, QUERY, |m| on(m, tasks::list)),
    route(Method::GET, "/api/tasks/{id}", READ, MISSING, |m| on(m, tasks::show)),
    route(Method::POST, "/api/tasks/{id}/cancel", RUN, CANCELLATION, |m| on(m, tasks::cancel)),
    route(Method::GET, "/api/tasks/{id}/steps", READ, PARTS, |m| on(m, tasks::steps)),
    route(Method::GET, "/api/tasks/{id}/events", READ, PARTS, |m| on(m, events::events)),
    route(Method::GET, "/api/approvals", READ, QUERY, |m| on(m, approvals::pending)),
    route(Method::GET, "/api/approvals/history", READ, QUERY, |m| on(m, approvals::history)),
    route(Method::GET, "/api/approvals/grants", READ, NONE, |m| on(m, approvals::grants)),
    route(Method::DELETE, GRANT, APPROVE, REVOCATION, |m| on(m, approvals::revoke_grant)),
    route(Method::GET, APPROVAL, READ, MISSING, |m| on(m, approvals::show)),
    route(Method::POST, "/api/approvals/{id}/approve", APPROVE, DECISION, |m| {
        on(m, approvals::approve)
    }),
    route(Method::POST, "/api/approvals/{id}/reject", APPROVE, DECISION, |m| {
        on(m, approvals::reject)
    }),
    route(Method::POST, "/api/approvals/{id}/resolve", APPROVE, DECISION, |m| {
        on(m, approvals::resolve)
    }),
    route(Method::GET, "/api/audit", ADMIN, QUERY, |m| on(m, approvals::audit)),
    route(Method::POST, "/api/schedules", RUN, SCHEDULING, |m| on(m, schedules::create)),
    route(Method::GET, "/api/schedules", READ, QUERY, |m| on(m, schedules::list)),
    route(Method::GET, SCHEDULE, READ, MISSING, |m| on(m, schedules::show)),
    route(Method::DELETE, SCHEDULE, RUN, REVOCATION, |m| on(m, schedules::remove)),
    route(Method::POST, "/api/schedules/{id}/pause", RUN, REVOCATION, |m| on(m, schedules::pause)),
    route(Method::POST, "/api/schedules/{id}/resume", RUN, RESUMPTION, |m| {
        on(m, schedules::resume)
    }),
    route(Method::GET, "/api/schedules/{id}/slots", READ, PARTS, |m| on(m, schedules::slots)),
    route(Method::GET, "/api/files", READ, NONE, |m| on(m, files::list)),
    route(Method::PUT, "/api/files/{*path}", RUN, UPLOAD, |m| on(m, files::store)),
    route(Method::GET, "/api/files/{*path}", READ, PARTS, |m| on(m, files::fetch)),
    route(Method::DELETE, "/api/files/{*path}", RUN, REMOVAL, |m| on(m, files::remove)),
    route(Method::GET, "/api/edges", READ, NONE, |m| on(m, edges::list)),
    route(Method::POST, "/api/edges/invite", ADMIN, BODY, |m| on(m, edges::invite)),
    route(Method::POST, "/api/edges/{id}/revoke", ADMIN, REVOCATION, |m| on(m, edges::revoke)),
    route(Method::POST, "/api/edges/{id}/drain", ADMIN, REVOCATION, |m| on(m, edges::drain)),
    route(Method::POST, "/api/edges/{id}/resume", ADMIN, REVOCATION, |m| on(m, edges::resume)),
    route(Method::GET, "/api/keys", ADMIN, NONE, |m| on(m, keys::list)),
    route(Method::POST, "/api/keys", ADMIN, BODY, |m| on(m, keys::create)),
    route(Method::POST, "/api/keys/{id}/revoke", ADMIN, REVOCATION, |m| on(m, keys::revoke)),
    route(Method::GET, "/api/provider-keys", ADMIN, NONE, |m| on(m, provider_keys::list)),
    route(Method::PUT, PROVIDER_KEY, ADMIN, BODY, |m| on(m, provider_keys::set)),
    route(Method::DELETE, PROVIDER_KEY, ADMIN, REVOCATION, |m| on(m, provider_keys::remove)),
    route(Method::GET, "/api/models", READ, NONE, |m| on(m, spending::models)),
    route(Method::GET, "/api/budgets", READ, NONE, |m| on(m, spending::budgets)),
    route(Method::PUT, BUDGET, ADMIN, BUDGETING, |m| on(m, spending::set_budget)),
    route(Method::DELETE, BUDGET, ADMIN, REVOCATION, |m| on(m, spending::remove_budget)),
    route(Method::GET, "/api/calls", READ, QUERY, |m| on(m, spending::calls)),
    route(Method::POST, "/api/kernel/tasks/{task}", ADMIN, KERNEL_TASK, |m| {
        on(m, billing::perform)
    }),
    route(Method::GET, "/api/kernel/health", ADMIN, NONE, |m| on(m, billing::health)),
    route(Method::GET, "/api/results", ADMIN, QUERY, |m| on(m, billing::results)),
    route(Method::GET, "/api/runs", ADMIN, QUERY, |m| on(m, billing::runs)),
    route(Method::GET, "/api/totals/{year}/{month}", ADMIN, MISSING, |m| on(m, billing::totals)),
    route(Method::GET, "/api/export", ADMIN, QUERY, |m| on(m, billing::export)),
    route(Method::GET, "/api/reconciliation", ADMIN, QUERY, |m| on(m, billing::reconcile)),
    route(Method::POST, PLUGIN_TRIGGER, Access::Public, TRIGGER, |m| on(m, trigger::trigger)),
];

impl Route {
    /// What guards it under this configuration.
    fn guard(&self, config: &ApiConfig) -> Option<auth::Guard> {
        match self.access {
            Access::Scope(_) if self.path == METRICS && config.metrics_open => None,
            Access::Scope(scope) => Some(auth::Guard(Some(scope))),
            Access::Known => Some(auth::Guard(None)),
            Access::Public => None,
        }
    }
}

/// The whole API as a service.
pub fn router(state: ApiState) -> Router {
    let mut router = Router::new();
    for route in ROUTES.iter().chain(&openai::ROUTES) {
        // All methods of the table have a filter; a route without would be
        // missing, which the tests that walk the table would see.
        let Ok(filter) = MethodFilter::try_from(route.method.clone()) else { continue };
        let mut handler = (route.handler)(filter);
        if let Some(guard) = route.guard(&state.config) {
            handler = handler.route_layer(from_fn_with_state(guard, auth::require));
        }
        router = router.route(route.path, handler);
    }
    router = router
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(state.clone(), auth::gate));
    // Before the gate: browsers ask first, and then without a key.
    if let Ok(Some(cors)) = cors::layer(&state.config.cors_origins) {
        router = router.layer(cors);
    }
    router.layer(from_fn_with_state(state.clone(), observe::observe)).with_state(state)
}

async fn unknown_route() -> Problem {
    Problem::new(Code::NotFound, "no such route: see the API's documentation for those there are")
}

async fn wrong_method(request: Request) -> Problem {
    let detail = format!("{} is not possible here: see the header Allow", request.method());
    Problem::new(Code::MethodNotAllowed, detail)
}
