//! Counters and histograms with labels.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most combinations of labels of one metric; further ones share one.
const MAX_SERIES: usize = 1000;
/// What stands for a label's values that are not told apart.
pub(crate) const OTHER: &str = "other";

type Series<const N: usize, T> = BTreeMap<[String; N], T>;

fn slot<'a, const N: usize, T>(
    series: &'a mut Series<N, T>,
    labels: [&str; N],
    new: impl FnOnce() -> T,
) -> &'a mut T {
    let mut key = labels.map(ToOwned::to_owned);
    if series.len() >= MAX_SERIES && !series.contains_key(&key) {
        key = [OTHER; N].map(ToOwned::to_owned);
    }
    series.entry(key).or_insert_with(new)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere cannot leave the numbers half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number that only grows, for each combination of `N` labels.
pub struct CounterFamily<const N: usize> {
    name: &'static str,
    help: &'static str,
    labels: [&'static str; N],
    series: Mutex<Series<N, u64>>,
}

impl<const N: usize> CounterFamily<N> {
    /// A counter; `name` ends in `_total`.
    #[must_use]
    pub fn new(name: &'static str, help: &'static str, labels: [&'static str; N]) -> Self {
        Self { name, help, labels, series: Mutex::default() }
    }

    /// Counts `by` more.
    pub fn add(&self, labels: [&str; N], by: u64) {
        let mut series = lock(&self.series);
        let value = slot(&mut series, labels, || 0);
        *value = value.saturating_add(by);
    }

    /// Appends it to a page of metrics.
    pub fn write(&self, page: &mut String) {
        head(page, self.name, self.help, "counter");
        for (values, value) in lock(&self.series).iter() {
            sample(page, self.name, &pairs(&self.labels, values), value);
        }
    }
}

/// How often which values were seen, for each combination of `N` labels.
pub struct HistogramFamily<const N: usize> {
    name: &'static str,
    help: &'static str,
    labels: [&'static str; N],
    /// Upper ends, growing.
    bounds: &'static [f64],
    series: Mutex<Series<N, Histogram>>,
}

struct Histogram {
    /// How many values each bucket holds; the last has no upper end.
    buckets: Vec<u64>,
    sum: f64,
}

impl<const N: usize> HistogramFamily<N> {
    /// A histogram with buckets up to each of `bounds`, which grow.
    #[must_use]
    pub fn new(
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        bounds: &'static [f64],
    ) -> Self {
        Self { name, help, labels, bounds, series: Mutex::default() }
    }

    /// Notes a value.
    pub fn observe(&self, labels: [&str; N], value: f64) {
        let mut series = lock(&self.series);
        let histogram = slot(&mut series, labels, || Histogram {
            buckets: vec![0; self.bounds.len() + 1],
            sum: 0.0,
        });
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = histogram.buckets.get_mut(bucket) {
            *count += 1;
        }
        histogram.sum += value;
    }

    /// Appends it to a page of metrics.
    pub fn write(&self, page: &mut String) {
        head(page, self.name, self.help, "histogram");
        for (values, histogram) in lock(&self.series).iter() {
            let labels = pairs(&self.labels, values);
            let separator = if labels.is_empty() { "" } else { "," };
            let mut count = 0;
            for (index, held) in histogram.buckets.iter().enumerate() {
                count += held;
                let end = self.bounds.get(index).map_or("+Inf".to_owned(), ToString::to_string);
                let labels = format!("{labels}{separator}le=\"{end}\"");
                sample(page, &format!("{}_bucket", self.name), &labels, count);
            }
            sample(page, &format!("{}_sum", self.name), &labels, histogram.sum);
            sample(page, &format!("{}_count", self.name), &labels, count);
        }
    }
}

/// Appends a number that goes up and down to a page of metrics.
pub fn gauge(page: &mut String, name: &str, help: &str, value: u64) {
    head(page, name, help, "gauge");
    sample(page, name, "", value);
}

/// Appends a 1 that carries a label to a page of metrics.
pub fn info(page: &mut String, name: &str, help: &str, label: &str, value: &str) {
    head(page, name, help, "gauge");
    sample(page, name, &pairs(&[label], &[value.to_owned()]), 1);
}

fn head(page: &mut String, name: &str, help: &str, kind: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(page: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = match labels {
        "" => writeln!(page, "{name} {value}"),
        labels => writeln!(page, "{name}{{{labels}}} {value}"),
    };
}

fn pairs<const N: usize>(names: &[&str; N], values: &[String; N]) -> String {
    let pair = |(name, value): (&&str, &String)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("{name}=\"{value}\"")
    };
    names.iter().zip(values).map(pair).collect::<Vec<_>>().join(",")
}
