//! The interleaved rounds.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::sleep;

use crate::load::{self, Loaded, micros};
use crate::options::{Pace, Sizes};
use crate::request::Kind;
use crate::stats::Samples;
use crate::target::{Who, World};

/// Requests before those that count, at each target in each round.
const WARM_UP: Pace = Pace { rate: 200, requests: 20 };
/// After the last answer: what is still to be written then is of these requests.
const AFTERWARDS: Duration = Duration::from_millis(150);

/// All rounds of one load on one target.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) who: Who,
    pub(crate) kind: Kind,
    pub(crate) pace: Pace,
    /// One figure for each round, in microseconds.
    pub(crate) p50: Samples,
    pub(crate) p99: Samples,
    /// Median time to the first text.
    pub(crate) first: Samples,
    /// Processor time of the target for a request.
    pub(crate) processor: Samples,
    /// The same rounds, less what the provider itself had in each.
    pub(crate) added_p50: Samples,
    pub(crate) added_p99: Samples,
    pub(crate) added_first: Samples,
    /// All requests of all rounds.
    pub(crate) all: Loaded,
}

/// One load in one round.
struct Measured {
    loaded: Loaded,
    processor: f64,
}

/// Measures all targets in all rounds.
pub(crate) async fn measure(world: &World, sizes: &Sizes) -> Result<Vec<Series>> {
    let mut loads: Vec<(Kind, Pace)> = sizes.whole.iter().map(|p| (Kind::Whole, *p)).collect();
    loads.push((Kind::Stream, sizes.streams));
    let mut series: Vec<Series> = Vec::new();
    for (kind, pace) in &loads {
        series.extend(Who::ALL.map(|who| Series::new(who, *kind, *pace)));
    }
    for round in 0..sizes.rounds {
        for (load, (kind, pace)) in loads.iter().enumerate() {
            let mut measured = Vec::new();
            for turn in 0..Who::ALL.len() {
                // Another one begins each round.
                let at = (round + turn) % Who::ALL.len();
                let one = once(world, Who::ALL[at], *kind, *pace).await?;
                measured.push((at, one));
            }
            measured.sort_by_key(|(at, _)| *at);
            let direct = measured.first().map(|(_, one)| one.loaded.clone()).unwrap_or_default();
            for (at, one) in &measured {
                let place = load * Who::ALL.len() + at;
                series.get_mut(place).context("no series")?.add(one, &direct);
            }
        }
    }
    Ok(series)
}

async fn once(world: &World, who: Who, kind: Kind, pace: Pace) -> Result<Measured> {
    let (client, asked) = world.asked(who, kind);
    load::open(&client, &asked, WARM_UP).await?;
    sleep(AFTERWARDS).await;
    let process = world.process(who);
    let before = process.processor_time()?;
    let loaded = load::open(&client, &asked, pace).await?;
    sleep(AFTERWARDS).await;
    let took = process.processor_time()?.saturating_sub(before);
    Ok(Measured { loaded, processor: micros(took) / f64::from(pace.requests) })
}

impl Series {
    fn new(who: Who, kind: Kind, pace: Pace) -> Self {
        Self {
            who,
            kind,
            pace,
            p50: Samples::default(),
            p99: Samples::default(),
            first: Samples::default(),
            processor: Samples::default(),
            added_p50: Samples::default(),
            added_p99: Samples::default(),
            added_first: Samples::default(),
            all: Loaded::default(),
        }
    }

    fn add(&mut self, measured: &Measured, direct: &Loaded) {
        let Measured { loaded, processor } = measured;
        let (total, first) = (&loaded.total, &loaded.first);
        self.p50.push(total.p50());
        self.p99.push(total.p99());
        self.first.push(first.p50());
        self.processor.push(*processor);
        self.added_p50.push(total.p50() - direct.total.p50());
        self.added_p99.push(total.p99() - direct.total.p99());
        self.added_first.push(first.p50() - direct.first.p50());
        self.all.add(loaded);
    }
}

/// Answers from the hub's cache: the first request fills it.
pub(crate) async fn hits(world: &World, pace: Pace) -> Result<Series> {
    let mut series = Series::new(Who::Free, Kind::Cached, pace);
    let measured = once(world, Who::Free, Kind::Cached, pace).await?;
    series.add(&measured, &Loaded::default());
    Ok(series)
}
