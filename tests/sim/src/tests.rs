use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Options, Outcome, simulate};

/// Runs seeds on all cores and returns those for which `wanted` holds.
fn outcomes(seeds: u64, options: Options, wanted: fn(&Outcome) -> bool) -> Vec<Outcome> {
    let (next, found) = (AtomicU64::new(1), Mutex::new(Vec::new()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        return;
                    }
                    let outcome = simulate(seed, options).unwrap();
                    if wanted(&outcome) {
                        found.lock().unwrap().push(outcome);
                    }
                }
            });
        }
    });
    found.into_inner().unwrap()
}

fn broken(outcome: &Outcome) -> bool {
    !outcome.violations.is_empty()
}

#[test]
fn a_thousand_seeds_keep_every_promise() {
    let failures = outcomes(1000, Options::default(), broken);
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn the_same_seed_is_the_same_simulation() {
    for seed in 1..=20 {
        let (first, second) =
            (simulate(seed, Options::default()), simulate(seed, Options::default()));
        assert_eq!(first.unwrap(), second.unwrap());
    }
    let hashes: std::collections::BTreeSet<_> =
        outcomes(20, Options::default(), |_| true).into_iter().map(|o| o.trace_hash).collect();
    assert_eq!(hashes.len(), 20, "every seed is another simulation");
}

/// A hundred thousand simulations run in one process.
#[test]
#[cfg(target_os = "linux")]
fn a_simulation_leaves_no_file_open() {
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    simulate(1, Options::default()).unwrap();
    let before = open();
    for seed in 2..=21 {
        simulate(seed, Options::default()).unwrap();
    }
    assert_eq!(open(), before);
}

/// The simulator would notice if the store did not sync: a disk that says it
/// has, and has not, breaks promises.
#[test]
fn a_disk_that_lies_is_noticed() {
    let options = Options { lying_disk: true, ..Options::default() };
    let failures = outcomes(40, options, broken);
    assert!(failures.len() >= 10, "noticed in {} of 40", failures.len());
}

mod disk {
    use rusqlite::{Connection, OpenFlags};

    use crate::dice::Dice;
    use crate::disk::Disk;

    fn open(disk: &Disk) -> Connection {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection =
            Connection::open_with_flags_and_vfs(disk.path("test.db"), flags, Disk::vfs()).unwrap();
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
        connection
    }

    fn rows(connection: &Connection) -> i64 {
        connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
    }

    /// Rows that a power failure leaves, of ten that were committed.
    fn after_power_failure(seed: u64, synchronous: &str) -> i64 {
        let disk = Disk::new(format!("test-{synchronous}-{seed}"));
        let connection = open(&disk);
        connection.execute_batch("CREATE TABLE t (a TEXT)").unwrap();
        connection.execute_batch(&format!("PRAGMA synchronous = {synchronous}")).unwrap();
        for _ in 0..10 {
            connection.execute("INSERT INTO t VALUES (hex(randomblob(200)))", []).unwrap();
        }
        disk.power_fails(&Dice::new(seed));
        drop(connection);
        rows(&open(&disk))
    }

    #[test]
    fn what_was_synced_survives_and_the_rest_may_not() {
        let full: Vec<_> = (0..20).map(|seed| after_power_failure(seed, "FULL")).collect();
        assert_eq!(full, [10; 20]);
        let normal: Vec<_> = (0..20).map(|seed| after_power_failure(seed, "NORMAL")).collect();
        assert!(normal.iter().any(|rows| *rows < 10), "{normal:?}");
    }

    #[test]
    fn a_full_disk_refuses_and_loses_nothing() {
        let disk = Disk::new("test-full".to_owned());
        let connection = open(&disk);
        connection.execute_batch("CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('x')").unwrap();
        disk.set_full(true);
        assert!(connection.execute("INSERT INTO t VALUES ('y')", []).is_err());
        disk.set_full(false);
        connection.execute("INSERT INTO t VALUES ('z')", []).unwrap();
        assert_eq!(rows(&connection), 2);
    }
}
