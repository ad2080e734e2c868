//! The settings of the edge.

use super::logging::{LOGGING, TELEMETRY};
use super::toolbox::{SANDBOX, WEB};
use crate::format::Format;
use crate::kind::{Alias, Kind, Setting};

/// All sections of `agent_os_edge.yaml`.
pub(crate) const EDGE: &[Setting] = &[
    Setting::section("hub", HUB, "How the edge reaches its hub"),
    Setting::section("storage", STORAGE, "Where the edge keeps what it holds"),
    Setting::section("model", MODEL, "The model that the edge runs"),
    Setting::section("sandbox", SANDBOX, "What confines the programs that agents run"),
    Setting::section("web", WEB, "What agents may reach of the web"),
    Setting::section("logging", LOGGING, "Log lines"),
    Setting::section("telemetry", TELEMETRY, "Traces of what requests set off"),
];

const HUB: &[Setting] = &[
    Setting::new(
        "address",
        Kind::Text(Format::HostPort),
        "null",
        "The hub; without it, the one that was joined",
    )
    .env(&[Alias::new("AGENT_OS_HUB")])
    .samples("nas.local:7443", "10.0.0.2:7443"),
    Setting::new(
        "transport",
        Kind::Choice(&["auto", "quic", "tcp"]),
        "auto",
        "auto is QUIC, and TCP where UDP does not pass",
    ),
];

const STORAGE: &[Setting] = &[Setting::new(
    "data",
    Kind::Text(Format::Path),
    "null",
    "Folder for the edge's identity, models and caches; \
         without it $XDG_DATA_HOME/agentos/edge or ~/.local/share/agentos/edge",
)
.env(&[Alias::new("AGENT_OS_EDGE_DATA")])
.samples("/var/lib/agentos-edge", "~/edge")];

const MODEL: &[Setting] = &[
    Setting::new(
        "path",
        Kind::Text(Format::Path),
        "null",
        "A model in GGUF format; without it, the built-in pocket model, a demonstration",
    )
    .env(&[Alias::new("AGENT_OS_MODEL")])
    .samples("~/models/Qwen3-1.7B-Q8_0.gguf", "/models/other.gguf"),
    Setting::new(
        "context_tokens",
        Kind::Integer(256, 4_194_304, "tokens"),
        "8192",
        "How much text the model sees at once",
    )
    .env(&[Alias::new("AGENT_OS_CONTEXT_TOKENS")]),
    Setting::new(
        "threads",
        Kind::Integer(1, 256, "threads"),
        "null",
        "Threads for the model; without it, all cores but one",
    )
    .env(&[Alias::new("AGENT_OS_THREADS")]),
    Setting::new(
        "gpu_layers",
        Kind::Integer(0, 999, "layers"),
        "999",
        "Layers of the model that go to the GPU, where there is one",
    )
    .env(&[Alias::new("AGENT_OS_GPU_LAYERS")]),
];
