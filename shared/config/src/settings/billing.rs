//! The settings of what providers charge: when it is collected, how, and where
//! it is written.

use crate::format::Format;
use crate::kind::{Kind, Setting};

pub(super) const SCHEDULE: &[Setting] = &[
    Setting::new("enabled", Kind::Bool, "true", "Whether the schedule runs"),
    Setting::new("time", Kind::Text(Format::TimeOfDay), r#""06:00""#, "When, each day")
        .samples(r#""23:59""#, r#""00:30""#),
    Setting::new("timezone", Kind::Text(Format::TimeZone), "UTC", "The time zone of the time")
        .samples("Europe/Lisbon", "America/New_York"),
];

pub(super) const COLLECTOR: &[Setting] = &[
    Setting::new("enabled", Kind::Bool, "true", "Whether it runs"),
    Setting::new(
        "timeout",
        Kind::Integer(1, 3600, "seconds"),
        "60",
        "The longest that a request to the provider may take",
    ),
    Setting::new(
        "retry_count",
        Kind::Integer(0, 20, "tries"),
        "3",
        "Further tries after a failure",
    ),
    Setting::new(
        "retry_delay",
        Kind::Integer(0, 3600, "seconds"),
        "5",
        "Pause before a further try, where the provider names none",
    ),
    Setting::new(
        "refresh_days",
        Kind::Integer(0, 90, "days"),
        "3",
        "Days that the daily job fetches again, for providers still change them",
    ),
    Setting::new(
        "base_url",
        Kind::Text(Format::HttpUrl),
        "null",
        "Where the provider's administration API is, where it is not at its own address, such as \
         behind a proxy",
    )
    .samples("https://proxy.example/v1", "http://127.0.0.1:9000"),
];

pub(super) const EXPORT: &[Setting] = &[
    Setting::new("default_format", Kind::Choice(&["csv", "focus"]), "csv", "The format"),
    Setting::new("output_dir", Kind::Text(Format::Path), "./exports", "Where files are written")
        .samples("/data/exports", "out"),
    Setting::new(
        "include_raw_json",
        Kind::Bool,
        "false",
        "Whether the provider's own answer is a column",
    ),
];
