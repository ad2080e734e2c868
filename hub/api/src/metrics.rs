//! The hub's numbers for Prometheus.

use agentos_engine::metrics::{CounterFamily, info};
use agentos_router::Counts;
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
    if let Ok(models) = state.models() {
        write_calls(&models.counts(), &mut page);
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page)
}

/// What came of requests to models.
fn write_calls(counts: &Counts, page: &mut String) {
    let by = ["deployment", "outcome"];
    let calls = CounterFamily::new(
        "agentos_model_calls_total",
        "Requests to models, by the deployment that was asked last.",
        by,
    );
    let tokens = CounterFamily::new(
        "agentos_model_call_tokens_total",
        "Tokens of requests to models.",
        ["deployment", "direction"],
    );
    let cost = CounterFamily::new(
        "agentos_model_call_cost_nanousd_total",
        "What requests to models cost, in billionths of a US dollar.",
        ["deployment"],
    );
    for ((deployment, outcome), tally) in &counts.calls {
        calls.add([deployment, outcome], tally.requests);
        tokens.add([deployment, "prompt"], tally.prompt_tokens);
        tokens.add([deployment, "output"], tally.output_tokens);
        cost.add([deployment], tally.cost_nano_usd);
    }
    let cached = CounterFamily::new(
        "agentos_model_cache_hits_total",
        "Requests to models that were answered from the cache.",
        [],
    );
    cached.add([], counts.cached);
    calls.write(page);
    tokens.write(page);
    cost.write(page);
    cached.write(page);
}
