//! Secrets are neither in errors nor in what is shown.

use serde_json::json;

use super::support::{Place, file_with};
use crate::kind::leaves;
use crate::{Machine, show};

const CANARY: &str = "canary-0123456789-0123456789-0123456789";

#[test]
fn no_error_holds_a_value_whatever_the_setting() {
    let wrong = [
        json!(format!("\u{1}{CANARY}\n")),
        json!({ "inner": CANARY }),
        json!([[CANARY]]),
        json!([{ "model": CANARY, "api_key": [CANARY] }]),
        json!(format!("${{{}", CANARY)),
    ];
    let mut refused = 0;
    for leaf in leaves(Machine::Hub.settings()) {
        for value in &wrong {
            let place = Place::with_file(&file_with(&leaf.path, value));
            let mut resolution = place.resolution(Machine::Hub);
            let place = Place::new().set(&leaf.variable(), &value.to_string());
            resolution.errors.extend(place.resolution(Machine::Hub).errors);
            for error in resolution.errors {
                refused += 1;
                assert!(!error.to_string().contains(CANARY), "{error}");
                assert!(!format!("{error:?}").contains(CANARY), "{error:?}");
            }
        }
    }
    assert!(refused > 200, "{refused}");
}

#[test]
fn nothing_that_is_shown_holds_a_secret() {
    for leaf in leaves(Machine::Hub.settings()).iter().filter(|leaf| leaf.setting.secret) {
        let text = if leaf.path.ends_with("_url") {
            format!("https://discord.example/{CANARY}")
        } else if leaf.path == "security.secrets_key" {
            format!("{:0<43}", CANARY)
        } else {
            CANARY.to_owned()
        };
        for place in [
            Place::with_file(&file_with(&leaf.path, &json!(text))),
            Place::with_file(&file_with(&leaf.path, &json!("${V}"))).set("V", &text),
            Place::new().set(&leaf.variable(), &text),
        ] {
            let loaded = place.hub();
            assert!(show(&loaded).contains("\"********\""), "{}", show(&loaded));
            assert!(!show(&loaded).contains(CANARY), "{}", leaf.path);
            assert!(!format!("{loaded:?}").contains(CANARY), "{}", leaf.path);
        }
    }
}

#[test]
fn a_secret_that_is_put_into_another_value_is_masked_too() {
    let place = Place::with_file("auth: {audience: 'a-${MY_TOKEN}'}\nlink: {names: ['${PASS}']}\n")
        .set("MY_TOKEN", CANARY)
        .set("PASS", "canary-host");
    let loaded = place.hub();
    assert_eq!(loaded.config.link.names, ["canary-host"]);
    assert!(!show(&loaded).contains("canary"), "{}", show(&loaded));
}

#[test]
fn broken_yaml_and_broken_dotenv_say_nothing_of_their_text() {
    for text in [
        format!("auth: {{jwt_secret: \"{CANARY}\n"),
        format!("auth:\n  jwt_secret: {CANARY}: {CANARY}\n"),
        format!("auth:\n\tjwt_secret: {CANARY}\n"),
        format!("auth:\n  jwt_secret: *{CANARY}\n"),
        format!("auth:\n  jwt_secret: @{CANARY}\n"),
    ] {
        let place = Place::with_file(&text);
        assert!(!place.errors().contains("nothing is wrong"), "{text}");
        assert!(!place.errors().contains(CANARY), "{}", place.errors());
    }
    let place = Place::new();
    place.write(".env", &format!("SECRET '{CANARY}'\nX='{CANARY}\n"));
    assert!(!place.errors().contains(CANARY));
}
