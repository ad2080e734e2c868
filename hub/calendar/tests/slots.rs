//! The slots of expressions, also where the clocks change.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use agentos_calendar::{Calendar, CalendarError};
use agentos_domain::{Timestamp, Timing};

fn time(text: &str) -> Timestamp {
    let instant: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_millis(instant.as_millisecond())
}

/// The first slots after `after`, by the clocks of the zone.
fn slots(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let calendar = Calendar::cron(expression, zone).unwrap();
    let clocks = jiff::tz::TimeZone::get(zone).unwrap();
    let mut last = time(after);
    let mut found = Vec::new();
    for _ in 0..count {
        last = calendar.next_after(last).unwrap();
        let zoned = jiff::Timestamp::from_millisecond(last.millis()).unwrap();
        found.push(zoned.to_zoned(clocks.clone()).strftime("%d %H:%M%:z").to_string());
    }
    found
}

#[test]
fn days_weekdays_and_names_are_understood() {
    let utc = |expression, after, count| slots(expression, "UTC", after, count);
    assert_eq!(
        utc("*/20 9-10 * * *", "2026-11-21T09:40:00Z", 3),
        ["21 10:00+00:00", "21 10:20+00:00", "21 10:40+00:00"]
    );
    // 21 November 2026 is a Saturday.
    assert_eq!(
        utc("0 6 * * mon-fri", "2026-11-21T12:00:00Z", 2),
        ["23 06:00+00:00", "24 06:00+00:00"]
    );
    assert_eq!(
        utc("0 6 1 * MON", "2026-11-25T12:00:00Z", 3)[..2],
        ["30 06:00+00:00", "01 06:00+00:00"]
    );
    assert_eq!(utc("@daily", "2026-11-21T00:00:00Z", 1), ["22 00:00+00:00"]);
    assert_eq!(
        utc("  0   0  L * * ", "2027-02-01T00:00:00Z", 2),
        ["28 00:00+00:00", "31 00:00+00:00"]
    );
    // The instant itself is no slot after it, and a millisecond before it is.
    let calendar = Calendar::cron("0 * * * *", "UTC").unwrap();
    let hour = time("2026-11-21T10:00:00Z");
    let before = Timestamp::from_millis(hour.millis() - 1);
    assert_eq!(calendar.next_after(before), Some(hour));
    assert_eq!(calendar.next_after(hour), Some(time("2026-11-21T11:00:00Z")));
    assert_eq!(calendar.timing(), Timing::Cron { cron: "0 * * * *".into() });
}

#[test]
fn the_29th_of_february_comes_every_four_years_and_not_in_2100() {
    let calendar = Calendar::cron("0 12 29 2 *", "Europe/Berlin").unwrap();
    let mut last = time("2024-03-01T00:00:00Z");
    let mut years = Vec::new();
    for _ in 0..20 {
        last = calendar.next_after(last).unwrap();
        years.push(last.to_string()[..4].parse::<u32>().unwrap());
    }
    let expected: Vec<u32> = (2028..=2108).step_by(4).filter(|year| *year != 2100).collect();
    assert_eq!(years, expected);
}

#[test]
fn times_of_the_day_that_are_skipped_are_at_the_end_of_the_gap() {
    let berlin =
        |expression, count| slots(expression, "Europe/Berlin", "2027-03-27T00:00:00Z", count);
    assert_eq!(berlin("30 2 * * *", 3), ["27 02:30+01:00", "28 03:00+02:00", "29 02:30+02:00"]);
    // Several of them, and one that is there anyway, are one slot.
    assert_eq!(
        berlin("0,30 2,3 * * *", 7)[3..],
        ["27 03:30+01:00", "28 03:00+02:00", "28 03:30+02:00", "29 02:00+02:00"]
    );
    assert_eq!(
        slots("30 2 * * *", "America/New_York", "2027-03-13T12:00:00Z", 2),
        ["14 03:00-04:00", "15 02:30-04:00"]
    );
    // Half an hour only.
    assert_eq!(
        slots("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", 2),
        ["04 02:30+11:00", "05 02:15+11:00"]
    );
    // Two hours.
    assert_eq!(
        slots("30 1 * * *", "Antarctica/Troll", "2027-03-27T12:00:00Z", 2),
        ["28 03:00+02:00", "29 01:30+02:00"]
    );
    // A whole day, of which several are one slot.
    assert_eq!(
        slots("0 6,12 * * *", "Pacific/Apia", "2011-12-29T20:00:00Z", 4),
        ["29 12:00-10:00", "31 00:00+14:00", "31 06:00+14:00", "31 12:00+14:00"]
    );
}

#[test]
fn times_of_the_day_that_come_twice_are_one_slot() {
    let berlin = slots("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
    assert_eq!(berlin, ["25 02:30+02:00", "26 02:30+01:00"]);
    // Also where one looks from between the two.
    let between = slots("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1);
    assert_eq!(between, ["26 02:30+01:00"]);
    assert_eq!(
        slots("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2),
        ["01 01:30-04:00", "02 01:30-05:00"]
    );
    assert_eq!(
        slots("45 1 * * *", "Australia/Lord_Howe", "2027-04-03T00:00:00Z", 2),
        ["04 01:45+11:00", "05 01:45+10:30"]
    );
}

#[test]
fn expressions_that_follow_the_clock_skip_what_it_skips_and_repeat_what_it_repeats() {
    assert_eq!(
        slots("0 * * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", 2),
        ["28 03:00+02:00", "28 04:00+02:00"]
    );
    assert_eq!(
        slots("@hourly", "Europe/Berlin", "2026-10-25T00:00:00Z", 3),
        ["25 02:00+01:00", "25 03:00+01:00", "25 04:00+01:00"]
    );
    assert_eq!(
        slots("*/30 2 * * *", "Europe/Berlin", "2026-10-24T20:00:00Z", 5),
        ["25 02:00+02:00", "25 02:30+02:00", "25 02:00+01:00", "25 02:30+01:00", "26 02:00+01:00"]
    );
    assert_eq!(
        slots("*/30 2 * * *", "Europe/Berlin", "2027-03-27T20:00:00Z", 1),
        ["29 02:00+02:00"]
    );
    assert_eq!(
        slots("45 * * * *", "Australia/Lord_Howe", "2027-04-03T14:00:00Z", 3),
        ["04 01:45+11:00", "04 01:45+10:30", "04 02:45+10:30"]
    );
}

#[test]
fn what_cannot_be_is_refused_with_a_way_out() {
    for never in ["0 0 30 2 *", "0 0 31 2,4,6 *", "* * 31 11 *"] {
        let error = Calendar::cron(never, "UTC").unwrap_err();
        assert!(matches!(error, CalendarError::Never { .. }), "{never}: {error}");
    }
    let long = "0,".repeat(200) + "0 * * * *";
    let wrong = [
        "",
        "x",
        "* * * *",
        "0 0 6 * * *",
        "0 0 * * * 2030",
        "60 * * * *",
        "0 24 * * *",
        "0 0 0 * *",
        "@reboot",
        "* * * FOO *",
        "5-1 * * * *",
        long.as_str(),
    ];
    for wrong in wrong {
        let error = Calendar::cron(wrong, "UTC").unwrap_err();
        assert!(matches!(error, CalendarError::Expression { .. }), "{wrong}: {error}");
        let text = error.to_string();
        assert!(text.contains("five fields") && text.len() < 400, "{text}");
    }
    let error = Calendar::cron("0 6 * * *", "Europe/Berln").unwrap_err();
    assert!(error.to_string().contains("Europe/Berlin"), "{error}");
    for wrong in ["", "Mars", "../etc/passwd", "CET-1CEST", "Local"] {
        let error = Calendar::cron("0 6 * * *", wrong).unwrap_err();
        assert!(matches!(error, CalendarError::Zone { .. }), "{wrong}: {error}");
    }
    assert_eq!(Calendar::cron("0 6 * * *", "europe/berlin").unwrap().timezone(), "Europe/Berlin");
}

#[test]
fn a_single_time_is_one_instant() {
    let once = |at, zone| Calendar::once(at, zone);
    let calendar = once("2027-03-01T08:30", "Europe/Berlin").unwrap();
    let at = time("2027-03-01T07:30:00Z");
    assert_eq!(calendar.timing(), Timing::Once { at });
    assert_eq!(calendar.next_after(time("2027-01-01T00:00:00Z")), Some(at));
    assert_eq!(calendar.next_after(at), None);
    let offset = once("2027-03-01T08:30:00.5+05:00", "Europe/Berlin").unwrap();
    assert_eq!(offset.timing(), Timing::Once { at: time("2027-03-01T03:30:00.5Z") });

    let skipped = once("2027-03-28 02:30", "Europe/Berlin").unwrap_err().to_string();
    assert!(skipped.contains("2027-03-28T03:00:00+02:00"), "{skipped}");
    let twice = once("2026-10-25T02:30", "Europe/Berlin").unwrap_err().to_string();
    assert!(twice.contains("2026-10-25T02:30:00+02:00"), "{twice}");
    assert!(twice.contains("2026-10-25T02:30:00+01:00"), "{twice}");
    // With an offset it says which is meant.
    assert!(once("2026-10-25T02:30:00+01:00", "Europe/Berlin").is_ok());
    for wrong in ["", "tomorrow", "2027-02-30T08:30", "08:30", "1795000000"] {
        let error = once(wrong, "UTC").unwrap_err();
        assert!(matches!(error, CalendarError::Time { .. }), "{wrong}: {error}");
    }
}
