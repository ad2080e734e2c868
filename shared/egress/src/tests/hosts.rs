//! Names and lists.

use super::support::host;
use crate::host::with_port;
use crate::*;

#[test]
fn names_are_read_into_one_form() {
    for (text, expected) in [
        ("example.org", "example.org"),
        ("EXAMPLE.org.", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("ｅｘａｍｐｌｅ。org", "example.org"),
        ("127.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("①②⑦.⓪.⓪.①", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("::1", "[::1]"),
        ("[::1]", "[::1]"),
    ] {
        assert_eq!(text.parse::<Host>().map(|host| host.to_string()).unwrap(), expected, "{text}");
    }
}

#[test]
fn what_parsers_read_differently_is_no_host() {
    let long = format!("{}.org", "a.".repeat(130));
    let label = format!("{}.org", "a".repeat(64));
    for text in [
        "",
        ".",
        "..",
        "a..b",
        ".a",
        "a..",
        "evil.test\0.allowed.test",
        "a\r\nb",
        "a\nb",
        "a b",
        "a%00b",
        "%61.test",
        "a_b.test",
        "a@b",
        "a/b",
        "a\\b",
        "a?b",
        "a#b",
        "a:1",
        "[::1",
        "::1]",
        "1.2.3.4.5",
        "256.1.1.1",
        "a.1",
        "a.0x7f",
        "[fe80::1%eth0]",
        "a\tb",
        "a\u{0}",
        long.as_str(),
        label.as_str(),
    ] {
        assert!(text.parse::<Host>().is_err(), "{text:?}");
    }
}

#[test]
fn a_port_is_part_of_what_is_asked_for() {
    assert_eq!(with_port("a.test:443").unwrap(), (host("a.test"), 443));
    assert_eq!(with_port("[::1]:22").unwrap(), (host("::1"), 22));
    for text in
        ["a.test", "a.test:", "a.test:0", "a.test:65536", "a.test:+1", "::1:22", ":1", "u@a.test:1"]
    {
        assert!(with_port(text).is_err(), "{text}");
    }
}

#[test]
fn lists_compare_labels() {
    let list =
        AllowList::new(["allowed.test", "*.below.test", "ports.test:8443", "[::1]:9"]).unwrap();
    for (text, port, expected) in [
        ("allowed.test", 443, true),
        ("ALLOWED.test.", 80, true),
        ("allowed.test", 8080, false),
        ("www.allowed.test", 443, false),
        ("allowed.test.evil.test", 443, false),
        ("evilallowed.test", 443, false),
        ("a.below.test", 443, true),
        ("a.b.below.test", 443, true),
        ("below.test", 443, false),
        ("evilbelow.test", 443, false),
        ("a.below.test.evil.test", 443, false),
        ("ports.test", 8443, true),
        ("ports.test", 443, false),
        ("::1", 9, true),
    ] {
        assert_eq!(list.permits(&host(text), port), expected, "{text}:{port}");
    }
}

#[test]
fn an_empty_list_allows_nothing() {
    for list in [
        AllowList::default(),
        AllowList::new::<&str>([]).unwrap(),
        AllowList::new([""]).unwrap(),
        AllowList::new([" ", ""]).unwrap(),
    ] {
        assert!(list.is_empty());
        for text in ["example.org", "8.8.8.8", "localhost"] {
            assert!(!list.permits(&host(text), 443), "{text}");
        }
    }
    assert!(AllowList::new(["*"]).unwrap().permits(&host("example.org"), 443));
}

#[test]
fn what_is_no_pattern_is_refused_as_a_whole() {
    for text in [
        "**",
        "*.",
        "a.*",
        "*a.test",
        "*.1.2.3.4",
        "a.test:",
        "a.test:http",
        "a.test:0",
        "a b",
        "a%b",
        "http://a.test",
    ] {
        assert!(AllowList::new(["good.test", text]).is_err(), "{text}");
    }
}
