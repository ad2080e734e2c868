//! What people say of time, and what it accounts for.

use super::*;

fn has(said: &str, value: &str) -> Option<bool> {
    Times::read(said).0.has(value)
}

#[test]
fn moments_are_found_however_they_are_said() {
    for (said, value) in [
        ("on may 15th, 2024 please", "2024-05-15"),
        ("the 14th of november", "2023-11-14"),
        ("on 2024-05-19 at 12:00 for one hour", "2024-05-19 12:00"),
        ("on 2024-05-19 at 12:00 for one hour", "2024-05-19t13:00"),
        ("a 1-hour long event on 2024-05-16 at 10:00.", "2024-05-16 11:00"),
        ("15 may 2024 6 pm", "2024-05-15 18:00"),
        ("15 may 2024, 6:30pm for 90 minutes", "2024-05-15 20:00:00"),
        ("from january 11th to january 15th 2025", "2025-01-11"),
        ("may 3 at 11 pm for 2 hours", "2031-05-03 01:00"),
        ("at noon on june 1", "2024-06-01 12:00"),
    ] {
        assert_eq!(has(said, value), Some(true), "{value} in {said}");
    }
}

#[test]
fn other_moments_are_not() {
    for (said, value) in [
        ("on may 15th, 2024", "2023-05-15"),
        ("on may 15th, 2024", "2024-05-16"),
        ("from january 11th to january 15th 2025", "2024-01-11"),
        ("on 2024-05-19 at 12:00 for one hour", "2024-05-19 14:00"),
        ("on 2024-05-19", "2024-05-19 09:00"),
        ("you may 15 times", "2024-06-15"),
    ] {
        assert_eq!(has(said, value), Some(false), "{value} in {said}");
    }
    for value in ["lunch", "12", "2024-05", "ab:cd", "12:61", "2024-05-15 lunch"] {
        assert_eq!(has("on 2024-05-15 at 12:00", value), None, "{value}");
    }
}

#[test]
fn what_is_of_a_date_is_no_number_besides() {
    let (_, rest) = Times::read("13 files by june 13 at 10:30, 2 hours, 5 euros");
    assert_eq!(rest, "13 files by at 5 euros");
}
