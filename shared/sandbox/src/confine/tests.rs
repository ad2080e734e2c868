mod collected;
mod told;

use proptest::prelude::*;

use super::output::Buffer;
use super::{PROTECTED, SeatbeltError, SeatbeltPolicy, Tier, neutralise};

#[test]
fn what_is_printed_moves_no_cursor_and_hides_nothing() {
    for (printed, shown) in [
        (&b"plain \tand\nlines\r\n"[..], "plain \tand\nlines\n"),
        (b"\x1b[2J\x1b]0;t\x07", "\u{241B}[2J\u{241B}]0;t\u{2407}"),
        (b"over\rwritten\x08\x7f", "over\u{240D}written\u{2408}\u{2421}"),
        (b"\xff\xfe", "\u{FFFD}\u{FFFD}"),
        ("a\u{202E}b\u{200B}c\u{9B}d\u{FEFF}".as_bytes(), "a\u{FFFD}b\u{FFFD}c\u{FFFD}d\u{FFFD}"),
        ("grüße 漢字 🦀".as_bytes(), "grüße 漢字 🦀"),
    ] {
        assert_eq!(neutralise(printed), shown);
    }
}

proptest! {
    #[test]
    fn nothing_printed_is_a_control_character(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let shown = neutralise(&bytes);
        prop_assert!(!shown.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
    }
}

#[tokio::test]
async fn output_is_kept_up_to_its_limit() {
    for (limit, text, truncated) in
        [(5, "12345", false), (4, "1234\n[cut off after 4 bytes]", true)]
    {
        let mut buffer = Buffer::new(limit);
        buffer.fill(&mut &b"123"[..]).await;
        buffer.fill(&mut &b"45"[..]).await;
        let captured = buffer.captured();
        assert_eq!((captured.text.as_str(), captured.truncated), (text, truncated));
    }
}

#[test]
fn the_stronger_tier_promises_more_and_leaves_less_open() {
    assert!(Tier::Bubblewrap > Tier::Launcher);
    let (weak, strong) = (Tier::Launcher.guarantees(), Tier::Bubblewrap.guarantees());
    assert!(weak.iter().all(|guarantee| strong.contains(guarantee)) && weak.len() < strong.len());
    assert!(Tier::Bubblewrap.known_open().len() < Tier::Launcher.known_open().len());
}

fn policy() -> SeatbeltPolicy {
    SeatbeltPolicy {
        folder: "/tmp/run \"7\"".into(),
        writable: vec!["temp".into(), "outputs".into()],
        temporary: "/private/var/folders/x/T".into(),
        readable: vec!["/opt/data".into()],
        executable: vec!["/opt/tools".into()],
        proxy_port: Some(3128),
    }
}

#[test]
fn the_profile_for_a_mac_is_as_it_was() {
    let profile = policy().profile().unwrap();
    let golden = include_str!("tests/profile.sb");
    assert_eq!(profile, golden, "\n{profile}");
}

#[test]
fn the_profile_for_a_mac_allows_no_way_out() {
    let profile = SeatbeltPolicy { proxy_port: None, ..policy() }.profile().unwrap();
    assert!(profile.starts_with("(version 1)\n(deny default)\n"));
    for way_out in [
        "launchservicesd",
        "appleevents",
        "SecurityServer",
        "securityd",
        "keychain",
        "secd",
        "pasteboard",
        "tccd",
        "screencapture\")\n(allow",
        "mDNSResponder",
        "network",
        "(allow default",
        "mach-lookup)",
        "sysctl-read)",
        "file-read*)",
        "/bin/ps",
    ] {
        assert!(!profile.contains(way_out), "{way_out}");
    }
    // What is denied comes after all that is allowed: the last line counts.
    let denied = profile.find("(deny file-write*").unwrap();
    assert!(profile.rfind("(allow ").unwrap() < denied);
    for name in PROTECTED {
        assert!(profile[denied..].contains(&format!("/tmp/run \\\"7\\\"/{name}\")")), "{name}");
    }
}

#[test]
fn paths_that_would_be_read_otherwise_are_refused() {
    for path in ["", "relative", "/", "/a/../b", "/a\nb", "/a\u{1b}b", "/a\0b"] {
        let policy = SeatbeltPolicy { readable: vec![path.into()], ..policy() };
        let invalid = matches!(policy.profile(), Err(SeatbeltError::InvalidPath(_)));
        assert!(invalid, "{path:?}");
    }
}
