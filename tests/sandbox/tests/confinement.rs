//! The confinement itself: limits, refusals, what a program finds.
#![expect(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says what it left out"
)]
#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use agentos_domain::Classified as _;
use agentos_escape::place::{Built, Place, is_root};
use agentos_escape::shell::confinement;
use agentos_sandbox::{
    ChildOutcome, ChildSpec, ConfineError, Confinement, LimitHit, Network, Tier,
};

fn built() -> Built {
    Built {
        launcher: env!("CARGO_BIN_EXE_launcher-under-test").into(),
        probe: env!("CARGO_BIN_EXE_escape-probe").into(),
    }
}

fn bash(place: &Place, command: &str) -> ChildSpec {
    let mut spec = ChildSpec::new("/bin/bash", &place.workspace);
    spec.arguments = vec!["-c".into(), command.into()];
    spec.writable = vec!["temp".into()];
    spec
}

/// The tiers of this machine.
async fn tiers(place: &Place) -> Vec<Confinement> {
    let mut found = vec![Confinement::detect(confinement(place, Tier::Launcher)).await.unwrap()];
    let strongest = Confinement::detect(confinement(place, Tier::Bubblewrap)).await.unwrap();
    if strongest.tier() == Tier::Bubblewrap {
        found.push(strongest);
    } else {
        eprintln!("SKIPPED, NOT PASSED: bubblewrap: {:?}", strongest.weaker_because());
    }
    found
}

async fn ran(confinement: &Confinement, spec: &ChildSpec) -> ChildOutcome {
    confinement.run(spec).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_runs_to_its_end_and_tells_its_code() {
    let place = Place::new(&built()).unwrap();
    for confinement in tiers(&place).await {
        let outcome = ran(&confinement, &bash(&place, "echo out; echo err >&2; exit 7")).await;
        assert_eq!((outcome.code, outcome.limit), (7, None));
        assert_eq!(
            (outcome.stdout.text.as_str(), outcome.stderr.text.as_str()),
            ("out\n", "err\n")
        );
        let killed = ran(&confinement, &bash(&place, "kill -TERM $$; sleep 5")).await;
        assert_eq!(killed.code, 128 + 15);
        // What looks like a failure of the launcher is one only with its words.
        assert_eq!(ran(&confinement, &bash(&place, "exit 125")).await.code, 125);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_limit_ends_a_program_and_is_told() {
    let place = Place::new(&built()).unwrap();
    for confinement in tiers(&place).await {
        let mut spec = bash(&place, "exec >&- 2>&-; sleep 100");
        spec.limits.wall = Duration::from_millis(300);
        assert_eq!(ran(&confinement, &spec).await.limit, Some(LimitHit::WallTime));
        let mut spec = bash(&place, "echo begun; while :; do :; done");
        spec.limits.cpu = Duration::from_secs(1);
        let outcome = ran(&confinement, &spec).await;
        assert_eq!(
            (outcome.limit, outcome.stdout.text.as_str()),
            (Some(LimitHit::CpuTime), "begun\n")
        );
        let mut spec = bash(&place, "exec head -c 1M /dev/zero > temp/f");
        spec.limits.file_size = 1000;
        assert_eq!(ran(&confinement, &spec).await.limit, Some(LimitHit::FileSize));
        let mut spec = bash(&place, "head -c 8M /dev/zero > $TMPDIR/f; sleep 100");
        spec.limits.disk = 1 << 20;
        assert_eq!(ran(&confinement, &spec).await.limit, Some(LimitHit::Disk));
        let mut spec = bash(&place, "ulimit -n; ulimit -u; ulimit -v; ulimit -c");
        spec.limits.open_files = 77;
        spec.limits.memory = 1 << 30;
        let told = ran(&confinement, &spec).await.stdout.text;
        let told: Vec<_> = told.lines().collect();
        assert_eq!((told[0], told[2], told[3]), ("77", "1048576", "0"), "{told:?}");
        let mut spec = bash(&place, "head -c 1000 /dev/zero | tr '\\0' x");
        spec.limits.output = 100;
        let outcome = ran(&confinement, &spec).await;
        assert_eq!(outcome.stdout.text, "x".repeat(100) + "\n[cut off after 100 bytes]");
        assert_eq!((outcome.code, outcome.stdout.truncated), (0, true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_finds_nothing_but_what_it_was_given() {
    let place = Place::new(&built()).unwrap();
    for confinement in tiers(&place).await {
        let mut spec = bash(
            &place,
            "pwd; env | cut -d= -f1 | sort | tr '\\n' ' '; tty; ls -A $HOME | grep -v agentos-escape",
        );
        spec.environment.insert("LANG".to_owned(), "C".to_owned());
        let outcome = ran(&confinement, &spec).await;
        let folder = place.workspace.display();
        // Bash sets the last four by itself.
        let names = "HOME LANG PATH PWD SHLVL TMPDIR _ ";
        assert_eq!(outcome.stdout.text, format!("{folder}\n{names}not a tty\n"));
        // Nothing of it is left.
        let left: Vec<_> = std::fs::read_dir(&place.scratch).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_open_the_confinement_is_refused() {
    let place = Place::new(&built()).unwrap();
    for confinement in tiers(&place).await {
        let refused = async |change: fn(&mut ChildSpec)| {
            let mut spec = bash(&place, "true");
            change(&mut spec);
            confinement.run(&spec).await.unwrap_err().code()
        };
        for path in [
            ".",
            "",
            "..",
            "../outside",
            "/etc",
            "skills",
            "Skills/x",
            ".agentos",
            "agents/a",
            "temp/../skills",
        ] {
            let mut spec = bash(&place, "true");
            spec.writable = vec![path.into()];
            let error = confinement.run(&spec).await.unwrap_err();
            assert_eq!(error.code(), "invalid_sandbox_spec", "{path}");
        }
        assert_eq!(refused(|spec| spec.readable.push("/".into())).await, "invalid_sandbox_spec");
        assert_eq!(
            refused(|spec| spec.executable.push("bin".into())).await,
            "invalid_sandbox_spec"
        );
        let equals =
            |spec: &mut ChildSpec| drop(spec.environment.insert("A=B".into(), String::new()));
        assert_eq!(refused(equals).await, "invalid_sandbox_spec");
        std::os::unix::fs::symlink(&place.outside, place.workspace.join("link")).unwrap();
        for path in ["link", "link/new"] {
            let mut spec = bash(&place, "true");
            spec.writable = vec![path.into()];
            let error = confinement.run(&spec).await.unwrap_err();
            assert_eq!(error.code(), "invalid_sandbox_spec", "{path}");
        }
        assert!(!place.outside.join("new").exists());
        std::fs::remove_file(place.workspace.join("link")).unwrap();
        if confinement.tier() == Tier::Launcher {
            assert_eq!(refused(|spec| spec.at_least = Tier::Bubblewrap).await, "sandbox_too_weak");
            let proxied = |spec: &mut ChildSpec| spec.network = Network::Proxy("/run/p".into());
            assert_eq!(refused(proxied).await, "sandbox_too_weak");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_runs_where_a_step_of_the_confinement_fails() {
    let place = Place::new(&built()).unwrap();
    for confinement in tiers(&place).await {
        let mut spec = bash(&place, "touch temp/ran");
        spec.readable.push(PathBuf::from("/nonexistent"));
        let error = confinement.run(&spec).await.unwrap_err();
        assert_eq!(error.code(), "not_confined", "{error}");
        assert!(error.to_string().contains("/nonexistent"), "{error}");
        assert!(!place.workspace.join("temp/ran").exists());
    }
    let mut without = confinement(&place, Tier::Launcher);
    without.launcher = place.outside.join("victim");
    let error = Confinement::detect(without).await.unwrap_err();
    assert!(matches!(error, ConfineError::Unavailable { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_proxy_is_the_whole_network() {
    let place = Place::new(&built()).unwrap();
    let confinement = tiers(&place).await.pop().unwrap();
    if confinement.tier() < Tier::Bubblewrap {
        eprintln!("SKIPPED, NOT PASSED: no network without bubblewrap");
        return;
    }
    let socket = place.outside.join("egress");
    let proxy = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o777)).unwrap();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    other.set_nonblocking(true).unwrap();
    let (probe, address) = (place.probe(), other.local_addr().unwrap());
    let probe = probe.display();
    let mut spec = bash(
        &place,
        &format!(
            "{probe} unix $AGENTOS_EGRESS_SOCKET; {probe} tcp {address}; {probe} udp {address}; {probe} sockets"
        ),
    );
    spec.executable = vec![place.programs.clone()];
    spec.network = Network::Proxy(socket);
    let said = ran(&confinement, &spec).await.stdout.text;
    assert!(said.contains("OPEN unix 0"), "{said}");
    assert!(proxy.accept().is_ok());
    assert!(other.accept().is_err());
    for refused in
        ["udp", "unix-datagram", "mptcp", "sctp", "icmp", "packet", "netlink", "vsock", "alg"]
    {
        assert!(said.contains(&format!("denied {refused} 1\n")), "{refused}: {said}");
    }
}

#[test]
fn the_launcher_refuses_root_and_what_it_does_not_know() {
    let launcher = || Command::new(env!("CARGO_BIN_EXE_launcher-under-test"));
    let failed = |arguments: &[&str], step: &str| {
        let output = launcher().args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(125), "{said}");
        assert!(said.starts_with(&format!("agentos-launcher: {step}: ")), "{said}");
        assert!(output.stdout.is_empty());
    };
    failed(&[], "arguments");
    failed(&["--"], "arguments");
    failed(&["--reed", "/usr", "--", "/usr/bin/true"], "arguments");
    failed(&["--memory", "much", "--", "/usr/bin/true"], "arguments");
    if is_root() {
        failed(&["--execute", "/usr", "--", "/usr/bin/id"], "user");
    } else {
        failed(&["--read", "/nonexistent", "--", "/usr/bin/true"], "landlock");
        failed(&["--execute", "/usr", "--", "/nonexistent"], "exec");
    }
}

#[test]
fn a_killed_worker_leaves_no_process() {
    for tier in ["launcher", "bubblewrap"] {
        let mark = format!("{}.77", 200_000 + std::process::id());
        let mut worker = Command::new(env!("CARGO_BIN_EXE_escape"));
        let mut worker = worker.args(["--tier", tier, "--hold", &mark]).spawn().unwrap();
        let there = || {
            let found = std::fs::read_dir("/proc").unwrap().flatten().filter(|entry| {
                let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                arguments.starts_with(b"sleep\0")
                    && arguments.ends_with(format!("\0{mark}\0").as_bytes())
            });
            found.count()
        };
        let wait_for = |wanted: fn(usize) -> bool| {
            (0..500).any(|_| {
                std::thread::sleep(Duration::from_millis(20));
                wanted(there())
            })
        };
        let begun = wait_for(|count| count == 2);
        worker.kill().unwrap();
        worker.wait().unwrap();
        assert!(begun, "{tier}: the program had not begun");
        assert!(wait_for(|count| count == 0), "{tier}: {} processes are left", there());
    }
}

#[test]
fn the_tool_says_what_it_is() {
    use agentos_domain::{ArgumentRole, ToolClass};
    use agentos_tools::BashConfig;
    let place = Place::new(&built()).unwrap();
    let shell = agentos_escape::shell::Shell::in_tier(&place, Tier::Launcher).unwrap().unwrap();
    let spec = shell.tool().unwrap().spec("bash_execution").unwrap();
    assert_eq!((spec.class, spec.dangerous, spec.untrusted_output), (ToolClass::Once, true, true));
    assert_eq!(spec.permissions, ["process.spawn"]);
    assert_eq!(spec.arguments["command"], ArgumentRole::Destination);
    assert!(spec.rate_limit.is_some());
    assert_eq!(BashConfig::default().rate.to_string(), "10/minute");
    assert!(spec.description.contains("temp, outputs"), "{}", spec.description);
}
