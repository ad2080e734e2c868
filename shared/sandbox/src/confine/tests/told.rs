//! What bubblewrap and the launcher are told.

use std::path::Path;

use crate::confine::arguments::{Inside, of_launcher};
use crate::confine::bubblewrap::{Temporary, arguments};
use crate::confine::system::System;
use crate::confine::{ChildSpec, Network};

fn spec() -> ChildSpec {
    let mut spec = ChildSpec::new("/bin/bash", "/runs/1");
    spec.arguments = vec!["-c".into(), "--bind / /".into()];
    spec.writable = vec!["temp".into()];
    spec.executable = vec!["/opt/tools".into()];
    spec.environment.insert("LANG".to_owned(), "C".to_owned());
    spec
}

fn system() -> System {
    System {
        executable: vec!["/usr".into()],
        links: vec![("/bin".into(), "usr/bin".into())],
        settings: vec!["/etc/ld.so.cache".into()],
        machine: vec!["/proc/cpuinfo".into()],
    }
}

fn told(spec: &ChildSpec, own_network: bool) -> Vec<String> {
    let temporary = Temporary { files: Path::new("/s/tmp"), shared_memory: Path::new("/s/shm") };
    let launcher = Path::new("/opt/agentos-launcher");
    let given = arguments(spec, &system(), launcher, &temporary, own_network);
    given.0.into_iter().map(|text| text.into_string().unwrap()).collect()
}

/// Whether these arguments follow each other.
fn has(told: &[String], wanted: &[&str]) -> bool {
    told.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn bubblewrap_gets_namespaces_and_no_root() {
    let told = told(&spec(), true);
    let end = told.iter().position(|argument| argument == "--").unwrap();
    let own = &told[..end];
    for flag in [
        "--unshare-user",
        "--disable-userns",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-net",
        "--new-session",
        "--die-with-parent",
        "--clearenv",
    ] {
        assert!(own.iter().any(|given| given == flag), "{flag}");
    }
    assert!(has(own, &["--cap-drop", "ALL"]) && has(own, &["--remount-ro", "/"]));
    for bind in ["--bind", "--ro-bind", "--dev-bind"] {
        assert!(!has(own, &[bind, "/"]), "{own:?}");
    }
    // The folder first, then over it what may be written.
    let read_only = own.windows(3).position(|w| w == ["--ro-bind", "/runs/1", "/runs/1"]).unwrap();
    let writable =
        own.windows(3).position(|w| w == ["--bind", "/runs/1/temp", "/runs/1/temp"]).unwrap();
    assert!(read_only < writable);
    let writable: Vec<_> = own.windows(2).filter(|w| w[0] == "--bind").map(|w| &w[1]).collect();
    assert_eq!(writable, ["/s/shm", "/s/tmp", "/runs/1/temp"]);
}

#[test]
fn a_network_is_its_own_or_none() {
    assert!(!has(&told(&spec(), false), &["--unshare-net"]));
    let proxied = ChildSpec { network: Network::Proxy("/p.sock".into()), ..spec() };
    for own_network in [true, false] {
        let told = told(&proxied, own_network);
        assert!(has(&told, &["--unshare-net"]));
        assert!(has(&told, &["--bind", "/p.sock", Network::SOCKET]));
        assert!(has(&told, &["--network", "proxy"]));
    }
    assert!(!has(&told(&spec(), true), &["--network"]));
}

#[test]
fn the_launcher_alone_gets_nothing_that_others_share() {
    let temporary = Path::new("/s/tmp");
    let inside = Inside { temporary, namespaces: false, other_processes: 3 };
    let given = of_launcher(&spec(), &system(), &inside).0;
    let told: Vec<_> = given.into_iter().map(|text| text.into_string().unwrap()).collect();
    for shared in ["/proc", "/dev/shm", "/tmp", "/dev", "/"] {
        assert!(!told.iter().any(|argument| argument == shared), "{shared}");
    }
    let written: Vec<_> = told.windows(2).filter(|w| w[0] == "--write").map(|w| &w[1]).collect();
    assert_eq!(written, ["/runs/1/temp", "/s/tmp"]);
    assert!(has(&told, &["--processes", "67"]));
    let languages = told.iter().filter(|argument| argument.starts_with("LANG=")).count();
    assert!(languages == 1 && has(&told, &["--env", "LANG=C"]));
}
