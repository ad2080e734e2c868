//! The settings of how runs are handed to edges, and what becomes of them where
//! there is none.

use crate::format::Format;
use crate::kind::{Kind, Setting};

pub(super) const ENGINE: &[Setting] = &[
    Setting::new(
        "lease_seconds",
        Kind::Integer(1, 3600, "seconds"),
        "10",
        "Time without a sign of life after which a run is given to another edge",
    ),
    Setting::new(
        "runs_per_edge",
        Kind::Integer(1, 1024, "runs"),
        "16",
        "The most runs that one edge works on at once",
    ),
    Setting::new(
        "runs_per_workspace",
        Kind::Integer(1, 100_000, "runs"),
        "null",
        "The most runs of one workspace at once; workspaces take turns in any case",
    ),
    Setting::section("runs_per_tier", TIERS, "The most runs of a tier of models at once"),
    Setting::new(
        "queue_limit",
        Kind::Integer(1, 10_000_000, "tasks"),
        "10000",
        "The most tasks of one workspace that wait; more are answered 429",
    ),
    Setting::new(
        "on_edge_lost",
        Kind::Choice(&["wait", "elsewhere", "fail"]),
        "wait",
        "What becomes of tasks where an edge is lost, unless they or their agents say: they wait \
         for an edge, the hub works on them with the models that it has, or they fail",
    ),
    Setting::new(
        "elsewhere_after_seconds",
        Kind::Integer(0, 86_400, "seconds"),
        "5",
        "How long there has to be no edge before the hub works on tasks that allow it",
    ),
    Setting::new(
        "runs_on_hub",
        Kind::Integer(0, 64, "runs"),
        "2",
        "The most runs that the hub works on at once; 0 for none, ever",
    ),
    Setting::new(
        "privacy",
        Kind::Choice(&["any", "local_only"]),
        "any",
        "Where what tasks say may go, unless they or their agents are stricter: to any model, or \
         to models in the home network alone",
    ),
    Setting::new(
        "local_only_workspaces",
        Kind::List(&Kind::Text(Format::Any)),
        "[]",
        "Workspaces whose tasks stay in the home network, whatever they say",
    )
    .samples(r#"["family"]"#, r#"["family", "taxes"]"#),
];

const TIERS: &[Setting] = &[
    Setting::new("local_fast", Kind::Integer(1, 100_000, "runs"), "null", "Small models"),
    Setting::new("local_smart", Kind::Integer(1, 100_000, "runs"), "null", "Larger models"),
    Setting::new("cloud_smart", Kind::Integer(1, 100_000, "runs"), "null", "Cloud models"),
];
