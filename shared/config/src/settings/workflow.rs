//! The settings of `workflow.yaml`: plugins that are declared and nothing else.

use crate::format::Format;
use crate::kind::{Kind, Setting};

/// All keys of the file.
pub(crate) const WORKFLOW: &[Setting] = &[Setting::new(
    "plugins",
    Kind::Map(&Kind::Record(PLUGIN)),
    "{}",
    "Plugins of the kernel, by their names",
)];

const PLUGIN: &[Setting] = &[
    Setting::required("type", Kind::Choice(&["command", "http"]), "What it is"),
    Setting::new(
        "command",
        Kind::List(&Kind::Text(Format::Any)),
        "[]",
        "Of a command: the program and its arguments; no shell reads them",
    ),
    Setting::new(
        "url",
        Kind::Text(Format::HttpUrl),
        "null",
        "Of an http plugin: where its parameters are sent as JSON",
    ),
    Setting::new(
        "bearer",
        Kind::Text(Format::Any),
        "null",
        "Of an http plugin: the name of the secret that is shown",
    ),
    Setting::new(
        "secrets",
        Kind::List(&Kind::Text(Format::Any)),
        "[]",
        "Of a command: the names of the secrets that are in its environment, in capitals",
    ),
    Setting::new(
        "timeout",
        Kind::Integer(1, 86_400, "seconds"),
        "60",
        "The longest that a run of it may take",
    ),
];
