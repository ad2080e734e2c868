//! Days in UTC, by which providers bill.

use std::fmt;
use std::str::FromStr;

use agentos_domain::Timestamp;
use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

const DAY_MILLIS: i64 = 86_400_000;
const EPOCH: Date = Date::constant(1970, 1, 1);

/// A day from midnight to midnight UTC, written `2026-11-21`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(Date);

/// Why a text is no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{got}` is no day: write it as 2026-11-21")]
pub struct DayError {
    got: String,
}

impl Day {
    /// The day of an instant, within the years 1970 to 9999.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        Self(EPOCH).plus(time.millis().max(0).div_euclid(DAY_MILLIS))
    }

    /// A day of the calendar, if there is such a one.
    #[must_use]
    pub fn of_calendar(year: i16, month: i8, day: i8) -> Option<Self> {
        Date::new(year, month, day).ok().filter(|date| *date >= EPOCH).map(Self)
    }

    /// The instant at which it begins.
    #[must_use]
    pub fn begins(self) -> Timestamp {
        Timestamp::from_millis(i64::from(self.since_epoch()) * DAY_MILLIS)
    }

    /// The instant at which it ends and the next begins.
    #[must_use]
    pub fn ends(self) -> Timestamp {
        Timestamp::from_millis((i64::from(self.since_epoch()) + 1) * DAY_MILLIS)
    }

    /// So many days later, or earlier below zero; within 1970 to 9999.
    #[must_use]
    pub fn plus(self, days: i64) -> Self {
        let days = days.clamp(-4_000_000, 4_000_000);
        Self(self.0.saturating_add(Span::new().days(days)).max(EPOCH))
    }

    /// How many days after `earlier` it is; below zero where it is before it.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        i64::from(self.since_epoch()) - i64::from(earlier.since_epoch())
    }

    /// The days from this one to `last`, both included.
    pub fn through(self, last: Self) -> impl Iterator<Item = Self> + use<> {
        (0..=last.since(self)).map(move |days| self.plus(days))
    }

    /// Its year.
    #[must_use]
    pub fn year(self) -> i16 {
        self.0.year()
    }

    /// Its month, 1 to 12.
    #[must_use]
    pub fn month(self) -> i8 {
        self.0.month()
    }

    /// Its number in its month, from 1.
    #[must_use]
    pub fn day_of_month(self) -> i8 {
        self.0.day()
    }

    /// The first day of its month.
    #[must_use]
    pub fn first_of_month(self) -> Self {
        Self(self.0.first_of_month())
    }

    /// The last day of its month.
    #[must_use]
    pub fn last_of_month(self) -> Self {
        Self(self.0.last_of_month())
    }

    fn since_epoch(self) -> i32 {
        // Both are dates of the calendar: they are less than 4 million days apart.
        self.0.since(EPOCH).map_or(0, |span| span.get_days())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let refuse = || DayError { got: text.chars().take(40).collect() };
        let formed = text.len() == 10
            && text.bytes().enumerate().all(|(place, byte)| match place {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        let date = text.parse::<Date>().ok().filter(|date| formed && *date >= EPOCH);
        date.map(Self).ok_or_else(refuse)
    }
}

impl TryFrom<String> for Day {
    type Error = DayError;

    fn try_from(text: String) -> Result<Self, DayError> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_from_midnight_to_midnight_in_utc() {
        let written = day("2026-11-21");
        assert_eq!(written.begins().to_string(), "2026-11-21T00:00:00.000Z");
        assert_eq!(written.ends(), day("2026-11-22").begins());
        assert_eq!(Day::of(written.begins()), written);
        assert_eq!(Day::of(Timestamp::from_millis(written.ends().millis() - 1)), written);
        assert_eq!(Day::of(Timestamp::from_millis(-1)), day("1970-01-01"));
        assert_eq!(written.to_string(), "2026-11-21");
    }

    #[test]
    fn months_and_leap_years_are_those_of_the_calendar() {
        assert_eq!(day("2028-02-28").plus(1), day("2028-02-29"));
        assert_eq!(day("2026-02-28").plus(1), day("2026-03-01"));
        assert_eq!(day("2028-02-03").last_of_month(), day("2028-02-29"));
        assert_eq!(day("2026-02-03").last_of_month(), day("2026-02-28"));
        assert_eq!(day("2028-03-01").since(day("2028-02-01")), 29);
        assert_eq!(day("2028-02-01").through(day("2028-02-29")).count(), 29);
        assert_eq!(day("2026-01-02").through(day("2026-01-01")).count(), 0);
        assert_eq!(Day::of_calendar(2026, 2, 29), None);
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026-02-29",
            "2026-13-01",
            "26-11-21",
            "2026-1-1",
            "20261121",
            "2026-11-21T00:00",
            "2026/11/21",
            "1969-12-31",
            "-02026-11",
            "2026-11-2१",
        ] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }
}
