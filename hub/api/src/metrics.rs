//! The hub's numbers for Prometheus.

use agentos_engine::metrics::info;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use crate::ApiState;

/// Metrics for Prometheus
///
/// Needs the scope `read` unless the hub is configured to leave it open.
#[utoipa::path(get, path = "/metrics", tag = "hub", operation_id = "get_metrics",
    responses((status = 200, description = "Text format 0.0.4", body = String,
        content_type = "text/plain")))]
pub(crate) async fn serve(State(state): State<ApiState>) -> impl IntoResponse {
    let mut page = String::new();
    let version = &state.config.version;
    info(&mut page, "agentos_build_info", "The version of the hub.", "version", version);
    state.engine.write_metrics(&mut page).await;
    state.http_metrics.write(&mut page);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page)
}
