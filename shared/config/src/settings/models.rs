//! `models` and `router`, in the shape that LiteLLM has.

use crate::format::Format;
use crate::kind::{Kind, Setting};

pub(super) const MODELS: &[Setting] = &[MODEL_LIST];

const MODEL_LIST: Setting = Setting::new(
    "model_list",
    Kind::List(&Kind::Record(MODEL)),
    "[]",
    "Models and where they run; several with one name share its work",
)
.samples(
    r#"[{"model_name": "local-fast", "litellm_params": {"model": "ollama/qwen3:1.7b"}}]"#,
    r#"[{"model_name": "local-smart", "litellm_params": {"model": "ollama/qwen3:8b"}}]"#,
);

const MODEL: &[Setting] = &[
    Setting::required(
        "model_name",
        Kind::Text(Format::Any),
        "The tier that it serves (local-fast, local-smart, cloud-smart), or a name of its own",
    ),
    Setting {
        default: None,
        ..Setting::section("litellm_params", LITELLM_PARAMS, "Which model, and how it is asked")
    },
    Setting::section("model_info", MODEL_INFO, "What is known of it"),
];

const MODEL_INFO: &[Setting] = &[
    Setting::new(
        "location",
        Kind::Choice(&["local", "cloud"]),
        "null",
        "Where it computes; what may not leave the home network goes to `local` alone. By default \
         edge, and what answers at an address of the home network for ollama, lm_studio, vllm \
         and llamafile, is local, all else cloud",
    ),
    Setting::new(
        "continues",
        Kind::Bool,
        "false",
        "Whether it goes on where another broke off, if the conversation ends with a beginning \
         of the assistant's",
    ),
    Setting::new(
        "free",
        Kind::Bool,
        "null",
        "Whether its calls cost nothing; by default those of local models do not",
    ),
];

const LITELLM_PARAMS: &[Setting] = &[
    Setting::required("model", Kind::Text(Format::ModelName), "Provider and model"),
    Setting::new("api_base", Kind::Text(Format::HttpUrl), "null", "The provider's address"),
    Setting::new("api_key", Kind::Text(Format::Any), "null", "The provider's key").secret(),
    Setting::new("temperature", Kind::Number(0.0, 2.0), "null", "0 is greedy"),
    Setting::new(
        "max_tokens",
        Kind::Integer(1, 1_000_000, "tokens"),
        "null",
        "The most tokens of an answer",
    ),
    Setting::new(
        "timeout",
        Kind::Integer(1, 86_400, "seconds"),
        "null",
        "The longest that an answer may take; router.timeouts.total_seconds by default",
    ),
    Setting::new(
        "stream_timeout",
        Kind::Integer(1, 86_400, "seconds"),
        "null",
        "The longest until the first piece of an answer; router.timeouts.first_seconds by default",
    ),
];

const TIMEOUTS: &[Setting] = &[
    Setting::new(
        "connect_seconds",
        Kind::Integer(1, 600, "seconds"),
        "5",
        "Until a connection to a provider stands",
    ),
    Setting::new(
        "first_seconds",
        Kind::Integer(1, 86_400, "seconds"),
        "60",
        "Until the first piece of an answer",
    ),
    Setting::new(
        "idle_seconds",
        Kind::Integer(1, 86_400, "seconds"),
        "30",
        "From one piece of an answer to the next",
    ),
    Setting::new("total_seconds", Kind::Integer(1, 86_400, "seconds"), "600", "The whole answer"),
];

pub(super) const ROUTER: &[Setting] = &[
    Setting::new(
        "routing_strategy",
        Kind::Choice(&["usage-based-routing", "simple-shuffle", "latency-based-routing"]),
        "usage-based-routing",
        "Which of the models of one name answers; usage-based-routing: the least loaded",
    ),
    Setting::section("budget_manager", BUDGET_MANAGER, "What cloud models may cost"),
    Setting::new("cache_responses", Kind::Bool, "true", "Whether answers are kept"),
    Setting::new(
        "cache_ttl_seconds",
        Kind::Integer(1, 31_536_000, "seconds"),
        "3600",
        "How long an answer is kept",
    ),
    Setting::new(
        "fallbacks",
        Kind::List(&Kind::Record(FALLBACK)),
        "[]",
        "Who answers where a model does not; where there is none, local-fast falls back to \
         local-smart and that to cloud-smart, as far as there are such models",
    )
    .samples(
        r#"[{"model": "local-fast", "fallback": "local-smart"}]"#,
        r#"[{"model": "local-smart", "fallback": "cloud-smart",
            "conditions": [{"error_type": "timeout"}, {"confidence_score": "< 0.7"}]}]"#,
    ),
    Setting::section("timeouts", TIMEOUTS, "How long calls of models may take"),
    Setting::new(
        "prices",
        Kind::Text(Format::Path),
        "null",
        "A file of prices in the form of the shipped one, which it extends and corrects",
    )
    .samples("prices.json", "/etc/agentos/prices.json"),
    Setting::new(
        "calibrations",
        Kind::Text(Format::Path),
        "null",
        "A file that `agentos calibrate` writes: how often models are right that are so sure",
    )
    .samples("calibrations.json", "/etc/agentos/calibrations.json"),
    Setting::new(
        "max_concurrent",
        Kind::Integer(1, 100_000, "requests"),
        "256",
        "The most requests to models that are answered at once; more are asked to come again",
    ),
];

const BUDGET_MANAGER: &[Setting] = &[
    Setting::new("enabled", Kind::Bool, "true", "Whether there is a budget"),
    Setting::new(
        "monthly_budget_usd",
        Kind::Number(0.0, 1_000_000.0),
        "50",
        "The most that a month may cost, in USD",
    ),
    Setting::new(
        "alert_threshold",
        Kind::Number(0.0, 1.0),
        "0.8",
        "The part of the budget at which an alert is sent",
    ),
    Setting::new(
        "on_limit",
        Kind::Choice(&["refuse", "local_only"]),
        "refuse",
        "What happens to a call that does not fit: it is refused, or a local model answers",
    ),
];

const FALLBACK: &[Setting] = &[
    Setting::required("model", Kind::Text(Format::Any), "The model that does not answer"),
    Setting::required("fallback", Kind::Text(Format::Any), "The model that answers instead"),
    Setting::new(
        "conditions",
        Kind::List(&Kind::Record(CONDITION)),
        "[]",
        "When; any of them is enough, and none means on every error",
    ),
];

const CONDITION: &[Setting] = &[
    Setting::new(
        "error_type",
        Kind::Choice(&["timeout", "error", "rate_limit", "unavailable"]),
        "null",
        "An error of this type",
    ),
    Setting::new(
        "confidence_score",
        Kind::Text(Format::BelowConfidence),
        "null",
        "An answer that is less sure than this",
    ),
];
