//! The slots of a schedule.

use std::str::FromStr as _;

use agentos_domain::{Timestamp, Timing};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{DateTime, datetime};
use jiff::tz::AmbiguousOffset;

use crate::error::{CalendarError, shorten};
use crate::zone::Zone;

/// The longest expression that is read, in bytes.
const MAX_EXPRESSION: usize = 200;

/// When the slots of a schedule are.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: Zone,
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    Cron {
        expression: String,
        cron: Box<Cron>,
        /// Whether it has a slot whenever the clock shows what it matches.
        follows: bool,
    },
    Once(Timestamp),
}

impl Calendar {
    /// All the times that `expression` names by the clocks of `timezone`.
    ///
    /// # Errors
    /// Where the expression cannot be read or never happens, and where there is
    /// no such time zone.
    pub fn cron(expression: &str, timezone: &str) -> Result<Self, CalendarError> {
        let zone = Zone::named(timezone)?;
        let expression = expression.split_whitespace().collect::<Vec<_>>().join(" ");
        let wrong = |reason: String| {
            let reason = reason.trim_end_matches('.').to_owned();
            CalendarError::Expression { expression: shorten(&expression), reason }
        };
        if expression.len() > MAX_EXPRESSION {
            return Err(wrong(format!("it has more than {MAX_EXPRESSION} characters")));
        }
        let (fields, named) = (expression.split(' ').count(), expression.starts_with('@'));
        if !named && fields != 5 {
            return Err(wrong(format!("it has {fields} fields")));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed);
        let cron = parser.build().parse(&expression).map_err(|error| wrong(error.to_string()))?;
        // The calendar repeats itself every 400 years: what does not happen
        // from here on never does.
        if cron.find_next_occurrence(&datetime(2000, 1, 1, 0, 0, 0, 0), true).is_err() {
            return Err(CalendarError::Never { expression });
        }
        let mut clock = expression.split(' ').take(2);
        let follows = match named {
            true => expression.eq_ignore_ascii_case("@hourly"),
            false => clock.any(|field| field.starts_with('*')),
        };
        Ok(Self { zone, rule: Rule::Cron { expression, cron: Box::new(cron), follows } })
    }

    /// One time: an instant with its offset, or else a time by the clocks of
    /// `timezone`.
    ///
    /// # Errors
    /// Where the time cannot be read, the clocks never show it or show it
    /// twice, and where there is no such time zone.
    pub fn once(at: &str, timezone: &str) -> Result<Self, CalendarError> {
        let zone = Zone::named(timezone)?;
        let text = at.trim();
        let instant = match (jiff::Timestamp::from_str(text), DateTime::from_str(text)) {
            (Ok(instant), _) => instant,
            (Err(_), Ok(civil)) => only(&zone, civil, text)?,
            (Err(_), Err(_)) => return Err(CalendarError::Time { text: shorten(text) }),
        };
        let at = Timestamp::from_millis(instant.as_millisecond());
        Ok(Self { zone, rule: Rule::Once(at) })
    }

    /// As it was written down.
    ///
    /// # Errors
    /// As of [`Self::cron`], where this program reads it otherwise than the one
    /// that wrote it.
    pub fn of(timing: &Timing, timezone: &str) -> Result<Self, CalendarError> {
        match timing {
            Timing::Cron { cron } => Self::cron(cron, timezone),
            Timing::Once { at } => Ok(Self { zone: Zone::named(timezone)?, rule: Rule::Once(*at) }),
        }
    }

    /// To be written down.
    #[must_use]
    pub fn timing(&self) -> Timing {
        match &self.rule {
            Rule::Cron { expression, .. } => Timing::Cron { cron: expression.clone() },
            Rule::Once(at) => Timing::Once { at: *at },
        }
    }

    /// The IANA name of the time zone.
    #[must_use]
    pub fn timezone(&self) -> &str {
        self.zone.name()
    }

    /// The first slot after `after`. None where all are over, and beyond the
    /// times that can be written.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let instant = match &self.rule {
            Rule::Once(at) => return Some(*at).filter(|at| *at > after),
            Rule::Cron { cron, follows, .. } => {
                let after = jiff::Timestamp::from_millisecond(after.millis()).ok()?;
                match follows {
                    true => self.next_shown(cron, after)?,
                    false => self.next_named(cron, after)?,
                }
            }
        };
        Some(Timestamp::from_millis(instant.as_millisecond()))
    }

    /// The next instant at which the clock shows what `cron` matches: looked
    /// for from one change of the clock to the next.
    fn next_shown(&self, cron: &Cron, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let (mut from, mut inclusive) = (after, false);
        loop {
            let civil = cron.find_next_occurrence(&self.zone.civil(from), inclusive).ok()?;
            let instant = self.zone.going_on(from, civil)?;
            match self.zone.change(from, instant) {
                Some(change) => (from, inclusive) = (change, true),
                None => return Some(instant),
            }
        }
    }

    /// The next of the times that `cron` names, each of which is one instant.
    fn next_named(&self, cron: &Cron, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let mut civil = self.zone.civil(after);
        loop {
            civil = cron.find_next_occurrence(&civil, false).ok()?;
            // Not so for times that the clock shows a second time.
            let instant = self.zone.first(civil)?;
            if instant > after {
                return Some(instant);
            }
        }
    }
}

/// The one instant at which the clocks show this time.
fn only(zone: &Zone, civil: DateTime, text: &str) -> Result<jiff::Timestamp, CalendarError> {
    let unreadable = || CalendarError::Time { text: shorten(text) };
    let (text, name) = (shorten(text), zone.name().to_owned());
    match zone.offset(civil) {
        AmbiguousOffset::Unambiguous { offset } => {
            offset.to_timestamp(civil).map_err(|_| unreadable())
        }
        AmbiguousOffset::Gap { .. } => {
            let after = zone.first(civil).ok_or_else(unreadable)?;
            Err(CalendarError::Skipped { text, zone: name, after: zone.written(after) })
        }
        AmbiguousOffset::Fold { before, after } => {
            let twice = [before, after].map(|offset| {
                let instant = offset.to_timestamp(civil).ok();
                instant.map(|instant| instant.display_with_offset(offset).to_string())
            });
            let [Some(first), Some(second)] = twice else { return Err(unreadable()) };
            Err(CalendarError::Twice { text, zone: name, first, second })
        }
    }
}
