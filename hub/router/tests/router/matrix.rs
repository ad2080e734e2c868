//! Every fault, at every chunk of an answer, at every tier, streamed and not.

use std::collections::HashMap;

use agentos_domain::Classified as _;
use agentos_mock_provider::{Fault, FaultAt, FaultKind, MockProvider, Refusal, Script};
use agentos_router::{DeploymentConfig, ErrorKind, Timeouts};
use agentos_store::{CallOutcome, ModelCall, OnLimit, SettledCall};
use futures::future::join_all;
use serde_json::Value;

use crate::fixture::{
    House, INPUT, LONG, OUTPUT, SHORT, Seen, Setup, cloud, kind, local, question,
};

const CHUNKS: usize = 50;
/// How many cases are under way at once, each with mocks of its own.
const LANES: usize = 24;
/// The tiers, and whether they are asked for money.
const TIERS: [(&str, bool); 3] =
    [("local-fast", false), ("local-smart", false), ("cloud-smart", true)];

/// What goes wrong, in words.
fn kinds() -> Vec<(&'static str, FaultKind, ErrorKind)> {
    let event = |refusal| FaultKind::ErrorEvent(refusal);
    // An event takes longer than a deployment may be silent.
    let drip = FaultKind::SlowDrip(SHORT / 5);
    vec![
        ("close", FaultKind::Close, ErrorKind::Broken),
        ("stall", FaultKind::Stall, ErrorKind::Timeout),
        ("error", event(Refusal::ServerError), ErrorKind::Server),
        ("quota", event(Refusal::InsufficientQuota), ErrorKind::Quota),
        ("malformed", FaultKind::MalformedJson, ErrorKind::Protocol),
        ("drip", drip, ErrorKind::Timeout),
        ("end", FaultKind::EndWithoutDone, ErrorKind::Broken),
    ]
}

#[derive(Clone)]
struct Case {
    name: String,
    tier: &'static str,
    paid: bool,
    stream: bool,
    fault: Fault,
    kind: ErrorKind,
    /// Whether it only shows by the time that passes.
    slow: bool,
}

impl Case {
    fn all() -> Vec<Self> {
        let mut faults = Vec::new();
        for (word, kind, error) in kinds() {
            let headers = Fault::before_headers(kind.clone());
            faults.push((format!("{word}@headers"), headers, error));
            for chunk in 0..=CHUNKS {
                let fault = Fault::at_chunk(chunk, kind.clone());
                faults.push((format!("{word}@{chunk}"), fault, error));
            }
        }
        let busy = Refusal::RateLimited { retry_after: Some(1) };
        faults.push(("500".to_owned(), Fault::status(Refusal::ServerError), ErrorKind::Server));
        faults.push(("429".to_owned(), Fault::status(busy), ErrorKind::RateLimited));
        let mut cases = Vec::new();
        for (word, fault, kind) in faults {
            for (tier, paid) in TIERS {
                for stream in [true, false] {
                    let how = if stream { "stream" } else { "whole" };
                    let slow = kind == ErrorKind::Timeout;
                    let name = format!("{tier}/{word}/{how}");
                    let fault = fault.clone();
                    cases.push(Self { name, tier, paid, stream, fault, kind, slow });
                }
            }
        }
        cases
    }

    /// How many chunks the client has seen when it goes wrong.
    fn seen(&self) -> usize {
        match self.fault.at {
            FaultAt::Chunk(chunk) if self.stream => chunk,
            _ => 0,
        }
    }

    /// Whether the faulty deployment may have asked money for nothing.
    fn may_cost(&self) -> bool {
        let silent =
            matches!(self.kind, ErrorKind::Timeout | ErrorKind::Broken | ErrorKind::Protocol);
        self.paid && (silent || self.seen() > 0)
    }

    /// The deployment that fails: only where it is slow is it hurried.
    fn deployment(&self) -> DeploymentConfig {
        let limit = if self.slow { SHORT } else { LONG };
        let total = if self.stream { LONG } else { limit };
        // What is expected to begin has all the time to.
        let first = if self.seen() > 0 { LONG } else { limit };
        let timeouts = Timeouts { first, idle: limit, total };
        let make = if self.paid { cloud } else { local };
        DeploymentConfig { timeouts, ..make(&self.name, self.tier) }
    }

    fn check(&self, seen: &Seen, row: &ModelCall, settled: &SettledCall) {
        let name = &self.name;
        let text = Script::words(CHUNKS).whole_text();
        assert_eq!(seen.begins.len(), 1, "{name}: {seen:?}");
        let attempts: Vec<Value> = serde_json::from_str(&settled.attempts).unwrap();
        let lost = attempts[0]["cost_nano_usd"].as_i64().unwrap();
        assert_eq!(attempts[0]["deployment"], *name);
        assert_eq!(attempts[0]["result"], self.kind.as_str(), "{name}");
        assert_eq!(lost > 0, self.may_cost(), "{name}: {attempts:?}");
        // It costs what the provider tells, unless something had to be guessed.
        assert_eq!(settled.estimated, lost > 0, "{name}: {settled:?}");
        if self.seen() == 0 {
            let healthy = format!("{}-healthy", self.tier);
            assert_eq!(seen.text, text, "{name}");
            assert!(seen.end.is_some(), "{name}: {seen:?}");
            assert_eq!((seen.by(), row.deployment.as_str()), (&*healthy, &*healthy), "{name}");
            assert_eq!(attempts.len(), 2, "{name}: {attempts:?}");
            assert_eq!(
                (settled.outcome, settled.error_code.as_deref()),
                (CallOutcome::Completed, None),
                "{name}"
            );
            let own = if self.paid { 10 * INPUT + 50 * OUTPUT } else { 0 };
            assert_eq!(settled.cost.0, own + lost, "{name}");
        } else {
            assert!(text.starts_with(&seen.text) && !seen.text.is_empty(), "{name}: {seen:?}");
            let exact = Script::words(self.seen()).whole_text();
            // Where the time decides, or a reset, what was under way may be lost.
            let inexact = self.slow || self.fault.kind == FaultKind::Close;
            assert!(exact.starts_with(&seen.text), "{name}: {}", seen.text);
            assert!(inexact || seen.text == exact, "{name}: {}", seen.text);
            let error = seen.failed.as_ref().unwrap_or_else(|| panic!("{name}: {seen:?}"));
            assert_eq!(kind(error), self.kind, "{name}");
            assert_eq!((seen.by(), &row.deployment), (name.as_str(), name), "{name}");
            assert_eq!(attempts.len(), 1, "{name}: {attempts:?}");
            assert_eq!(settled.outcome, CallOutcome::Failed, "{name}");
            assert_eq!(settled.error_code.as_deref(), Some(error.code()), "{name}");
            assert_eq!(settled.cost.0, lost, "{name}");
        }
    }
}

/// The mocks that one case after the other is run with.
struct Lane {
    home: MockProvider,
    acme: MockProvider,
}

impl Lane {
    async fn start() -> Self {
        let start = || async { MockProvider::start(Script::words(CHUNKS)).await.unwrap() };
        Self { home: start().await, acme: start().await }
    }

    async fn run(&self, house: &House, case: &Case) -> Seen {
        let mock = if case.paid { &self.acme } else { &self.home };
        mock.set(Script::words(CHUNKS).with_fault(case.fault.clone()));
        let answered = house.ask(question(&case.name, case.stream)).await;
        answered.unwrap_or_else(|error| panic!("{}: nobody answers: {error}", case.name))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_at_any_chunk_loses_or_repeats_text() {
    let lanes = join_all((0..LANES).map(|_| Lane::start())).await;
    let healthy = Lane::start().await;
    let cases = Case::all();
    let mut setup = Setup::new().budget(1_000_000_000_000, OnLimit::Refuse);
    for (tier, paid) in TIERS {
        let name = format!("{tier}-healthy");
        setup = setup.fallback(tier, &name);
        setup = if paid {
            setup.anthropic(cloud(&name, &name), &healthy.acme)
        } else {
            setup.open_ai(local(&name, &name), &healthy.home)
        };
    }
    for (number, case) in cases.iter().enumerate() {
        let lane = &lanes[number % LANES];
        setup = if case.paid {
            setup.anthropic(case.deployment(), &lane.acme)
        } else {
            setup.open_ai(case.deployment(), &lane.home)
        };
    }
    let house = setup.open().await;
    let runs = lanes.iter().enumerate().map(|(number, lane)| {
        let (house, cases) = (&house, cases.iter().skip(number).step_by(LANES));
        async move {
            let mut seen = Vec::new();
            for case in cases {
                seen.push((case, lane.run(house, case).await));
            }
            seen
        }
    });
    let seen: Vec<_> = join_all(runs).await.into_iter().flatten().collect();
    assert_eq!(seen.len(), (7 * 52 + 2) * 3 * 2);
    let rows = house.settled(cases.len()).await;
    let mut by_name: HashMap<_, _> = HashMap::new();
    for (row, settled) in rows {
        let name = row.requested.clone();
        assert!(by_name.insert(name, (row, settled)).is_none(), "two rows of one request");
    }
    for (case, seen) in seen {
        let (row, settled) = &by_name[&case.name];
        case.check(&seen, row, settled);
    }
}
