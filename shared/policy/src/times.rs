//! Dates, times of the day and durations in what a user said, so that "May 19th
//! at 12:00 for one hour" accounts for `2024-05-19 12:00` and `2024-05-19 13:00`.

use std::collections::BTreeSet;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const COUNTS: [&str; 12] = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
];
const DAY: u32 = 24 * 60;

/// A date as somebody said it, often without its year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Date {
    year: Option<u32>,
    month: u32,
    day: u32,
}

/// The dates, times and durations of a text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times {
    dates: Vec<Date>,
    /// Minutes of the day.
    clock: BTreeSet<u32>,
    /// Minutes.
    durations: BTreeSet<u32>,
}

impl Times {
    /// Reads a normalised text; also gives what belongs to none of them.
    pub(crate) fn read(text: &str) -> (Self, String) {
        let words: Vec<&str> = text
            .split(|char: char| {
                char.is_whitespace() || matches!(char, '(' | ')' | '\'' | '"' | '`')
            })
            .map(|word| word.trim_matches([',', '.', ';', '?', '!', ':']))
            .filter(|word| !word.is_empty())
            .collect();
        let (mut times, mut rest, mut at) = (Self::default(), Vec::new(), 0);
        while at < words.len() {
            let used = times.take(&words[at..]);
            if used == 0 {
                rest.push(words[at]);
            }
            at += used.max(1);
        }
        (times, rest.join(" "))
    }

    /// Takes what the words begin with; how many words that are.
    fn take(&mut self, words: &[&str]) -> usize {
        if let Some((date, used)) = spoken_date(words) {
            self.dates.push(date);
            return used;
        }
        if let Some(date) = iso_date(words[0]) {
            self.dates.push(date);
            return 1;
        }
        if let Some((minutes, used)) = clock(words) {
            self.clock.insert(minutes);
            return used;
        }
        if let Some((minutes, used)) = duration(words) {
            self.durations.insert(minutes);
            return used;
        }
        0
    }

    /// Whether the moment stands here; `None` where the value is none.
    pub(crate) fn has(&self, value: &str) -> Option<bool> {
        let (date, time) = match value.split_once([' ', 't']) {
            Some((date, time)) => (iso_date(date)?, Some(iso_time(time)?)),
            None => match iso_date(value) {
                Some(date) => (date, None),
                None => return iso_time(value).map(|time| self.has_time(time)),
            },
        };
        Some(self.has_date(date) && time.is_none_or(|time| self.has_time(time)))
    }

    /// A date that was said without its year is one of any year that was said,
    /// or of any at all where none was.
    fn has_date(&self, wanted: Date) -> bool {
        let some_year = self.dates.iter().any(|date| date.year.is_some());
        let said = |year| self.dates.iter().any(|date| date.year == year);
        self.dates.iter().any(|date| {
            let year = date.year == wanted.year
                || (date.year.is_none() && (!some_year || said(wanted.year)));
            year && (date.month, date.day) == (wanted.month, wanted.day)
        })
    }

    /// A time that was said, or that lies a duration that was said after one.
    fn has_time(&self, wanted: u32) -> bool {
        let after = |begin: &u32| self.durations.iter().any(|long| (begin + long) % DAY == wanted);
        self.clock.contains(&wanted) || self.clock.iter().any(after)
    }
}

/// `may 15th, 2024`, `15 may`, `15th of may 2024`.
fn spoken_date(words: &[&str]) -> Option<(Date, usize)> {
    let month = |at: usize| {
        let word = words.get(at)?;
        MONTHS.iter().zip(1..).find(|(name, _)| *name == word).map(|(_, number)| number)
    };
    let day = |at: usize| {
        let word = words.get(at)?;
        let bare = ["st", "nd", "rd", "th"].iter().find_map(|end| word.strip_suffix(end));
        let day: u32 = bare.unwrap_or(word).parse().ok()?;
        (1..=31).contains(&day).then_some(day)
    };
    let (month, day, used) = if let (Some(month), Some(day)) = (month(0), day(1)) {
        (month, day, 2)
    } else if let (Some(day), Some(month)) = (day(0), month(1)) {
        (month, day, 2)
    } else if let (Some(day), Some(&"of"), Some(month)) = (day(0), words.get(1), month(2)) {
        (month, day, 3)
    } else {
        return None;
    };
    let year = words.get(used).filter(|word| word.len() == 4).and_then(|word| word.parse().ok());
    Some((Date { year, month, day }, used + usize::from(year.is_some())))
}

/// `2024-05-15`.
fn iso_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-').map(digits);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let fits = text.len() == 10 && parts.next().is_none();
    fits.then_some(Date { year: Some(year), month, day })
}

/// `13:00`, `13:00:00`.
fn iso_time(text: &str) -> Option<u32> {
    let text = text.strip_suffix(":00").filter(|text| text.len() == 5).unwrap_or(text);
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (text.len() <= 5 && hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// `13:00`, `1:30 pm`, `6pm`, `6 pm`, `noon`.
fn clock(words: &[&str]) -> Option<(u32, usize)> {
    let first = *words.first()?;
    if first == "noon" {
        return Some((12 * 60, 1));
    }
    let half = |word: &str| match word {
        "am" | "a.m" => Some(0),
        "pm" | "p.m" => Some(12 * 60),
        _ => None,
    };
    let with_half = |text: &str, half: u32| {
        let minutes = iso_time(text).or_else(|| digits(text).map(|hours| hours * 60))?;
        (minutes < 13 * 60).then_some(minutes % (12 * 60) + half)
    };
    for (end, used) in [(words.get(1).copied(), 2), (first.get(first.len().saturating_sub(2)..), 1)]
    {
        let Some(half) = end.and_then(half) else { continue };
        let bare = if used == 2 { first } else { &first[..first.len() - 2] };
        return with_half(bare, half).map(|minutes| (minutes, used));
    }
    iso_time(first).map(|minutes| (minutes, 1))
}

/// `1 hour`, `one hour`, `1-hour`, `90 minutes`.
fn duration(words: &[&str]) -> Option<(u32, usize)> {
    let first = *words.first()?;
    let (count, unit, used) = match first.split_once('-') {
        Some((count, unit)) => (count, unit, 1),
        None => (first, *words.get(1)?, 2),
    };
    let unit = match unit.trim_end_matches('s') {
        "hour" => 60,
        "minute" | "min" => 1,
        _ => return None,
    };
    let spelt = COUNTS.iter().zip(1..).find(|(name, _)| **name == count).map(|(_, count)| count);
    let count = spelt.or_else(|| digits(count)).filter(|count| *count < DAY)?;
    Some((count * unit, used))
}

fn digits(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.chars().all(|char| char.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
