//! The one table of routes. A route that is not here does not exist, and what
//! is here cannot be reached without the scope that stands beside it.

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::problem::{Code, Problem};
use crate::{ApiState, auth, edges, events, files, health, observe, tasks};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everyone.
    Public,
    /// A key with this scope.
    Scope(&'static str),
}

const READ: Access = Access::Scope("read");
const RUN: Access = Access::Scope("run");
const ADMIN: Access = Access::Scope("admin");

/// One line of the table.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    handler: fn(MethodFilter) -> MethodRouter<ApiState>,
}

const fn route(
    method: Method,
    path: &'static str,
    access: Access,
    handler: fn(MethodFilter) -> MethodRouter<ApiState>,
) -> Route {
    Route { method, path, access, handler }
}

/// All routes of the hub.
pub(crate) static ROUTES: [Route; 15] = [
    route(Method::GET, "/health", Access::Public, |m| on(m, health::health)),
    route(Method::GET, "/ready", Access::Public, |m| on(m, health::ready)),
    route(Method::POST, "/api/tasks", RUN, |m| on(m, tasks::submit)),
    route(Method::GET, "/api/tasks", READ, |m| on(m, tasks::list)),
    route(Method::GET, "/api/tasks/{id}", READ, |m| on(m, tasks::show)),
    route(Method::POST, "/api/tasks/{id}/cancel", RUN, |m| on(m, tasks::cancel)),
    route(Method::GET, "/api/tasks/{id}/steps", READ, |m| on(m, tasks::steps)),
    route(Method::GET, "/api/tasks/{id}/events", READ, |m| on(m, events::events)),
    route(Method::GET, "/api/files", READ, |m| on(m, files::list)),
    route(Method::PUT, "/api/files/{*path}", RUN, |m| on(m, files::store)),
    route(Method::GET, "/api/files/{*path}", READ, |m| on(m, files::fetch)),
    route(Method::DELETE, "/api/files/{*path}", RUN, |m| on(m, files::remove)),
    route(Method::GET, "/api/edges", READ, |m| on(m, edges::list)),
    route(Method::POST, "/api/edges/invite", ADMIN, |m| on(m, edges::invite)),
    route(Method::POST, "/api/edges/{id}/revoke", ADMIN, |m| on(m, edges::revoke)),
];

/// The whole API as a service.
pub fn router(state: ApiState) -> Router {
    let mut router = Router::new();
    for Route { method, path, access, handler } in &ROUTES {
        // All methods of the table have a filter; a route without would be
        // missing, which the tests that walk the table would see.
        let Ok(filter) = MethodFilter::try_from(method.clone()) else { continue };
        let mut handler = handler(filter);
        if let Access::Scope(scope) = *access {
            let guard = auth::Guard { engine: state.engine.clone(), scope };
            handler = handler.route_layer(from_fn_with_state(guard, auth::require));
        }
        router = router.route(path, handler);
    }
    router
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(observe::observe))
        .with_state(state)
}

async fn unknown_route() -> Problem {
    Problem::new(Code::NotFound, "no such route: see the API's documentation for those there are")
}

async fn wrong_method(request: Request) -> Problem {
    let detail = format!("{} is not possible here: see the header Allow", request.method());
    Problem::new(Code::MethodNotAllowed, detail)
}
