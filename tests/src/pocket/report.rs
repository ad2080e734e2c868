//! What the evaluation found, as figures and as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use agentos_domain::Judged;
use serde::Serialize;

use super::options::Options;
use crate::bench::Samples;

/// The figures of the last line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Requests that were run.
    pub requests: u32,
    /// The share of right first calls among the requests that can be served.
    pub first_call: Option<f64>,
    /// The share of right tasks among the same.
    pub task: Option<f64>,
    /// The share of right refusals among the requests to refuse.
    pub refusal: Option<f64>,
    /// Median of the time to the first call, in milliseconds.
    pub first_call_ms: Option<f64>,
}

/// How many requests there were, and how many came out right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests.
    pub requests: u32,
    /// Those whose first call was right.
    pub first_call: u32,
    /// Those whose task was.
    pub task: u32,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.first_call += other.first_call;
        self.task += other.task;
    }

    fn share(&self, right: u32) -> Option<f64> {
        (self.requests > 0).then(|| f64::from(right) / f64::from(self.requests))
    }
}

/// A request that did not come out right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its place in the file, from 1.
    pub number: usize,
    /// Its kind.
    pub kind: String,
    /// Its text.
    pub request: String,
    /// The right calls.
    pub expected: Vec<String>,
    /// The calls that the model asked for.
    pub calls: Vec<String>,
    /// The answer, or why there is none.
    pub answer: String,
    /// What was not right.
    pub wrong: &'static str,
}

/// What the evaluation found.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The model's name.
    pub model: String,
    /// By kind.
    pub kinds: BTreeMap<String, Tally>,
    /// How sure the model was of each first reply, and whether it was right.
    pub judged: Vec<Judged>,
    /// In the order of the requests.
    pub failures: Vec<Failure>,
    /// Times to the first call, in milliseconds.
    pub first_calls: Samples,
    /// Generated tokens, divided by the seconds of all model calls (prompts
    /// included); not a number where there was none.
    pub tokens_per_second: f64,
}

fn is_refusal(kind: &str) -> bool {
    kind.starts_with("refuse_")
}

/// Kinds that ask for the same ability.
fn group(kind: &str) -> &'static str {
    match kind {
        "read_newest" | "search_read" | "qa_newest" | "qa_search" => "two steps",
        "size" | "lines" | "words" | "title" | "modified" => "metadata",
        "newest" | "oldest" | "largest" | "smallest" => "extremes",
        _ => match kind.split('_').next() {
            Some("list") => "lists",
            Some("read") => "reads",
            Some("search") => "searches",
            Some("count") => "counts",
            Some("compare") => "comparisons",
            Some("qa") => "questions",
            Some("missing") => "missing",
            _ => "refusals",
        },
    }
}

/// To three places after the point.
fn rounded(share: f64) -> f64 {
    (share * 1000.0).round() / 1000.0
}

impl Outcome {
    /// All tallies of refusals, or all others, as one.
    fn total(&self, refusals: bool) -> Tally {
        let mut total = Tally::default();
        for (_, tally) in self.kinds.iter().filter(|(kind, _)| is_refusal(kind) == refusals) {
            total.add(*tally);
        }
        total
    }

    fn exact(&self) -> Figures {
        let (served, refusals) = (self.total(false), self.total(true));
        let median = self.first_calls.p50();
        Figures {
            requests: served.requests + refusals.requests,
            first_call: served.share(served.first_call),
            task: served.share(served.task),
            refusal: refusals.share(refusals.task),
            first_call_ms: (!median.is_nan()).then_some(median),
        }
    }

    /// The figures of the last line, rounded.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let exact = self.exact();
        Figures {
            requests: exact.requests,
            first_call: exact.first_call.map(rounded),
            task: exact.task.map(rounded),
            refusal: exact.refusal.map(rounded),
            first_call_ms: exact.first_call_ms.map(|ms| (ms * 10.0).round() / 10.0),
        }
    }

    /// The minima that are not reached, each as a line. What was not asked at
    /// all reaches none.
    #[must_use]
    pub fn missed(&self, options: &Options) -> Vec<String> {
        let figures = self.exact();
        let minima = [
            ("first calls", figures.first_call, options.min_first_call),
            ("tasks", figures.task, options.min_task),
            ("refusals", figures.refusal, options.min_refusal),
        ];
        let mut missed = Vec::new();
        for (what, share, minimum) in minima {
            let Some(minimum) = minimum else { continue };
            if share.is_none_or(|share| share < minimum) {
                let right = percent(share);
                missed.push(format!(
                    "right {what}: {right}, at least {} is asked",
                    percent(Some(minimum))
                ));
            }
        }
        missed
    }

    /// The tables and the speed.
    #[must_use]
    pub fn text(&self) -> String {
        let mut groups: BTreeMap<&str, Tally> = BTreeMap::new();
        for (kind, tally) in &self.kinds {
            groups.entry(group(kind)).or_default().add(*tally);
        }
        let mut text = format!("model: {}\n\n", self.model);
        line(&mut text, ["kind", "requests", "first call", "task"].map(str::to_owned));
        for (kind, tally) in &self.kinds {
            row(&mut text, kind, *tally, is_refusal(kind));
        }
        text.push('\n');
        for (name, tally) in &groups {
            row(&mut text, name, *tally, *name == "refusals");
        }
        text.push('\n');
        row(&mut text, "all to be served", self.total(false), false);
        row(&mut text, "all to be refused", self.total(true), true);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\ntime to the first call: {}\ngenerated: {:.0} tokens a second of model calls, prompts included",
            times(&self.first_calls),
            self.tokens_per_second
        );
        text
    }
}

fn times(samples: &Samples) -> String {
    if samples.is_empty() {
        return "no reply was a call".to_owned();
    }
    let (p50, p95) = (samples.p50(), samples.percentile(95));
    format!("p50 {p50:.1} ms, p95 {p95:.1} ms, of {} calls", samples.len())
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

/// A refusal has no first call.
fn row(text: &mut String, name: &str, tally: Tally, refusal: bool) {
    let first_call = if refusal { None } else { tally.share(tally.first_call) };
    let task = tally.share(tally.task);
    line(text, [name.to_owned(), tally.requests.to_string(), percent(first_call), percent(task)]);
}

fn line(text: &mut String, [name, requests, first_call, task]: [String; 4]) {
    let _ = writeln!(text, "{name:20}{requests:>9}{first_call:>12}{task:>10}");
}

impl Failure {
    /// Some lines about it.
    #[must_use]
    pub fn text(&self) -> String {
        let list = |calls: &[String]| {
            if calls.is_empty() { "none".to_owned() } else { calls.join("; ") }
        };
        format!(
            "request {} ({}): wrong {}\n  asked:    {}\n  expected: {}\n  calls:    {}\n  answer:   {}\n",
            self.number,
            self.kind,
            self.wrong,
            self.request,
            list(&self.expected),
            list(&self.calls),
            self.answer.replace('\n', "\n            ")
        )
    }
}
