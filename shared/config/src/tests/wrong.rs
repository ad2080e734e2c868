//! Wrong files, and what is said of each: `wrong.txt`, where a case is
//! `=== name`, the file, `--- is`, and the errors, a line each.

use super::support::Place;
use crate::HubConfig;

const TABLE: &str = include_str!("wrong.txt");

struct Case<'a> {
    name: &'a str,
    file: &'a str,
    expected: &'a str,
}

fn cases() -> Vec<Case<'static>> {
    let case = |text: &'static str| {
        let (name, rest) = text.split_once('\n').unwrap();
        let (file, expected) = rest.split_once("--- is\n").unwrap();
        Case { name, file, expected: expected.trim_end() }
    };
    TABLE.split("=== ").skip(1).map(case).collect()
}

fn place(case: &Case<'_>) -> Place {
    Place::with_file(case.file).set("WORD", "canary")
}

#[test]
fn every_wrong_file_is_refused_as_the_table_says() {
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut actual = String::new();
    for case in &cases {
        actual += &format!("=== {}\n{}--- is\n{}\n", case.name, case.file, place(case).errors());
    }
    let wrong: Vec<_> = cases
        .iter()
        .filter(|case| place(case).errors() != case.expected)
        .map(|case| case.name)
        .collect();
    if !wrong.is_empty() {
        let path = std::env::temp_dir().join("wrong.txt");
        std::fs::write(&path, &actual).unwrap();
        panic!("not as expected: {wrong:?}; see {}", path.display());
    }
}

#[test]
fn every_error_has_a_line_a_key_and_what_is_allowed() {
    for case in cases() {
        let errors = place(&case).load::<HubConfig>().expect_err(case.name);
        for error in errors.0 {
            let crate::Origin::File { line, column, .. } = error.origin else {
                panic!("{}: {error}", case.name)
            };
            assert!(line > 0 && column > 0, "{}: {error}", case.name);
            if error.code != "syntax" {
                let whole = matches!(case.name, n if n.ends_with("for the whole file"));
                assert!(error.key.is_some() || whole, "{}: {error}", case.name);
                assert!(error.allowed.is_some(), "{}: {error}", case.name);
            }
        }
    }
}

#[test]
fn aliases_cannot_grow_without_bound() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        text += &format!("a{level}: &a{level} [{before}]\n");
    }
    assert!(Place::with_file(&text).errors().contains("too many values"));
    let deep = format!("server: {}1{}\n", "[".repeat(5000), "]".repeat(5000));
    assert!(Place::with_file(&deep).errors().contains("agent_os.yaml:1:"));
}

#[test]
fn aliases_of_yaml_are_followed() {
    let place = Place::with_file("collectors: {openai: &usual {timeout: 9}, anthropic: *usual}\n");
    assert_eq!(place.hub().config.collectors["anthropic"].timeout.as_secs(), 9);
}

#[test]
fn an_empty_file_and_empty_sections_are_right() {
    for text in ["", "# nothing\n", "---\n", "server:\nauth:\n  jwks:\ncollectors:\n"] {
        assert_eq!(Place::with_file(text).hub().config, Place::new().hub().config, "{text}");
    }
}
