//! The settings of one agent: a file in `config/agents/`.

use crate::format::Format;
use crate::kind::{Kind, Setting};

/// All keys of an agent's file.
pub(crate) const AGENT: &[Setting] = &[
    Setting::required("name", Kind::Text(Format::AgentName), "Its name, unique among agents"),
    Setting::required("description", Kind::Text(Format::Any), "What it is for, in a sentence"),
    Setting::new(
        "model_tier",
        Kind::Choice(&["local-fast", "local-smart", "cloud-smart"]),
        "local-fast",
        "The tier of model that it asks for",
    ),
    Setting::new(
        "tools",
        Kind::List(&Kind::Text(Format::ToolName)),
        "[]",
        "The tools that it is granted, and no others",
    ),
    Setting::new(
        "max_iterations",
        Kind::Integer(1, 1000, "model calls"),
        "5",
        "The most model calls of one run",
    ),
    Setting::new(
        "approval_required",
        Kind::Bool,
        "false",
        "Whether a person confirms every call of a tool that changes something",
    ),
    Setting::required("system_prompt", Kind::Text(Format::Any), "Its instructions"),
    Setting::new(
        "max_tokens",
        Kind::Integer(1, 1_000_000, "tokens"),
        "1024",
        "The most tokens of one answer",
    ),
    Setting::new("temperature", Kind::Number(0.0, 2.0), "0.3", "0 is greedy"),
    Setting::new(
        "timeout_seconds",
        Kind::Integer(1, 86_400, "seconds"),
        "300",
        "The longest time that its runs may be worked on; waiting does not count",
    ),
    Setting::new(
        "step_timeout_seconds",
        Kind::Integer(1, 86_400, "seconds"),
        "300",
        "The longest time that one call of its model may take",
    ),
    Setting::new(
        "tool_timeout_seconds",
        Kind::Integer(1, 86_400, "seconds"),
        "60",
        "The longest time that one call of a tool may take",
    ),
    Setting::new(
        "on_edge_lost",
        Kind::Choice(&["wait", "elsewhere", "fail"]),
        "null",
        "What becomes of its runs where an edge is lost, if not what engine.on_edge_lost says",
    ),
    Setting::new(
        "privacy",
        Kind::Choice(&["any", "local_only"]),
        "null",
        "local_only: nothing of its tasks goes to a model outside the home network",
    ),
    Setting::section("validation", VALIDATION, "What its results must be like"),
];

const VALIDATION: &[Setting] = &[
    Setting::new("required_docstring", Kind::Bool, "false", "Whether functions need docstrings"),
    Setting::new("require_type_hints", Kind::Bool, "false", "Whether Python needs type hints"),
    Setting::new(
        "require_error_handling",
        Kind::Bool,
        "false",
        "Whether code that opens or parses something handles that failing",
    ),
    Setting::new("lint", Kind::Bool, "false", "Whether Python passes ruff, black and mypy"),
    Setting::new(
        "max_file_size_kb",
        Kind::Integer(1, 1_000_000, "kilobytes"),
        "100",
        "The largest file that it may write",
    ),
    Setting::new(
        "allowed_imports",
        Kind::List(&Kind::Text(Format::Any)),
        "[]",
        "Modules that its code may import; none listed means any that is not blocked",
    ),
    Setting::new(
        "blocked_imports",
        Kind::List(&Kind::Text(Format::Any)),
        "[]",
        "Modules and functions that its code may not use",
    ),
    Setting::new(
        "cite_sources",
        Kind::Bool,
        "false",
        "Whether its answer names sources, and only such as it fetched",
    ),
    Setting::new(
        "separate_opinion",
        Kind::Bool,
        "false",
        "Whether its answer keeps facts and opinions in sections of their own",
    ),
    Setting::new(
        "output_schema",
        Kind::Text(Format::JsonSchema),
        "null",
        "The JSON schema of its answer, as one text",
    ),
];
