//! Keys are in no log line, error, row or file.

use std::io::Write;
use std::sync::{Arc, Mutex};

use agentos_fake_billing::{FakeDay, Fault, FaultKind};
use agentos_kernel::{DayRange, ExportRequest};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{ANTHROPIC_KEY, OPENAI_KEY, Setup, World, YESTERDAY, quiet};

/// What every planted key holds.
const CANARY: &str = "canary";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn keys_are_found_nowhere() {
    assert!(OPENAI_KEY.contains(CANARY) && ANTHROPIC_KEY.contains(CANARY));
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let world = World::with(Setup::default()).await;
    let mut seen = String::new();
    let echo = |status| FaultKind::Refuse {
        status,
        kind: "echo".into(),
        message: format!("we got {OPENAI_KEY} and {ANTHROPIC_KEY} from you"),
        retry_after: None,
    };
    // The fake says the key itself where another one is expected.
    world.openai.set_key("sk-admin-other");
    let report = world.fetch("openai").await;
    assert!(report.error.as_deref().unwrap().contains("Incorrect API key provided: [redacted]"));
    seen += &format!("{report:?}");
    world.openai.set_key(OPENAI_KEY);
    for status in [400, 401, 403, 404, 429, 500] {
        for fake in [&world.openai, &world.anthropic] {
            fake.fail(Fault::always(echo(status)));
        }
        let outcome = world.kernel.run_all(DayRange::default(), true, quiet()).await.unwrap();
        assert_eq!(outcome.exit_code(), 1);
        seen += &format!("{outcome:?} {}", serde_json::to_string(&outcome).unwrap());
    }
    for fake in [&world.openai, &world.anthropic] {
        fake.fail(Fault::always(FaultKind::Malformed));
    }
    world.kernel.run_all(DayRange::default(), true, quiet()).await.unwrap();
    world.openai.heal();
    world.anthropic.heal();
    // An answer that holds the key is kept without it.
    let day = FakeDay { tier: ANTHROPIC_KEY.to_owned(), ..FakeDay::of(&["100"]) };
    world.anthropic.set(YESTERDAY, day);
    let report = world.kernel.daily_report(quiet()).await.unwrap();
    seen += &format!("{report:?}");
    let request = ExportRequest { raw_json: Some(true), ..ExportRequest::default() };
    let export = world.kernel.export(request).await.unwrap();
    let file = std::fs::read_to_string(export.path).unwrap();
    assert!(file.contains("[redacted]"), "the planted key was there");
    seen += &file;
    seen += &format!("{:?} {:?}", world.runs().await, world.results().await);
    seen += &String::from_utf8_lossy(&log.0.lock().unwrap());
    assert!(seen.contains("it is tried again"), "the log was read");
    assert_eq!(seen.matches(CANARY).count(), 0);
    // Nor in the database's files.
    for entry in std::fs::read_dir(&world.folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
}
