//! `logging` and `telemetry`, which both machines have.

use crate::format::Format;
use crate::kind::{Alias, Kind, Setting};

pub(super) const LOGGING: &[Setting] = &[
    Setting::new("level", Kind::Text(Format::LogLevel), "INFO", "What to log")
        .env(&[Alias::new("AGENT_OS_LOG_LEVEL"), Alias::new("LOG_LEVEL")])
        .samples("debug", "warn,agentos_link=trace"),
    Setting::new(
        "path",
        Kind::Text(Format::Path),
        "agent.log",
        "File that log lines go to, beside the console; null for the console alone",
    )
    .env(&[Alias::new("AGENT_OS_LOG_PATH")])
    .nullable()
    .samples("/var/log/agent.log", "other.log"),
    Setting::new("format", Kind::Text(Format::LogLine), "text", "How a line is written")
        .env(&[Alias::new("AGENT_OS_LOG_FORMAT")])
        .samples("json", r#""%(asctime)s %(message)s""#),
    Setting::section("rotation", ROTATION, "When a log file is put aside"),
];

pub(super) const TELEMETRY: &[Setting] = &[Setting::new(
    "otlp_endpoint",
    Kind::Text(Format::HttpUrl),
    "null",
    "Collector of OpenTelemetry that takes traces (OTLP over gRPC), for programs built with \
         `--features otel`; without it, nothing is exported",
)
.env(&[Alias::new("OTEL_EXPORTER_OTLP_ENDPOINT")])
.samples("http://127.0.0.1:4317", "http://collector.local:4317")];

const ROTATION: &[Setting] = &[
    Setting::new(
        "max_megabytes",
        Kind::Integer(1, 10_000, "megabytes"),
        "10",
        "Size at which a new file is begun",
    ),
    Setting::new("keep", Kind::Integer(0, 1000, "files"), "5", "Old files that are kept"),
];
