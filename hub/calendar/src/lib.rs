//! When the slots of a schedule are: cron expressions and single times, by the
//! clocks of a time zone. Without any I/O: the rules of the time zones are part
//! of the program, and the time is an argument.
//!
//! # Expressions
//! Five fields: minute, hour, day of the month, month, weekday. Names (`MON`,
//! `JAN`), ranges, lists, steps, `L`, `W` and `#` are understood, and `@hourly`,
//! `@daily`, `@weekly`, `@monthly`, `@yearly`. Where both the day of the month
//! and the weekday are given, either suffices; `+` before the weekday asks for
//! both. An expression that no day matches, such as that of 30 February, is
//! refused.
//!
//! # When the clocks change
//! An expression whose minute or hour begins with `*` follows the clock: its
//! slots are all the instants at which the clock shows a time that it matches.
//! Times that the clock skips in spring are no slots; times that it shows twice
//! in autumn are two.
//!
//! Any other names times of the day, and each of them is one slot: a time that
//! the clock skips is the first instant after the gap (several such are one
//! slot), and of a time that it shows twice the first is meant. So `30 2 * * *`
//! in Europe/Berlin is at 3:00 on the day on which it is never half past two,
//! and happens once on the day on which that comes twice.
//!
//! A single time that the clock skips or shows twice is refused: whoever asks
//! can say which instant is meant.

mod calendar;
mod error;
mod zone;

pub use calendar::Calendar;
pub use error::CalendarError;
