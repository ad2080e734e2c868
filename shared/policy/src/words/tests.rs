//! What stands in a text, and what only seems to.

use super::*;

const SAID: &str = "Please mail Bob (bob@example.com) and see www.site.com/a. Then delete the file \
    'old notes.txt', pay 1,200.50 to DE89370400440532013000 by June 13, ID 7, and ＡＬＩＣＥ too.";

#[test]
fn what_was_said_is_found_in_any_form() {
    let said = Words::new(SAID);
    for value in [
        "bob@example.com",
        "BOB@EXAMPLE.COM",
        "Bob",
        "www.site.com/a",
        "https://www.site.com/a",
        "old notes.txt",
        "Old\u{A0}notes.txt",
        "de89370400440532013000",
        "alice",
        "2024-06-13",
        "delete the file",
    ] {
        assert!(said.has(value), "{value}");
    }
    assert!(said.has_number("1200.5") && said.has_number("1200.50"));
    assert!(said.has_id("7") && said.has_id("old notes.txt"));
}

#[test]
fn a_part_of_what_was_said_is_not_what_was_said() {
    let said = Words::new(SAID);
    for value in [
        "ob@example.com",
        "example.com",
        "bob",
        "site.com/a",
        "www.site.com",
        "www.site.com/ab",
        "bob@example.com.evil.test",
        "notes",
        "DE8937040044053201300",
        "2024-06-14",
        "lice",
        "",
        "http://www.site.com/a",
    ] {
        // `bob` and `notes` stand there by themselves too.
        let alone = ["bob", "notes"].contains(&value);
        assert_eq!(said.has(value), alone && value == "bob", "{value}");
    }
    assert!(!said.has_id("13"), "a day is no id");
    assert!(!said.has_number("13") && !said.has_number("200.5") && !said.has_number("1200"));
}

#[test]
fn letters_that_look_alike_are_told_apart() {
    for honest in ["bob@example.com", "Müller", "почта", "東京 Tokyo", "a/b_c-1", "Ω"] {
        assert!(!is_spoofed(honest), "{honest}");
    }
    for spoofed in
        ["b\u{43E}b@example.com", "exampl\u{435}", "a\u{200B}b", "x\u{202E}y", "\u{3BF}k"]
    {
        assert!(is_spoofed(spoofed), "{spoofed:?}");
        assert!(!Words::new("bob@example.com example ab xy ok").has(spoofed));
    }
}

#[test]
fn a_title_may_be_a_phrase_of_the_user_with_a_known_value_in_it() {
    let said = Words::new("Name the event 'Dinner at {restaurant}' in Paris. Use it as a title.");
    let known = |part: &str| part == "le baratin";
    assert!(said.frames("Dinner at Le Baratin", known));
    assert!(said.frames("Le Baratin, in Paris", known));
    assert!(!said.frames("Le Baratin", known), "nothing of it is the user's");
    assert!(!said.frames("the Le Baratin", known), "a function word is no phrase");
    assert!(!said.frames("Dinner at Luxury Palace", known));
    assert!(!said.frames("Pay at Le Baratin", known));
    assert!(!said.frames("Dinner in Le Baratin", known), "not in one piece");
}

#[test]
fn a_key_says_something() {
    assert!(significant("the notes") && significant("13") && !significant("to the"));
    assert!(!significant(""));
}
