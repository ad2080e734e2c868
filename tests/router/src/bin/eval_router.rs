//! Measures the tier decision; `cargo xtask eval-router` runs it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use agentos_router_eval::{Figures, SetFigures, measure, sets};
use clap::Parser;
use serde_json::{Map, Value, json};

/// Measures the tier decision on RouteLLM's public data, beside prompt length
/// and chance, and on the project's own requests; the last line is one JSON
/// object. Nothing is made from that data.
#[derive(Debug, Parser)]
#[command(name = "eval-router", version)]
struct Options {
    /// RouteLLM's data: mmlu/*.csv and gsm8k_responses.csv
    #[arg(long, default_value = "../shared/data/routellm")]
    data: PathBuf,
}

fn main() -> ExitCode {
    agentos_process::exit_code(run(&Options::parse()))
}

fn run(options: &Options) -> anyhow::Result<()> {
    let sets = sets(&options.data)?;
    let mut out = std::io::stdout().lock();
    if sets.is_none() {
        let path = options.data.display();
        writeln!(out, "public data: skipped, there is no {path}; --data PATH says where it is")?;
    }
    let figures = measure(sets.as_ref())?;
    for (name, set) in [("MMLU", figures.mmlu), ("GSM8K", figures.gsm8k)] {
        if let Some(set) = set {
            table(&mut out, name, &set)?;
        }
    }
    let own = &figures.own;
    writeln!(out, "own requests, {} of them, by weights made without them", own.requests)?;
    writeln!(out, "  decided as graded {:.3}, AUC {:.3}", own.accuracy, own.auc)?;
    writeln!(out, "  unchanged by typing errors {:.3} (aim: ≥ .95)", own.typos_unchanged)?;
    writeln!(out, "CPU time of a decision in µs: mean {:.1}", figures.cpu_us)?;
    writeln!(out, "  99th percentile {:.1} (aim: ≤ 1000)", figures.cpu_p99_us)?;
    for text in &figures.copied {
        writeln!(out, "shares ten words in a row with a public question: {text:?}")?;
    }
    writeln!(out, "{}", Value::Object(last_line(&figures)))?;
    Ok(())
}

fn table(out: &mut impl std::io::Write, name: &str, set: &SetFigures) -> std::io::Result<()> {
    writeln!(
        out,
        "{name}, {} questions: weak {:.4}, strong {:.4}, oracle {:.4}; {:.1} % decided as smart",
        set.questions,
        set.weak,
        set.strong,
        set.oracle,
        set.smart * 100.0
    )?;
    writeln!(out, "                 APGR   CPT50  CPT80")?;
    writeln!(out, "  decision       {:.3}  {:.3}  {:.3}", set.apgr, set.cpt50, set.cpt80)?;
    let (cpt50, cpt80) = (set.length_cpt50, set.length_cpt80);
    writeln!(out, "  prompt length  {:.3}  {cpt50:.3}  {cpt80:.3}", set.length)?;
    writeln!(out, "  random         {:.3}", set.random)
}

fn last_line(figures: &Figures) -> Map<String, Value> {
    let mut line = Map::new();
    // More places than these mean nothing.
    let short = |value: f64| json!((value * 1e4).round() / 1e4);
    for (name, set) in [("mmlu", figures.mmlu), ("gsm8k", figures.gsm8k)] {
        let values = [
            ("apgr", set.map(|set| set.apgr)),
            ("length", set.map(|set| set.length)),
            ("random", set.map(|set| set.random)),
            ("cpt50", set.map(|set| set.cpt50)),
            ("cpt80", set.map(|set| set.cpt80)),
            ("weak", set.map(|set| set.weak)),
            ("strong", set.map(|set| set.strong)),
            ("oracle", set.map(|set| set.oracle)),
        ];
        for (figure, value) in values {
            line.insert(format!("{name}_{figure}"), value.map_or(Value::Null, short));
        }
    }
    line.insert("own_accuracy".to_owned(), short(figures.own.accuracy));
    line.insert("own_auc".to_owned(), short(figures.own.auc));
    line.insert("typos_unchanged".to_owned(), short(figures.own.typos_unchanged));
    line.insert("cpu_us".to_owned(), short(figures.cpu_us));
    line.insert("cpu_p99_us".to_owned(), short(figures.cpu_p99_us));
    line.insert("copied".to_owned(), json!(figures.copied.len()));
    line
}
