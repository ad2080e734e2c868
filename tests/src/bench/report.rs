//! The figures, as a table for people and as one JSON object for programs.

use std::fmt::Write as _;

use serde::Serialize;

/// All figures of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Median of a call of the hub to the edge over QUIC, in microseconds.
    pub link_rtt_quic_us: f64,
    /// Its 99th percentile.
    pub link_rtt_quic_p99_us: f64,
    /// Median of a call of the edge to the hub over QUIC, in microseconds.
    pub link_rtt_quic_to_hub_us: f64,
    /// Median of a call of the hub to the edge over TCP, in microseconds.
    pub link_rtt_tcp_us: f64,
    /// Its 99th percentile.
    pub link_rtt_tcp_p99_us: f64,
    /// Median of a call of the edge to the hub over TCP, in microseconds.
    pub link_rtt_tcp_to_hub_us: f64,
    /// Median of the disk's own append and sync beside the appends to
    /// journals, in milliseconds.
    pub fsync_ms: f64,
    /// Median of an append to the journal of a single run, in milliseconds.
    pub step_p50_ms: f64,
    /// Its 99th percentile.
    pub step_p99_ms: f64,
    /// Median of an append with 50 runs at once, in milliseconds.
    pub step_p50_ms_50_runs: f64,
    /// Its 99th percentile.
    pub step_p99_ms_50_runs: f64,
    /// Durable steps per second of 50 runs at once.
    pub steps_per_s: f64,
    /// The same beside the tool calls: a disk is not the same at all times.
    pub tool_call_fsync_ms: f64,
    /// Median of intent and result over QUIC, in milliseconds.
    pub tool_call_p50_ms: f64,
    /// Its 99th percentile.
    pub tool_call_p99_ms: f64,
    /// Tokens per second of the path, divided by those of the engine.
    pub tokens_ratio: f64,
    /// Median tokens per second of the engine called directly.
    pub tokens_per_s_direct: f64,
    /// How far the direct runs lie apart, as a share of their median: a ratio
    /// is not to be read more exactly than that.
    pub tokens_direct_spread: f64,
    /// Median tokens per second through hub, link and edge.
    pub tokens_per_s_path: f64,
    /// Tokens of each answer.
    pub answer_tokens: u64,
    /// Resident memory of a hub at rest, in millions of bytes.
    pub hub_idle_mb: f64,
    /// Cores that the benchmark could use.
    pub cores: usize,
    /// The system's load over the minute before.
    pub load_average: f64,
    /// Whether the databases lay in memory, so that no sync was one.
    pub in_memory: bool,
    /// Whether this was a run of few rounds.
    pub quick: bool,
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// The figure.
    pub measured: String,
    /// What it is to be; empty where there is no aim.
    pub aim: String,
    /// Whether it is; `None` where there is no aim.
    pub met: Option<bool>,
}

/// A figure without an aim.
fn figure(what: impl Into<String>, measured: String) -> Row {
    Row { what: what.into(), measured, aim: String::new(), met: None }
}

/// A figure in milliseconds and the most that it may be.
fn bounded_ms(what: &str, p50: f64, p99: f64, most: f64, because: &str) -> Row {
    Row {
        what: what.to_owned(),
        measured: format!("p50 {p50:.2} ms, p99 {p99:.2} ms"),
        aim: format!("p50 ≤ {most:.2} ms ({because})"),
        met: Some(p50 <= most),
    }
}

/// The figures beside their aims.
#[must_use]
pub fn rows(figures: &Figures) -> Vec<Row> {
    let f = figures;
    let rtt = |name: &str, p50: f64, p99: f64, back: f64| {
        let measured = format!("p50 {p50:.0} µs, p99 {p99:.0} µs; edge to hub p50 {back:.0} µs");
        figure(format!("link round trip, {name}, hub to edge"), measured)
    };
    let step = f.fsync_ms + 1.0;
    let call = 2.0 * f.tool_call_fsync_ms + f.link_rtt_quic_us / 1e3 + 1.0;
    let mut rows = vec![
        rtt("QUIC", f.link_rtt_quic_us, f.link_rtt_quic_p99_us, f.link_rtt_quic_to_hub_us),
        rtt("TCP", f.link_rtt_tcp_us, f.link_rtt_tcp_p99_us, f.link_rtt_tcp_to_hub_us),
        figure(
            "the disk's own fsync",
            format!(
                "p50 {:.2} ms, that is {:.0} a second; beside the tool calls {:.2} ms",
                f.fsync_ms,
                1e3 / f.fsync_ms,
                f.tool_call_fsync_ms
            ),
        ),
        bounded_ms("journal append, 1 run", f.step_p50_ms, f.step_p99_ms, step, "fsync + 1 ms"),
        bounded_ms(
            "journal append, 50 runs at once",
            f.step_p50_ms_50_runs,
            f.step_p99_ms_50_runs,
            step,
            "fsync + 1 ms",
        ),
        figure("durable steps, 50 runs at once", format!("{:.0} a second", f.steps_per_s)),
        bounded_ms(
            "tool call: intent and result over QUIC",
            f.tool_call_p50_ms,
            f.tool_call_p99_ms,
            call,
            "2 fsync + link + 1 ms",
        ),
    ];
    rows.extend(token_rows(f));
    rows.push(Row {
        what: "memory of the hub at idle".to_owned(),
        measured: format!("{:.1} MB", f.hub_idle_mb),
        aim: "≤ 40 MB".to_owned(),
        met: Some(f.hub_idle_mb <= 40.0),
    });
    rows
}

fn token_rows(f: &Figures) -> [Row; 3] {
    let tokens = f.answer_tokens;
    // The share depends on the speed of the model; this hardly does.
    let more = 1e6 / f.tokens_per_s_path - 1e6 / f.tokens_per_s_direct;
    [
        figure(
            format!("engine called directly, {tokens} tokens an answer"),
            format!(
                "{:.0} tokens a second, runs {:.1} % apart",
                f.tokens_per_s_direct,
                f.tokens_direct_spread * 100.0
            ),
        ),
        figure(
            "the same through hub, QUIC and edge",
            format!("{:.0} tokens a second", f.tokens_per_s_path),
        ),
        Row {
            what: "path beside engine".to_owned(),
            measured: format!("{:.1} %, {more:+.1} µs a token", f.tokens_ratio * 100.0),
            aim: "≥ 98 %".to_owned(),
            met: Some(f.tokens_ratio >= 0.98),
        },
    ]
}

/// The rows in columns.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let met = |row: &Row| match row.met {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "",
    };
    let head = ["what", "measured", "aim", "met"].map(str::to_owned);
    let cells =
        |row: &Row| [row.what.clone(), row.measured.clone(), row.aim.clone(), met(row).to_owned()];
    let lines: Vec<[String; 4]> = std::iter::once(head).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| {
        lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()
    };
    let widths: [usize; 3] = std::array::from_fn(width);
    let mut text = String::new();
    for [what, measured, aim, met] in &lines {
        let line = format!(
            "{what:a$}  {measured:b$}  {aim:c$}  {met}",
            a = widths[0],
            b = widths[1],
            c = widths[2],
        );
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        Figures {
            link_rtt_quic_us: 500.0,
            link_rtt_quic_p99_us: 900.0,
            link_rtt_quic_to_hub_us: 510.0,
            link_rtt_tcp_us: 200.0,
            link_rtt_tcp_p99_us: 400.0,
            link_rtt_tcp_to_hub_us: 210.0,
            fsync_ms: 2.0,
            step_p50_ms: 2.5,
            step_p99_ms: 9.0,
            step_p50_ms_50_runs: 4.0,
            step_p99_ms_50_runs: 12.0,
            steps_per_s: 9000.0,
            tool_call_fsync_ms: 2.0,
            tool_call_p50_ms: 5.4,
            tool_call_p99_ms: 15.0,
            tokens_ratio: 0.99,
            tokens_per_s_direct: 2000.0,
            tokens_direct_spread: 0.01,
            tokens_per_s_path: 1980.0,
            answer_tokens: 512,
            hub_idle_mb: 40.1,
            cores: 2,
            load_average: 0.5,
            in_memory: false,
            quick: false,
        }
    }

    fn met(figures: &Figures, what: &str) -> Option<bool> {
        let rows = rows(figures);
        let row = rows.iter().find(|row| row.what.starts_with(what));
        row.unwrap_or_else(|| panic!("no row {what}")).met
    }

    #[test]
    fn aims_are_judged_by_the_disk_and_the_link_beside_them() {
        let mut figures = figures();
        assert_eq!(met(&figures, "journal append, 1 run"), Some(true));
        assert_eq!(met(&figures, "journal append, 50 runs"), Some(false));
        // 2 × 2 ms + 0.5 ms + 1 ms = 5.5 ms.
        assert_eq!(met(&figures, "tool call"), Some(true));
        figures.tool_call_p50_ms = 5.6;
        assert_eq!(met(&figures, "tool call"), Some(false));
        figures.fsync_ms = 4.0;
        assert_eq!(met(&figures, "tool call"), Some(false));
        figures.tool_call_fsync_ms = 4.0;
        assert_eq!(met(&figures, "tool call"), Some(true));
        assert_eq!(met(&figures, "link round trip, QUIC"), None);
    }

    #[test]
    fn a_figure_that_is_no_number_meets_no_aim() {
        let figures = Figures { step_p50_ms: f64::NAN, tokens_ratio: f64::NAN, ..figures() };
        assert_eq!(met(&figures, "journal append, 1 run"), Some(false));
        assert_eq!(met(&figures, "path beside engine"), Some(false));
        assert_eq!(met(&figures, "memory"), Some(false));
    }

    #[test]
    fn the_table_is_aligned_and_has_a_line_for_every_row() {
        let rows = rows(&figures());
        let table = table(&rows);
        assert_eq!(table.lines().count(), rows.len() + 1);
        let place = |line: &str, text: &str| {
            line.find(text).map(|at| line.get(..at).unwrap_or_default().chars().count())
        };
        let head = table.lines().next().unwrap();
        let memory = table.lines().last().unwrap();
        assert_eq!(place(head, "aim"), place(memory, "≤ 40 MB"));
        assert_eq!(place(head, "met"), place(memory, "NO"));
    }

    #[test]
    fn the_json_object_has_the_agreed_keys() {
        let json = serde_json::to_value(figures()).unwrap();
        for key in [
            "link_rtt_quic_us",
            "link_rtt_tcp_us",
            "fsync_ms",
            "step_p50_ms",
            "step_p50_ms_50_runs",
            "steps_per_s",
            "tool_call_p50_ms",
            "tokens_ratio",
            "tokens_per_s_direct",
            "tokens_per_s_path",
            "hub_idle_mb",
        ] {
            assert!(json[key].is_number(), "{key}");
        }
    }
}
