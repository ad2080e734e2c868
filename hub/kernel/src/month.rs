//! Months: of UTC days, by which providers bill, and as a time zone shows them.

use std::fmt;
use std::str::FromStr;

use agentos_domain::Timestamp;
use agentos_store::Day;
use jiff::civil::{Date, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use crate::error::KernelError;

const NAMES: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A month of UTC days, written `2026-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month(Day);

impl Month {
    /// A month of the calendar.
    ///
    /// # Errors
    /// [`KernelError::Invalid`] where there is none.
    pub fn new(year: i16, month: i8) -> Result<Self, KernelError> {
        let known = Day::of_calendar(year, month, 1).map(Self);
        known.ok_or_else(|| KernelError::Invalid {
            reason: format!("{year}-{month} is no month: give a year from 1970 and 1 to 12"),
        })
    }

    /// The month of a day.
    #[must_use]
    pub fn of(day: Day) -> Self {
        Self(day.first_of_month())
    }

    /// Its first day.
    #[must_use]
    pub fn first(self) -> Day {
        self.0
    }

    /// Its last day.
    #[must_use]
    pub fn last(self) -> Day {
        self.0.last_of_month()
    }

    /// Its year.
    #[must_use]
    pub fn year(self) -> i16 {
        self.0.year()
    }

    /// Its number, 1 to 12.
    #[must_use]
    pub fn month(self) -> i8 {
        self.0.month()
    }

    /// As people call it: `November 2026`.
    #[must_use]
    pub fn name(self) -> String {
        let index = usize::try_from(self.month() - 1).unwrap_or(0);
        format!("{} {}", NAMES.get(index).copied().unwrap_or_default(), self.year())
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year(), self.month())
    }
}

impl FromStr for Month {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = format!("{text}-01").parse().map(Self);
        let shown = || text.chars().take(40).collect::<String>();
        day.map_err(|_| format!("`{}` is no month: write it as 2026-11", shown()))
    }
}

impl TryFrom<String> for Month {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.to_string()
    }
}

/// When a month begins and ends by the clocks of a time zone. Days in UTC cannot
/// be cut: totals are of the UTC days, and this is stated beside them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MonthInZone {
    /// The time zone, by its IANA name.
    pub timezone: String,
    /// When the month begins there.
    pub begins: Timestamp,
    /// When it ends there and the next begins.
    pub ends: Timestamp,
}

/// A time zone that months are stated in.
#[derive(Debug, Clone)]
pub(crate) struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    pub(crate) fn named(name: &str) -> Result<Self, KernelError> {
        let unknown = || KernelError::UnknownZone { name: name.chars().take(80).collect() };
        // The rules are part of the program: the hub's container has none.
        let zone = TimeZoneDatabase::bundled().get(name).map_err(|_| unknown())?;
        let name = zone.iana_name().ok_or_else(unknown)?.to_owned();
        Ok(Self { name, zone })
    }

    pub(crate) fn month(&self, month: Month) -> MonthInZone {
        let next = Month::of(month.last().plus(1));
        MonthInZone {
            timezone: self.name.clone(),
            begins: self.midnight(month.first()),
            ends: self.midnight(next.first()),
        }
    }

    /// The instant at which a day begins there: where midnight is skipped, the
    /// first instant after the gap.
    fn midnight(&self, day: Day) -> Timestamp {
        let date = Date::new(day.year(), day.month(), day.day_of_month());
        let civil = date.unwrap_or(Date::ZERO).to_datetime(Time::midnight());
        let instant = self.zone.to_ambiguous_timestamp(civil).compatible();
        instant.map_or(day.begins(), |time| Timestamp::from_millis(time.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    #[test]
    fn months_are_of_utc_days() {
        let february = month("2028-02");
        assert_eq!(
            (february.first().to_string(), february.last().to_string()),
            ("2028-02-01".to_owned(), "2028-02-29".to_owned())
        );
        assert_eq!(
            (february.name(), february.to_string()),
            ("February 2028".into(), "2028-02".into())
        );
        assert_eq!(Month::new(2026, 12).unwrap(), month("2026-12"));
        for text in ["", "2026", "2026-13", "2026-1", "26-01", "2026-11-01"] {
            assert!(text.parse::<Month>().is_err(), "{text}");
        }
        assert!(Month::new(2026, 13).is_err() && Month::new(1969, 1).is_err());
    }

    #[test]
    fn a_zone_states_its_own_month_also_where_clocks_change() {
        for (zone, written, begins, ends) in [
            ("UTC", "2026-11", "2026-11-01T00:00:00.000Z", "2026-12-01T00:00:00.000Z"),
            ("Asia/Seoul", "2026-11", "2026-10-31T15:00:00.000Z", "2026-11-30T15:00:00.000Z"),
            // Summer time begins in March and ends in October.
            ("Europe/Berlin", "2026-03", "2026-02-28T23:00:00.000Z", "2026-03-31T22:00:00.000Z"),
            ("Europe/Berlin", "2026-10", "2026-09-30T22:00:00.000Z", "2026-10-31T23:00:00.000Z"),
            ("America/New_York", "2028-02", "2028-02-01T05:00:00.000Z", "2028-03-01T05:00:00.000Z"),
        ] {
            let stated = Zone::named(zone).unwrap().month(month(written));
            assert_eq!(
                (stated.begins.to_string(), stated.ends.to_string()),
                (begins.to_owned(), ends.to_owned()),
                "{zone} {written}"
            );
            assert_eq!(stated.timezone, zone);
        }
        assert!(Zone::named("Mars/Olympus").unwrap_err().to_string().contains("no time zone"));
    }
}
