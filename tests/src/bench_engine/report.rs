//! The figures beside their aims, and as one JSON object.

use serde::Serialize;

use super::options::Sizes;
use super::run::Measured;
use crate::bench::{Row, Samples};

/// From the start of the hub's process to its first answer and first step.
const RESTART_MS: f64 = 1000.0;
/// From an approval to the tool.
const APPROVAL_MS: f64 = 100.0;
/// How much longer anything may take of a long queue than of a short one.
const RATIO: f64 = 2.0;
/// What 1,000 waiting runs, or 10,000 waiting tasks, may add to the hub's memory.
const MORE_MB: f64 = 50.0;
/// What a step may take beyond the disk's own fsync.
const STEP_MS: f64 = 1.0;

/// All figures of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    date: String,
    commit: String,
    cpu: String,
    cores: usize,
    memory_gb: u64,
    load_average: f64,
    debug_build: bool,
    quick: bool,
    /// Rows of journal over which the hub starts.
    journal_rows: usize,
    database_mb: f64,
    restarts: usize,
    restart_ready_p50_ms: f64,
    restart_ready_worst_ms: f64,
    restart_first_step_p50_ms: f64,
    restart_first_step_worst_ms: f64,
    /// Of the last of the runs that the edge held.
    restart_last_step_worst_ms: f64,
    approvals: usize,
    approval_to_tool_p50_ms: f64,
    approval_to_tool_p99_ms: f64,
    approval_request_to_tool_p50_ms: f64,
    approval_request_to_tool_p99_ms: f64,
    /// Tasks in the long queues.
    queued: usize,
    submit_empty_p50_ms: f64,
    submit_empty_p99_ms: f64,
    submit_full_p50_ms: f64,
    submit_full_p99_ms: f64,
    submit_ratio: f64,
    claim_10_in_1_p50_ms: f64,
    claim_many_in_1_p50_ms: f64,
    claim_100_in_100_p50_ms: f64,
    claim_many_in_100_p50_ms: f64,
    claim_ratio_1_workspace: f64,
    claim_ratio_100_workspaces: f64,
    queue_before_mb: f64,
    queue_after_mb: f64,
    /// Runs that wait for a person.
    waiting: usize,
    waiting_before_mb: f64,
    waiting_after_mb: f64,
    waiting_open_leases: u64,
    waiting_runs_per_s: f64,
    threads_before: Option<usize>,
    threads_after: Option<usize>,
    files_before: Option<usize>,
    files_after: Option<usize>,
    fsync_ms: f64,
    step_p50_ms: f64,
    step_p99_ms: f64,
    step_p50_ms_50_runs: f64,
    step_p99_ms_50_runs: f64,
    steps_per_s: f64,
}

/// A figure, and whether it must be met also on another machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Aim {
    /// The line of the table.
    pub row: Row,
    /// A ratio or a size, which hardly depends on the machine.
    pub binding: bool,
}

impl Figures {
    pub(super) fn of(measured: &Measured, quick: bool) -> Self {
        let Measured { circumstances, restarts, approvals, queue, claims, waiting, steps } =
            measured;
        let machine = &circumstances.machine;
        let ratio = |many: &Samples, few: &Samples| round(many.p50() / few.p50());
        let sizes = Sizes::of(quick);
        Self {
            date: circumstances.date.clone(),
            commit: circumstances.commit.clone(),
            cpu: circumstances.cpu.clone(),
            cores: machine.cores,
            memory_gb: circumstances.memory_gb,
            load_average: round(machine.load_average),
            debug_build: machine.debug_build,
            quick,
            journal_rows: restarts.rows,
            database_mb: round(restarts.database_mb),
            restarts: restarts.ready.len(),
            restart_ready_p50_ms: round(restarts.ready.p50()),
            restart_ready_worst_ms: round(restarts.ready.percentile(100)),
            restart_first_step_p50_ms: round(restarts.first_step.p50()),
            restart_first_step_worst_ms: round(restarts.first_step.percentile(100)),
            restart_last_step_worst_ms: round(restarts.last_step.percentile(100)),
            approvals: approvals.from_answer.len(),
            approval_to_tool_p50_ms: round(approvals.from_answer.p50()),
            approval_to_tool_p99_ms: round(approvals.from_answer.p99()),
            approval_request_to_tool_p50_ms: round(approvals.from_request.p50()),
            approval_request_to_tool_p99_ms: round(approvals.from_request.p99()),
            queued: sizes.queued,
            submit_empty_p50_ms: round(queue.empty.p50()),
            submit_empty_p99_ms: round(queue.empty.p99()),
            submit_full_p50_ms: round(queue.full.p50()),
            submit_full_p99_ms: round(queue.full.p99()),
            submit_ratio: ratio(&queue.full, &queue.empty),
            claim_10_in_1_p50_ms: round(claims.few_in_one.p50()),
            claim_many_in_1_p50_ms: round(claims.many_in_one.p50()),
            claim_100_in_100_p50_ms: round(claims.few_in_hundred.p50()),
            claim_many_in_100_p50_ms: round(claims.many_in_hundred.p50()),
            claim_ratio_1_workspace: ratio(&claims.many_in_one, &claims.few_in_one),
            claim_ratio_100_workspaces: ratio(&claims.many_in_hundred, &claims.few_in_hundred),
            queue_before_mb: round(queue.before.mb),
            queue_after_mb: round(queue.after.mb),
            waiting: sizes.waiting,
            waiting_before_mb: round(waiting.before.mb),
            waiting_after_mb: round(waiting.after.mb),
            waiting_open_leases: waiting.open_leases,
            waiting_runs_per_s: round(waiting.per_second),
            threads_before: waiting.before.threads,
            threads_after: waiting.after.threads,
            files_before: waiting.before.files,
            files_after: waiting.after.files,
            fsync_ms: round(steps.fsync.p50()),
            step_p50_ms: round(steps.one_run.p50()),
            step_p99_ms: round(steps.one_run.p99()),
            step_p50_ms_50_runs: round(steps.runs_at_once.p50()),
            step_p99_ms_50_runs: round(steps.runs_at_once.p99()),
            steps_per_s: round(steps.per_second),
        }
    }

    /// The figures beside their aims.
    #[must_use]
    pub fn judged(&self) -> Vec<Aim> {
        let mut aims = self.times();
        aims.extend(self.queues());
        aims.extend(self.waiting_runs());
        aims.extend(self.steps());
        aims
    }

    fn times(&self) -> Vec<Aim> {
        let of = |p50: f64, worst: f64| format!("median {p50:.0} ms, worst {worst:.0} ms");
        let over = format!("{} rows, {:.0} MB", self.journal_rows, self.database_mb);
        let (ready, first) = (self.restart_ready_worst_ms, self.restart_first_step_worst_ms);
        let last = self.restart_last_step_worst_ms;
        vec![
            most(
                format!("restart over {over}: API answers"),
                of(self.restart_ready_p50_ms, ready),
                (ready, RESTART_MS, "ms"),
            ),
            most(
                "the same: first step of a resumed run",
                format!(
                    "{}; of the last of 4 {last:.0} ms",
                    of(self.restart_first_step_p50_ms, first)
                ),
                (first, RESTART_MS, "ms"),
            ),
            most(
                format!("approval to tool, {} times", self.approvals),
                format!(
                    "p50 {:.1} ms, p99 {:.1} ms; from the request p50 {:.1} ms, p99 {:.1} ms",
                    self.approval_to_tool_p50_ms,
                    self.approval_to_tool_p99_ms,
                    self.approval_request_to_tool_p50_ms,
                    self.approval_request_to_tool_p99_ms
                ),
                (self.approval_to_tool_p50_ms, APPROVAL_MS, "ms"),
            ),
        ]
    }

    fn queues(&self) -> Vec<Aim> {
        let many = self.queued;
        let claim = |number: usize, few: f64, long: f64, ratio: f64| {
            format!("p50 {few:.2} ms with {number}, {long:.2} ms with {many}: {ratio:.2} times")
        };
        let one = self.claim_ratio_1_workspace;
        let hundred = self.claim_ratio_100_workspaces;
        vec![
            binding(
                format!("submission where none and {many} wait"),
                format!(
                    "p50 {:.2} and {:.2} ms: {:.2} times; p99 {:.2} and {:.2} ms",
                    self.submit_empty_p50_ms,
                    self.submit_full_p50_ms,
                    self.submit_ratio,
                    self.submit_empty_p99_ms,
                    self.submit_full_p99_ms
                ),
                (self.submit_ratio, RATIO, "times"),
            ),
            binding(
                "claim, one workspace (without fsync)",
                claim(10, self.claim_10_in_1_p50_ms, self.claim_many_in_1_p50_ms, one),
                (one, RATIO, "times"),
            ),
            binding(
                "claim, 100 workspaces (without fsync)",
                claim(100, self.claim_100_in_100_p50_ms, self.claim_many_in_100_p50_ms, hundred),
                (hundred, RATIO, "times"),
            ),
            more_memory(
                format!("the hub's memory with {many} waiting tasks"),
                self.queue_before_mb,
                self.queue_after_mb,
            ),
        ]
    }

    fn waiting_runs(&self) -> Vec<Aim> {
        let leases = u32::try_from(self.waiting_open_leases).map_or(f64::INFINITY, f64::from);
        let (open, number) = (self.waiting_open_leases, self.waiting);
        let grown = |what: &str, before: Option<usize>, after: Option<usize>| {
            let tell = |count: Option<usize>| count.map_or("?".to_owned(), |n| n.to_string());
            format!("{what} {} before, {} after", tell(before), tell(after))
        };
        let threads = grown("threads", self.threads_before, self.threads_after);
        let files = grown("open files", self.files_before, self.files_after);
        vec![
            more_memory(
                format!("the hub's memory with {number} runs that wait for a person"),
                self.waiting_before_mb,
                self.waiting_after_mb,
            ),
            binding("leases open then", open.to_string(), (leases, 0.0, "")),
            plain("the hub's process then", format!("{threads}; {files}")),
            plain("runs that asked", format!("{:.0} a second", self.waiting_runs_per_s)),
        ]
    }

    fn steps(&self) -> Vec<Aim> {
        let step = |what: &str, p50: f64, p99: f64| {
            let most_ms = round(self.fsync_ms + STEP_MS);
            most(what, format!("p50 {p50:.2} ms, p99 {p99:.2} ms"), (p50, most_ms, "ms"))
        };
        vec![
            plain("the disk's own fsync", format!("p50 {:.2} ms", self.fsync_ms)),
            step("step, 1 run (fsync + 1 ms)", self.step_p50_ms, self.step_p99_ms),
            step(
                "step, 50 runs at once (fsync + 1 ms)",
                self.step_p50_ms_50_runs,
                self.step_p99_ms_50_runs,
            ),
            plain("steps of 50 runs at once", format!("{:.0} a second", self.steps_per_s)),
        ]
    }
}

/// A figure without an aim.
fn plain(what: impl Into<String>, measured: String) -> Aim {
    let row = Row { what: what.into(), measured, aim: String::new(), met: None };
    Aim { row, binding: false }
}

/// A figure with the most that it may be.
fn most(what: impl Into<String>, measured: String, aim: (f64, f64, &str)) -> Aim {
    let (figure, most, unit) = aim;
    let told = format!("≤ {most} {unit}").trim_end().to_owned();
    let row = Row { what: what.into(), measured, aim: told, met: Some(figure <= most) };
    Aim { row, binding: false }
}

/// As [`most`], for a ratio or a size.
fn binding(what: impl Into<String>, measured: String, aim: (f64, f64, &str)) -> Aim {
    Aim { binding: true, ..most(what, measured, aim) }
}

fn more_memory(what: String, before: f64, after: f64) -> Aim {
    let more = after - before;
    let measured = format!("{before:.1} MB before, {after:.1} MB after: {more:+.1} MB");
    binding(what, measured, (more, MORE_MB, "MB more"))
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
