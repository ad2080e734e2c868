//! The calendar against a slow and simple one that looks at every minute.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use agentos_calendar::Calendar;
use agentos_domain::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

const ZONES: [&str; 7] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "UTC",
    "Asia/Kathmandu",
    "Antarctica/Troll",
    "Pacific/Apia",
];
const MINUTE: i64 = 60_000;

/// A field of minutes or hours.
#[derive(Debug, Clone)]
enum Field {
    Star,
    Every(i8),
    List(Vec<i8>),
}

impl Field {
    fn text(&self) -> String {
        match self {
            Self::Star => "*".into(),
            Self::Every(step) => format!("*/{step}"),
            Self::List(values) => {
                values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
            }
        }
    }

    fn matches(&self, value: i8) -> bool {
        match self {
            Self::Star => true,
            Self::Every(step) => value % step == 0,
            Self::List(values) => values.contains(&value),
        }
    }

    fn is_star(&self) -> bool {
        !matches!(self, Self::List(_))
    }
}

/// Most of the values lie before `often`.
fn field(often: i8, end: i8) -> impl Strategy<Value = Field> {
    let value = prop_oneof![3 => 0..often, 1 => 0..end];
    prop_oneof![
        1 => Just(Field::Star),
        1 => (2..end / 2).prop_map(Field::Every),
        4 => prop::collection::vec(value, 1..4).prop_map(Field::List),
    ]
}

/// Instants, most of them near a change of the clock of the zone.
fn start(zone: &'static str) -> impl Strategy<Value = i64> {
    // From 2011 to 2030.
    let span = 1_293_840_000_i64..1_893_456_000;
    (span, any::<bool>(), -7_200..7_200_i64).prop_map(move |(second, near, by)| {
        let instant = jiff::Timestamp::from_second(second).unwrap();
        let clocks = TimeZone::get(zone).unwrap();
        let change = clocks.following(instant).next().filter(|_| near);
        change.map_or(second, |change| change.timestamp().as_second() + by) * 1000
    })
}

fn case() -> impl Strategy<Value = (&'static str, Field, Field, i64)> {
    prop::sample::select(&ZONES[..])
        .prop_flat_map(|zone| (Just(zone), field(60, 60), field(4, 24), start(zone)))
}

/// All slots in `(after, after + 2 days]`, found minute by minute.
fn slowly(zone: &str, minute: &Field, hour: &Field, after: i64) -> BTreeSet<i64> {
    const DAY: i64 = 24 * 60 * MINUTE;
    let clocks = TimeZone::get(zone).unwrap();
    let civil =
        |millis: i64| clocks.to_datetime(jiff::Timestamp::from_millisecond(millis).unwrap());
    let matches =
        |time: jiff::civil::DateTime| minute.matches(time.minute()) && hour.matches(time.hour());
    // From before what the clock skips or repeats, for what it names then.
    let begin = (after - 2 * DAY).div_euclid(MINUTE) * MINUTE;
    let minutes = (begin..=after + 2 * DAY).step_by(MINUTE as usize);
    let (mut slots, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut last = civil(begin);
    for millis in minutes {
        let shown = civil(millis);
        if minute.is_star() || hour.is_star() {
            if matches(shown) {
                slots.insert(millis);
            }
            continue;
        }
        // What the clock passed over since the minute before happens now.
        let mut passed = last;
        while passed < shown {
            passed = passed.checked_add(jiff::Span::new().minutes(1)).unwrap();
            if matches(passed) && seen.insert(passed) {
                slots.insert(millis);
            }
        }
        last = last.max(shown);
    }
    slots.split_off(&(after + 1))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn slots_are_those_that_the_clock_shows((zone, minute, hour, after) in case()) {
        let text = format!("{} {} * * *", minute.text(), hour.text());
        let calendar = Calendar::cron(&text, zone).unwrap();
        let end = after + 2 * 24 * 60 * MINUTE;
        let mut found = BTreeSet::new();
        let mut last = Timestamp::from_millis(after);
        while let Some(next) = calendar.next_after(last).filter(|next| next.millis() <= end) {
            prop_assert!(next > last);
            found.insert(next.millis());
            last = next;
        }
        prop_assert_eq!(found, slowly(zone, &minute, &hour, after), "{} in {}", text, zone);
    }

    #[test]
    fn nothing_that_is_written_makes_it_panic(
        text in "[0-9*/,#LW+?@A-Za-z -]{0,24}", zone in "[A-Za-z/_+-]{0,16}", after in any::<i64>(),
    ) {
        let _ = Calendar::once(&text, &zone);
        let _ = Calendar::once(&text, "Europe/Berlin");
        let _ = Calendar::cron(&text, &zone);
        if let Ok(calendar) = Calendar::cron(&text, "Europe/Berlin") {
            let after = Timestamp::from_millis(after);
            prop_assert!(calendar.next_after(after).is_none_or(|next| next > after));
        }
    }
}
