//! Secrets in all their encodings, and texts that only look alike.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use crate::*;

const SECRET: &str = "s3cr?t/k\"y>>~+ü-CANARY";

fn scanner() -> LeakScanner {
    LeakScanner::new([("mine", SECRET.as_bytes()), ("plain", b"correct-horse".as_slice())]).unwrap()
}

fn names(text: &[u8]) -> Vec<String> {
    scanner().scan(text).into_iter().map(|finding| finding.name).collect()
}

#[test]
fn a_secret_is_found_in_every_usual_encoding() {
    let mut written: Vec<Vec<u8>> = vec![
        SECRET.into(),
        hex::encode(SECRET).into(),
        hex::encode_upper(SECRET).into(),
        url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect::<String>().into(),
        serde_json::to_vec(SECRET).unwrap(),
        serde_json::to_string(SECRET).unwrap().replace('/', "\\/").into(),
        SECRET.bytes().rev().collect(),
        SECRET.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        SECRET.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>().into(),
        SECRET.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>().into(),
    ];
    for before in ["", "a", "ab", "abc", "user:"] {
        for after in ["", "x", "xy", "xyz"] {
            let inner = format!("{before}{SECRET}{after}");
            written.push(STANDARD.encode(&inner).into());
            written.push(URL_SAFE.encode(&inner).into());
            written.push(URL_SAFE_NO_PAD.encode(&inner).into());
        }
    }
    for (number, text) in written.iter().enumerate() {
        let text = [b"before ".as_slice(), text, b" after"].concat();
        assert_eq!(names(&text), ["mine"], "{number}: {}", String::from_utf8_lossy(&text));
        let clean = scanner().redact_bytes(&text).into_owned();
        assert_eq!(names(&clean), Vec::<String>::new(), "{number}");
        let clean = String::from_utf8_lossy(&clean).into_owned();
        assert!(clean.starts_with("before ") && clean.ends_with(" after"), "{clean}");
        assert!(clean.contains("[secret mine]"), "{clean}");
    }
}

#[test]
fn keys_of_providers_are_known_by_their_shape() {
    let tail = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0";
    for (text, name) in [
        (format!("sk-ant-api03-{tail}"), "anthropic_key"),
        (format!("sk-proj-{tail}"), "openai_key"),
        (format!("key=sk-{tail}"), "openai_key"),
        (format!("ghp_{}", &tail[..36]), "github_token"),
        (format!("AKIA{}", "ABCDEFGH12345678"), "aws_key"),
        (format!("aos_live_{tail}"), "agent_os_key"),
        (format!("\"hf_{}\"", &tail[..34]), "hugging_face_token"),
        (format!("eyJhbGciOiJIUzI1NiJ9.{tail}.{tail}"), "signed_token"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----".to_owned(), "private_key"),
    ] {
        assert_eq!(names(text.as_bytes()), [name], "{text}");
    }
}

#[test]
fn benign_texts_are_left_alone() {
    let base = STANDARD.encode("an honest text that somebody wrote down in base64");
    for text in [
        "",
        "the task-list of risk-averse people, ask-me-anything, desk-12345678901234567890123456789012",
        "sk-short and ghp_short and AKIA and npm_config_registry=http://x and hf_hub_download",
        "3f786850e387550fdab836ed7e6dc881de23001b 9cbc143",
        "0190a1b2-c3d4-7e5f-8a6b-1c2d3e4f5a6b",
        "correct-hors correct horse CORRECT-HORSE",
        base.as_str(),
    ] {
        assert_eq!(scanner().redact(text), text);
        assert!(matches!(scanner().redact(text), std::borrow::Cow::Borrowed(_)));
    }
}

#[test]
fn several_are_found_in_order_and_none_is_shown() {
    let text = format!("a {SECRET} b correct-horse c");
    let scanner = scanner();
    let found = scanner.scan(text.as_bytes());
    assert_eq!(found.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["mine", "plain"]);
    assert_eq!(found[0].encoding, Encoding::Raw);
    assert_eq!(&text.as_bytes()[found[1].range.clone()], b"correct-horse");
    assert_eq!(scanner.redact(&text), "a [secret mine] b [secret plain] c");
    assert!(!format!("{scanner:?} {found:?}").contains("CANARY"));
    let error = LeakScanner::new([("small", b"CANARY!".as_slice())]).unwrap_err();
    assert_eq!(error, LeakError::TooShort { name: "small".to_owned() });
    // A registered key is named as such, not by its shape, and only once.
    let key = "sk-ant-api03-A1b2C3d4E5f6G7h8I9j0K1l2M3n4";
    let scanner = LeakScanner::new([("claude", key.as_bytes())]).unwrap();
    assert_eq!(scanner.redact(&format!("key {key} end")), "key [secret claude] end");
    // Without any secret it still knows shapes.
    let none = LeakScanner::new([]).unwrap();
    assert_eq!(none.scan(key.as_bytes()).len(), 1);
}

proptest! {
    #[test]
    fn base64_of_anything_around_a_secret_is_found(
        secret in proptest::collection::vec(any::<u8>(), 8..40),
        before in proptest::collection::vec(any::<u8>(), 0..20),
        after in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let scanner = LeakScanner::new([("it", secret.as_slice())]).unwrap();
        let text = [before, secret, after].concat();
        for written in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text), hex::encode(&text)] {
            let found = scanner.scan(written.as_bytes());
            prop_assert!(found.iter().any(|finding| finding.name == "it"), "{written}");
        }
        prop_assert!(scanner.scan(&text).iter().any(|finding| finding.name == "it"));
    }
}
