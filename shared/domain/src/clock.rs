//! Time, as something that is handed in: the only door to the machine's clocks.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};
use jiff::fmt::strtime;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

/// Dates of HTTP that nobody should write any more and everybody must read.
const OBSOLETE_DATES: [&str; 2] = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];

/// An instant in UTC, in whole milliseconds since 1970. Written and read as
/// ISO-8601 (`2026-11-21T08:30:00.000Z`) wherever people or programs see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since 1970.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.0
    }

    /// This instant, later by `duration`.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This instant as HTTP writes it (RFC 9110), to the second:
    /// `Sat, 21 Nov 2026 08:33:20 GMT`. `None` before the year 0 and after 9999.
    #[must_use]
    pub fn http_date(self) -> Option<String> {
        let second = jiff::Timestamp::from_second(self.0.div_euclid(1000)).ok()?;
        DateTimePrinter::new().timestamp_to_rfc9110_string(&second).ok()
    }

    /// Reads a date of HTTP, in any of the three forms of RFC 9110, or of
    /// mail (RFC 5322), which may give another offset. `None` if it is none.
    #[must_use]
    pub fn from_http_date(text: &str) -> Option<Self> {
        let obsolete = |form: &&str| {
            let date = strtime::parse(form, text).and_then(|parsed| parsed.to_datetime());
            date.and_then(|date| Offset::UTC.to_timestamp(date)).ok()
        };
        let time = DateTimeParser::new().parse_timestamp(text).ok();
        let time = time.or_else(|| OBSOLETE_DATES.iter().find_map(obsolete))?;
        Some(Self(time.as_millisecond()))
    }

    /// How long a server asks to wait, in the words of `Retry-After` (RFC 9110):
    /// seconds, or a date. `None` if it is neither; zero if the date is past.
    #[must_use]
    pub fn retry_after(self, text: &str) -> Option<Duration> {
        let text = text.trim();
        match text.parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => Self::from_http_date(text).map(|until| until.since(self)),
        }
    }

    /// How long after `earlier` this instant is; zero if it is before it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A file system may tell a time that ISO-8601 cannot write; what is
        // written must be readable again.
        let nearest = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or(nearest);
        write!(f, "{time:.3}")
    }
}

impl FromStr for Timestamp {
    type Err = String;

    /// Reads ISO-8601 with an offset or `Z`; what is finer than a millisecond
    /// is cut off.
    fn from_str(text: &str) -> Result<Self, String> {
        let time: jiff::Timestamp = text
            .parse()
            .map_err(|_| "expected a time such as 2026-11-21T08:30:00.000Z".to_owned())?;
        Ok(Self(time.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self(time.as_millisecond()))
    }
}

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock, for what is stored and shown.
    fn now(&self) -> Timestamp;

    /// A clock that never goes back, for durations. On macOS it stands still
    /// while the machine sleeps.
    fn monotonic(&self) -> Duration;
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[expect(
    clippy::disallowed_types,
    reason = "this is the one place that reads the machine's clocks"
)]
mod system {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

    use super::{Clock, SystemClock, Timestamp};

    static START: OnceLock<Instant> = OnceLock::new();

    impl Clock for SystemClock {
        fn now(&self) -> Timestamp {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
        }

        fn monotonic(&self) -> Duration {
            START.get_or_init(Instant::now).elapsed()
        }
    }
}

/// A clock that moves only when it is told to, for tests and the simulator.
#[derive(Debug, Default)]
pub struct ManualClock {
    millis: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self { millis: AtomicI64::new(start.millis()) }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.millis.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.millis.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.millis.load(Ordering::SeqCst)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_iso_8601_in_utc() {
        let time = Timestamp::from_millis(1_795_250_000_123);
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(json, "\"2026-11-21T08:33:20.123Z\"");
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
        assert_eq!("2026-11-21T09:33:20.1239+01:00".parse(), Ok(time));
        assert!("2026-11-21T08:33".parse::<Timestamp>().unwrap_err().contains("expected"));
        for (millis, year) in [(i64::MIN, "\"-009999-"), (i64::MAX, "\"9999-")] {
            let json = serde_json::to_string(&Timestamp::from_millis(millis)).unwrap();
            assert!(json.starts_with(year), "{json}");
            serde_json::from_str::<Timestamp>(&json).unwrap();
        }
    }

    #[test]
    fn dates_of_http_are_read_and_written() {
        let date = "Sat, 21 Nov 2026 08:33:20 GMT";
        let time = Timestamp::from_millis(1_795_250_000_000);
        assert_eq!(Timestamp::from_millis(time.millis() + 999).http_date().as_deref(), Some(date));
        for text in [
            date,
            "Saturday, 21-Nov-26 08:33:20 GMT",
            "Sat Nov 21 08:33:20 2026",
            "Sat, 21 Nov 2026 09:33:20 +0100",
        ] {
            assert_eq!(Timestamp::from_http_date(text), Some(time), "{text}");
        }
        for text in
            ["", "now", "1795250000", "2026-11-21T08:33:20Z", "Sun, 21 Nov 2026 08:33:20 GMT"]
        {
            assert_eq!(Timestamp::from_http_date(text), None, "{text}");
        }
        let before = Timestamp::from_millis(-1);
        assert_eq!(before.http_date().as_deref(), Some("Wed, 31 Dec 1969 23:59:59 GMT"));
        assert_eq!(Timestamp::from_millis(i64::MAX).http_date(), None);
    }

    #[test]
    fn pauses_are_read_in_both_forms() {
        let now = Timestamp::from_http_date("Sat, 21 Nov 2026 08:33:20 GMT").unwrap();
        let read = |text| now.retry_after(text);
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read(" 0 "), Some(Duration::ZERO));
        assert_eq!(read("Sat, 21 Nov 2026 08:33:50 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(read("Sat, 21 Nov 2026 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("soon"), None);
        assert_eq!(read("-1"), None);
    }

    #[test]
    fn durations_never_go_negative() {
        let (early, late) = (Timestamp::from_millis(5), Timestamp::from_millis(9));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late.since(early), Duration::from_millis(4));
    }
}
