//! The figures as a table, and as one JSON object.

use std::fmt::Write as _;

use serde::Serialize;

use crate::machine;
use crate::options::{JUDGED_RATE, Sizes};
use crate::request::Kind;
use crate::rounds::Series;
use crate::run::Measured;
use crate::target::Who;

/// The most that a request, and a stream, may take of a processor, in
/// microseconds.
const REQUEST_US: f64 = 600.0;
const STREAM_US: f64 = 1200.0;
/// The most that the hub may add to a latency, in microseconds.
const ADDED_P50_US: f64 = 500.0;
const ADDED_P99_US: f64 = 2000.0;
/// The most memory that the hub may hold, in millions of bytes.
const MEMORY_MB: f64 = 64.0;
/// How much of a bare proxy's processor time the hub may take, whatever the
/// machine.
const RATIO: f64 = 6.0;

/// What is judged. Times are in microseconds, memory in millions of bytes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// How the programs were built.
    profile: &'static str,
    quick: bool,
    cores: usize,
    load_average_before: f64,
    load_average_after: f64,
    rounds: usize,
    /// All requests that were not answered as they should be.
    errors: u64,
    /// By how much this program sent requests too late: 99 in 100 less.
    late_p99_us: f64,
    cpu_us_per_request: f64,
    cpu_us_per_request_iqr: f64,
    cpu_us_per_stream: f64,
    cpu_us_per_stream_iqr: f64,
    added_p50_us: f64,
    added_p50_us_iqr: f64,
    added_p99_us: f64,
    added_p99_us_iqr: f64,
    stream_added_p50_us: f64,
    stream_added_first_us: f64,
    bare_cpu_us_per_request: f64,
    bare_cpu_us_per_stream: f64,
    bare_added_p50_us: f64,
    bare_added_p99_us: f64,
    /// The hub's processor time for a request, in terms of the bare proxy's.
    cpu_ratio: f64,
    cpu_ratio_stream: f64,
    priced_cpu_us_per_request: f64,
    priced_cpu_us_per_stream: f64,
    priced_added_p50_us: f64,
    priced_added_p99_us: f64,
    cache_hit_p50_us: f64,
    cache_hit_p99_us: f64,
    cache_hit_cpu_us: f64,
    rss_mb_idle: f64,
    rss_mb_after: f64,
    rss_mb_peak: f64,
    bare_rss_mb_after: f64,
    soak_requests: u64,
    rss_slope_mb_per_100k: f64,
}

impl Figures {
    pub(crate) fn of(measured: &Measured, sizes: &Sizes, quick: bool) -> Self {
        let find = |who, kind| measured.series(who, kind);
        let [free, free_stream] = [Kind::Whole, Kind::Stream].map(|kind| find(Who::Free, kind));
        let [bare, bare_stream] = [Kind::Whole, Kind::Stream].map(|kind| find(Who::Bare, kind));
        let [priced, priced_stream] =
            [Kind::Whole, Kind::Stream].map(|kind| find(Who::Priced, kind));
        let cpu = |series: &Series| round(series.processor.p50());
        let hits = &measured.hits;
        Self {
            profile: machine::profile(),
            quick,
            cores: machine::cores(),
            load_average_before: measured.load_before,
            load_average_after: measured.load_after,
            rounds: sizes.rounds,
            errors: measured.errors(),
            late_p99_us: round(free.all.late.p99()),
            cpu_us_per_request: cpu(free),
            cpu_us_per_request_iqr: round(free.processor.iqr()),
            cpu_us_per_stream: cpu(free_stream),
            cpu_us_per_stream_iqr: round(free_stream.processor.iqr()),
            added_p50_us: round(free.added_p50.p50()),
            added_p50_us_iqr: round(free.added_p50.iqr()),
            added_p99_us: round(free.added_p99.p50()),
            added_p99_us_iqr: round(free.added_p99.iqr()),
            stream_added_p50_us: round(free_stream.added_p50.p50()),
            stream_added_first_us: round(free_stream.added_first.p50()),
            bare_cpu_us_per_request: cpu(bare),
            bare_cpu_us_per_stream: cpu(bare_stream),
            bare_added_p50_us: round(bare.added_p50.p50()),
            bare_added_p99_us: round(bare.added_p99.p50()),
            cpu_ratio: round(free.processor.p50() / bare.processor.p50()),
            cpu_ratio_stream: round(free_stream.processor.p50() / bare_stream.processor.p50()),
            priced_cpu_us_per_request: cpu(priced),
            priced_cpu_us_per_stream: cpu(priced_stream),
            priced_added_p50_us: round(priced.added_p50.p50()),
            priced_added_p99_us: round(priced.added_p99.p50()),
            cache_hit_p50_us: round(hits.p50.p50()),
            cache_hit_p99_us: round(hits.p99.p50()),
            cache_hit_cpu_us: cpu(hits),
            rss_mb_idle: round(measured.idle.now),
            rss_mb_after: round(measured.after.now),
            rss_mb_peak: round(measured.after.peak),
            bare_rss_mb_after: round(measured.bare_after.now),
            soak_requests: sizes.soak,
            rss_slope_mb_per_100k: round(measured.soak.slope),
        }
    }

    /// Whether all is as it should be that does not depend on the machine.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.errors == 0 && self.cpu_ratio <= RATIO
    }

    /// The figures beside what is aimed at.
    #[must_use]
    pub fn aims(&self) -> String {
        let mut text = String::new();
        for (what, figure, most, unit) in [
            ("processor time for a request", self.cpu_us_per_request, REQUEST_US, "µs"),
            ("processor time for a stream", self.cpu_us_per_stream, STREAM_US, "µs"),
            ("added at 200/s, median", self.added_p50_us, ADDED_P50_US, "µs"),
            ("added at 200/s, 99th percentile", self.added_p99_us, ADDED_P99_US, "µs"),
            ("memory afterwards", self.rss_mb_after, MEMORY_MB, "MB"),
            ("processor time, of the bare proxy's", self.cpu_ratio, RATIO, "times"),
        ] {
            let met = if figure <= most { "met" } else { "MISSED" };
            // A string takes all that is written.
            let _ = writeln!(text, "{what:36} {figure:9.1} {unit:5} (aim: ≤ {most} {unit}) {met}");
        }
        text
    }
}

impl Measured {
    /// Of those at the rate that is judged, or of the streams.
    fn series(&self, who: Who, kind: Kind) -> &Series {
        let judged = |series: &&Series| {
            let rate = kind == Kind::Stream || series.pace.rate == JUDGED_RATE;
            series.who == who && series.kind == kind && rate
        };
        // All forms measure that rate; another figure would show at once.
        self.series.iter().find(judged).unwrap_or(&self.hits)
    }

    fn errors(&self) -> u64 {
        let series: u64 = self.series.iter().map(|series| series.all.errors).sum();
        series + self.hits.all.errors + self.soak.failed.errors
    }

    fn first_error(&self) -> Option<&str> {
        let all = self.series.iter().chain([&self.hits]).map(|series| &series.all);
        all.chain([&self.soak.failed]).find_map(|loaded| loaded.error.as_deref())
    }
}

/// One line of the table, in milliseconds but for processor time.
#[derive(Debug, Clone)]
pub struct Line(String);

impl Line {
    pub(crate) fn all(measured: &Measured) -> Vec<Self> {
        let series = measured.series.iter().chain([&measured.hits]);
        let mut lines: Vec<Self> = series.map(Self::of).collect();
        lines.extend(measured.first_error().map(|error| Self(format!("first error: {error}"))));
        let (idle, after) = (measured.idle.now, measured.after);
        lines.push(Self(format!(
            "the hub's memory: {idle:.1} MB idle, {:.1} MB after, {:.1} MB at most; \
             {:+.2} MB for 100,000 requests over {} looks",
            after.now,
            after.peak,
            measured.soak.slope,
            measured.soak.looks.len()
        )));
        lines
    }

    fn of(series: &Series) -> Self {
        let kind = match series.kind {
            Kind::Whole => "whole",
            Kind::Stream => "stream",
            Kind::Cached => "cached",
        };
        let ms = |value: f64| value / 1e3;
        let (total, first) = (&series.all.total, &series.all.first);
        Self(format!(
            "{:12} {kind:7} {:4} {:7} {:7.2} {:7.2} {:7.2} {:+8.2} ±{:<6.2} {:+8.2} ±{:<6.2} \
             {:7.0} ±{:<5.0} {:6}",
            series.who.name(),
            series.pace.rate,
            total.len(),
            ms(total.p50()),
            ms(total.p99()),
            ms(first.p50()),
            ms(series.added_p50.p50()),
            ms(series.added_p50.iqr()),
            ms(series.added_p99.p50()),
            ms(series.added_p99.iqr()),
            series.processor.p50(),
            series.processor.iqr(),
            series.all.errors,
        ))
    }
}

/// The table of all loads; ± is the range of the middle half of the rounds.
#[must_use]
pub fn table(lines: &[Line]) -> String {
    let mut text = format!(
        "{:12} {:7} {:>4} {:>7} {:>7} {:>7} {:>7} {:>8} {:7} {:>8} {:7} {:>7} {:6} {:>6}\n",
        "target",
        "answer",
        "1/s",
        "number",
        "p50 ms",
        "p99 ms",
        "first",
        "+p50",
        "",
        "+p99",
        "",
        "cpu µs",
        "",
        "errors"
    );
    for Line(line) in lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
