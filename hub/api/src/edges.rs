//! Edges: which there are, letting one join, shutting one out.

use agentos_domain::EdgeId;
use agentos_engine::{EdgeInfo, Principal};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::body::OptionalJsonBody;
use crate::keys::confined;
use crate::problem::{Code, Problem};
use crate::state::answer;
use crate::{ApiState, openapi};

/// List the edges
#[utoipa::path(get, path = "/api/edges", tag = "edges", operation_id = "list_edges",
    responses((status = 200, description = "All edges", body = openapi::EdgePage)))]
pub(crate) async fn list(State(state): State<ApiState>) -> Result<Json<Value>, Problem> {
    let edges = answer(state.engine.edges()).await?;
    Ok(Json(json!({ "items": edges, "next_cursor": null })))
}

/// An invitation that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InvitationRequest)]
pub(crate) struct InviteBody {
    /// What the edge is to be called.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    name: Option<String>,
}

/// Let an edge join
#[utoipa::path(post, path = "/api/edges/invite", tag = "edges", operation_id = "invite_edge",
    request_body = Option<InviteBody>,
    responses((status = 200, description = "A one-time token", body = openapi::Invitation)))]
pub(crate) async fn invite(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    OptionalJsonBody(body): OptionalJsonBody<InviteBody>,
) -> Result<Json<Value>, Problem> {
    administers_hub(&principal)?;
    if let Some(name) = body.name.as_deref().filter(|name| !is_name(name)) {
        let detail = format!(
            "`{}` is no name for an edge: use 1 to 64 letters, digits, `-`, `_` or `.`",
            name.chars().take(80).collect::<String>()
        );
        return Err(Problem::field("name", detail));
    }
    let invitation = answer(state.engine.invite(body.name.as_deref())).await?;
    let host = host(&headers).unwrap_or_else(|| state.config.listen.ip().to_string());
    let command = format!("agentos-edge join {host}:{} {}", invitation.link_port, invitation.token);
    Ok(Json(json!({
        "token": invitation.token,
        "expires_at": invitation.expires_at,
        "command": command,
    })))
}

/// Whether somebody speaks for the whole hub rather than for one workspace.
pub(crate) fn is_of_hub(principal: &Principal) -> bool {
    confined(principal).is_none()
}

/// Edges serve all workspaces: the admin of one may not decide about them.
fn administers_hub(principal: &Principal) -> Result<(), Problem> {
    if is_of_hub(principal) {
        return Ok(());
    }
    let detail = "edges belong to the hub: an admin of the workspace `default` decides about them";
    Err(Problem::new(Code::InsufficientScope, detail))
}

fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=64).contains(&text.len()) && text.chars().all(allowed)
}

/// The name by which the client reached the hub; an edge reaches it by the same
/// more likely than by any that the hub could think of.
fn host(headers: &HeaderMap) -> Option<String> {
    let authority: Authority = headers.get(HOST)?.to_str().ok()?.parse().ok()?;
    let host = authority.host();
    // The name ends up in a command that a person pastes into a shell.
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
    (!host.is_empty() && host.chars().all(harmless)).then(|| host.to_owned())
}

/// Shut an edge out, at once and for good
#[utoipa::path(post, path = "/api/edges/{id}/revoke", tag = "edges", operation_id = "revoke_edge",
    params(("id" = String, Path, description = "The edge")),
    responses((status = 200, description = "It is shut out", body = openapi::RevokedEdge)))]
pub(crate) async fn revoke(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    administers_hub(&principal)?;
    let unknown = || Problem::new(Code::NotFound, "no such edge");
    let id: EdgeId = id.parse().map_err(|_| unknown())?;
    if answer(state.engine.revoke(&id)).await? {
        Ok(Json(json!({ "edge_id": id, "revoked": true })))
    } else {
        Err(unknown())
    }
}

/// Give an edge no more work
///
/// What it works on goes on to its end there. It stays so, also over restarts
/// of hub and edge, until it is resumed.
#[utoipa::path(post, path = "/api/edges/{id}/drain", tag = "edges", operation_id = "drain_edge",
    params(("id" = String, Path, description = "The edge")),
    responses((status = 200, description = "The edge", body = openapi::Edge)))]
pub(crate) async fn drain(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<EdgeInfo>, Problem> {
    set_draining(&state, &principal, &id, true).await
}

/// Give an edge work again
#[utoipa::path(post, path = "/api/edges/{id}/resume", tag = "edges", operation_id = "resume_edge",
    params(("id" = String, Path, description = "The edge")),
    responses((status = 200, description = "The edge", body = openapi::Edge)))]
pub(crate) async fn resume(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<EdgeInfo>, Problem> {
    set_draining(&state, &principal, &id, false).await
}

async fn set_draining(
    state: &ApiState,
    principal: &Principal,
    id: &str,
    drain: bool,
) -> Result<Json<EdgeInfo>, Problem> {
    administers_hub(principal)?;
    let id: EdgeId = id.parse().map_err(|_| Problem::new(Code::NotFound, "no such edge"))?;
    answer(state.engine.drain(&id, drain)).await.map(Json)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn host_of(value: &'static str) -> Option<String> {
        host(&HeaderMap::from_iter([(HOST, HeaderValue::from_static(value))]))
    }

    #[test]
    fn the_host_is_the_one_that_the_client_used() {
        assert_eq!(host_of("nas.local:7777").as_deref(), Some("nas.local"));
        assert_eq!(host_of("192.168.1.5").as_deref(), Some("192.168.1.5"));
        assert_eq!(host_of("[fd00::1]:7777").as_deref(), Some("[fd00::1]"));
    }

    #[test]
    fn a_host_that_a_shell_would_run_is_not_repeated() {
        for value in ["a;reboot", "$(reboot)", "a b", ""] {
            assert_eq!(host_of(value), None, "{value}");
        }
    }
}
