//! What all parts of a simulation share: time, chance, the record of what
//! happened, and the effects that tools had.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentos_domain::{Clock, Timestamp, ToolClass};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::dice::Dice;

/// When every simulation begins.
const BEGIN: i64 = 1_795_250_000_000;

/// What a tool did to the world, by idempotency key.
#[derive(Debug, Clone)]
pub(crate) struct Effect {
    pub(crate) class: ToolClass,
    /// When it happened, each time.
    pub(crate) times: Vec<Timestamp>,
}

/// How bad the network is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// That a request or its answer is lost.
    pub(crate) loss: f64,
    /// That a request arrives a second time.
    pub(crate) twice: f64,
    /// The longest a message usually takes, in milliseconds.
    pub(crate) delay: u64,
}

/// No message is lost, none arrives twice.
pub(crate) const FAIR: Weather = Weather { loss: 0.0, twice: 0.0, delay: 5 };

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) dice: Dice,
    pub(crate) tracker: TaskTracker,
    begin: Instant,
    weather: Mutex<Weather>,
    effects: Mutex<BTreeMap<String, Effect>>,
    trace: Mutex<Trace>,
}

struct Trace {
    hash: blake3::Hasher,
    lines: u64,
    kept: Option<Vec<String>>,
    violations: Vec<String>,
}

impl World {
    /// Must be made where the simulated time is.
    pub(crate) fn new(seed: u64, keep_trace: bool) -> Arc<Self> {
        let kept = keep_trace.then(Vec::new);
        let trace = Trace { hash: blake3::Hasher::new(), lines: 0, kept, violations: Vec::new() };
        Arc::new(Self {
            seed,
            dice: Dice::new(seed),
            tracker: TaskTracker::new(),
            begin: Instant::now(),
            weather: Mutex::new(FAIR),
            effects: Mutex::default(),
            trace: Mutex::new(trace),
        })
    }

    fn trace(&self) -> MutexGuard<'_, Trace> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn effects_mut(&self) -> MutexGuard<'_, BTreeMap<String, Effect>> {
        self.effects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the simulation has lasted, in its own time.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    pub(crate) fn weather(&self) -> Weather {
        *self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        *self.weather.lock().unwrap_or_else(PoisonError::into_inner) = weather;
    }

    /// Notes what happened. Two simulations with the same seed note the same.
    pub(crate) fn note(&self, what: impl Display) {
        let line = format!("{:>9.3} {what}", self.elapsed().as_secs_f64());
        let mut trace = self.trace();
        trace.hash.update(line.as_bytes());
        trace.lines += 1;
        if let Some(kept) = &mut trace.kept {
            kept.push(line);
        }
    }

    /// Notes that a promise was broken.
    pub(crate) fn violated(&self, what: impl Display) {
        self.note(format_args!("VIOLATED: {what}"));
        self.trace().violations.push(what.to_string());
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.trace().violations.clone()
    }

    /// Everything that was noted, as a hash, and the lines if they were kept.
    pub(crate) fn record(&self) -> (String, u64, Vec<String>) {
        let trace = self.trace();
        let lines = trace.kept.clone().unwrap_or_default();
        (trace.hash.finalize().to_hex().to_string(), trace.lines, lines)
    }

    /// A tool has its effect, now.
    pub(crate) fn effect(&self, key: &str, class: ToolClass) {
        let now = Timestamp::from_millis(BEGIN).plus(self.elapsed());
        let mut effects = self.effects_mut();
        let effect =
            effects.entry(key.to_owned()).or_insert_with(|| Effect { class, times: Vec::new() });
        effect.times.push(now);
    }

    pub(crate) fn effects(&self) -> BTreeMap<String, Effect> {
        self.effects_mut().clone()
    }

    pub(crate) fn happened(&self, key: &str) -> usize {
        self.effects_mut().get(key).map_or(0, |effect| effect.times.len())
    }
}

/// The clocks of one machine.
#[derive(Debug)]
pub(crate) struct SimClock {
    begin: Instant,
    /// How far the wall clock is ahead, in milliseconds.
    ahead: AtomicI64,
}

impl SimClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { begin: Instant::now(), ahead: AtomicI64::new(0) })
    }

    /// Somebody sets the wall clock.
    pub(crate) fn jump(&self, millis: i64) {
        self.ahead.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let ahead = self.ahead.load(Ordering::SeqCst);
        Timestamp::from_millis(BEGIN + ahead).plus(self.begin.elapsed())
    }

    fn monotonic(&self) -> Duration {
        self.begin.elapsed()
    }
}
