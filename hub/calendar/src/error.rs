//! What may be wrong with the times of a schedule.

/// Why there is no such calendar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// The expression cannot be read.
    #[error(
        "cron: `{expression}` is no cron expression ({reason}): give the five fields minute, \
         hour, day, month and weekday, such as `0 6 * * MON-FRI`"
    )]
    Expression {
        /// What was given, shortened.
        expression: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No day matches the expression.
    #[error("cron: `{expression}` never happens: no such month has such a day")]
    Never {
        /// What was given.
        expression: String,
    },
    /// No time zone has this name.
    #[error("timezone: `{name}` is unknown: use an IANA name such as {suggestion}")]
    Zone {
        /// What was given, shortened.
        name: String,
        /// The name that is most like it.
        suggestion: String,
    },
    /// The time cannot be read.
    #[error(
        "at: `{text}` is no time: write 2027-03-01T08:30 for a time by the clocks of the time \
         zone, or give its offset as in 2027-03-01T08:30:00Z"
    )]
    Time {
        /// What was given, shortened.
        text: String,
    },
    /// The clocks of the time zone skip this time.
    #[error(
        "at: the clocks of {zone} never show {text}, for they are put forward then: \
         the first time after that is {after}"
    )]
    Skipped {
        /// What was given.
        text: String,
        /// The time zone.
        zone: String,
        /// The first instant after the gap, with its offset.
        after: String,
    },
    /// The clocks of the time zone show this time twice.
    #[error(
        "at: the clocks of {zone} show {text} twice, for they are put back then: \
         say {first} or {second}"
    )]
    Twice {
        /// What was given.
        text: String,
        /// The time zone.
        zone: String,
        /// The first of the two, with its offset.
        first: String,
        /// The second one.
        second: String,
    },
}

/// As much of a text as a message may quote.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}
