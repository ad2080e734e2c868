//! What is counted of requests.

use std::time::Duration;

use agentos_engine::metrics::{CounterFamily, HistogramFamily};
use axum::http::StatusCode;

/// Seconds that a request may take; those that wait for a task take long.
const DURATIONS: &[f64] = &[0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0];

/// Requests by route and outcome.
pub(crate) struct HttpMetrics {
    requests: CounterFamily<3>,
    durations: HistogramFamily<2>,
}

impl Default for HttpMetrics {
    fn default() -> Self {
        Self {
            requests: CounterFamily::new(
                "http_requests_total",
                "Requests that were answered, by route and class of status.",
                ["method", "route", "status"],
            ),
            durations: HistogramFamily::new(
                "http_request_duration_seconds",
                "Time until the head of the answer, by route.",
                ["method", "route"],
                DURATIONS,
            ),
        }
    }
}

impl HttpMetrics {
    /// Counts a request to the route with the pattern `route`.
    pub(crate) fn observe(&self, method: &str, route: &str, status: StatusCode, took: Duration) {
        let class = match status.as_u16() / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        self.requests.add([method, route, class], 1);
        self.durations.observe([method, route], took.as_secs_f64());
    }

    pub(crate) fn write(&self, page: &mut String) {
        self.requests.write(page);
        self.durations.write(page);
    }
}
