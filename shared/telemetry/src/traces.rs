//! Traces, exported by OpenTelemetry where the program is built with it.
//!
//! A trace is all that one request sets off, on both machines: its id is the
//! UUID of the request's id, so nothing else has to travel between them.

use agentos_domain::RequestId;
use tracing::Span;

/// Where traces go.
#[derive(Debug, Clone, Copy)]
pub struct Traces<'a> {
    /// The name of this program in them.
    pub service: &'a str,
    /// The collector, which speaks OTLP over gRPC, such as `http://127.0.0.1:4317`;
    /// `None` exports nothing.
    pub endpoint: Option<&'a str>,
}

#[cfg(feature = "otel")]
pub use exporting::TracesGuard;
#[cfg(feature = "otel")]
pub(crate) use exporting::{start, tell};
#[cfg(not(feature = "otel"))]
pub use silent::TracesGuard;
#[cfg(not(feature = "otel"))]
pub(crate) use silent::{start, tell};

/// Makes a span part of the trace of a request.
#[cfg(feature = "otel")]
pub fn join_trace(span: &Span, request: &RequestId) {
    exporting::join(span, request);
}

/// Makes a span part of the trace of a request.
#[cfg(not(feature = "otel"))]
pub fn join_trace(_span: &Span, _request: &RequestId) {}

#[cfg(not(feature = "otel"))]
mod silent {
    use tracing_subscriber::layer::Identity;

    use super::Traces;
    use crate::LoggingError;

    /// Nothing: this build exports no traces.
    #[derive(Debug)]
    pub struct TracesGuard(());

    #[expect(clippy::unnecessary_wraps, reason = "the same as with the feature `otel`")]
    pub(crate) fn start(_traces: &Traces<'_>) -> Result<(Identity, TracesGuard), LoggingError> {
        Ok((Identity::new(), TracesGuard(())))
    }

    pub(crate) fn tell(traces: &Traces<'_>) {
        if traces.endpoint.is_some() {
            tracing::warn!(
                "telemetry.otlp_endpoint is set, but this program was built without traces: \
                 build it with `--features otel`"
            );
        }
    }
}

#[cfg(feature = "otel")]
mod exporting {
    use agentos_domain::RequestId;
    use opentelemetry::Context;
    use opentelemetry::trace::{
        SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
        TracerProvider as _,
    };
    use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing::Span;
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;
    use tracing_subscriber::layer::Layer;
    use tracing_subscriber::registry::Registry;

    use super::Traces;
    use crate::LoggingError;

    /// Sends what is left when it is dropped.
    #[derive(Debug)]
    pub struct TracesGuard(Option<SdkTracerProvider>);

    impl Drop for TracesGuard {
        fn drop(&mut self) {
            if let Some(provider) = self.0.take() {
                // At the end of the program there is nobody left to tell.
                let _ = provider.shutdown();
            }
        }
    }

    type TraceLayer = Option<Box<dyn Layer<Registry> + Send + Sync>>;

    pub(crate) fn start(traces: &Traces<'_>) -> Result<(TraceLayer, TracesGuard), LoggingError> {
        let Some(endpoint) = traces.endpoint else { return Ok((None, TracesGuard(None))) };
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build();
        let exporter = exporter.map_err(|error| LoggingError::Traces {
            endpoint: endpoint.to_owned(),
            reason: error.to_string(),
        })?;
        let resource = Resource::builder().with_service_name(traces.service.to_owned()).build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_batch_exporter(exporter)
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("agentos"));
        Ok((Some(layer.boxed()), TracesGuard(Some(provider))))
    }

    pub(crate) fn tell(traces: &Traces<'_>) {
        if let Some(endpoint) = traces.endpoint {
            tracing::info!(endpoint, "exporting traces");
        }
    }

    pub(crate) fn join(span: &Span, request: &RequestId) {
        let bytes = request.as_bytes();
        let mut half = [0; 8];
        half.copy_from_slice(&bytes[8..]);
        let parent = SpanContext::new(
            TraceId::from_bytes(*bytes),
            SpanId::from_bytes(half),
            TraceFlags::SAMPLED,
            true,
            TraceState::default(),
        );
        // Fails where nothing is exported: then there is no trace to join.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}
