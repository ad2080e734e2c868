//! How a task looks as it happens.
//!
//! Text of a model comes twice: token by token, and whole in the step that
//! makes it durable. The step supersedes the tokens: of its text only what has
//! not been shown yet is printed, and where the tokens were of a call that did
//! not survive, the text is printed anew.

use std::io;

use agentos_domain::{
    Change, Changeset, Entry, Step, Task, TaskStatus, ToolCall, ToolOutcome, Usage,
};

use crate::live::{Live, ModelStarted};
use crate::terminal::{Terminal, Tone};
use crate::text::{bytes, count, millis, shorten, wrap_parts};

/// What has been shown of a task.
#[derive(Debug, Default)]
pub(crate) struct Renderer {
    status: Option<TaskStatus>,
    /// Whether the present model call has its header.
    announced: bool,
    /// Text of the present model call that has been shown.
    shown: String,
    /// Whether the live stream stands in the middle of a line.
    open: bool,
    /// The last text that stands whole on the standard output.
    on_output: Option<String>,
    answered: bool,
}

impl Renderer {
    /// Shows an event.
    pub(crate) fn event(&mut self, terminal: &mut Terminal, event: &Live) -> io::Result<()> {
        match event {
            Live::Status(task) => self.status(terminal, task),
            Live::Step(step) => self.step(terminal, step),
            Live::ModelStarted(started) => self.model_started(terminal, started),
            Live::Token(token) => {
                self.shown.push_str(&token.text);
                self.text(terminal, &token.text)
            }
            Live::Fetching(fetching) => {
                let text = format!("[files] fetching {}", bytes(fetching.bytes));
                self.header(terminal, Tone::Dim, &text)
            }
            Live::Other => Ok(()),
        }
    }

    /// Ends a line that stands open, before something else is printed.
    pub(crate) fn end_line(&mut self, terminal: &mut Terminal) -> io::Result<()> {
        if self.open {
            self.open = false;
            terminal.live("\n")?;
        }
        Ok(())
    }

    /// Shows a step; also those of a task that ended long ago.
    pub(crate) fn step(&mut self, terminal: &mut Terminal, step: &Step) -> io::Result<()> {
        let width = terminal.width();
        match &step.entry {
            Entry::ModelReply { model, text, tool_calls, usage, duration_ms, .. } => {
                self.reply(terminal, model, text, tool_calls)?;
                self.header(terminal, Tone::Dim, &reply_summary(*usage, *duration_ms, width))
            }
            Entry::ToolIntent { call, .. } => {
                let text = format!("[tool] {} {}", call.name, call.arguments);
                self.header(terminal, Tone::Plain, &shorten(&text, width))
            }
            Entry::ToolResult { outcome, duration_ms, changes, .. } => {
                let time = millis(*duration_ms);
                let (tone, text) = match outcome {
                    ToolOutcome::Ok(value) => (Tone::Dim, format!("[result] {time}: {value}")),
                    ToolOutcome::Err(error) => (Tone::Red, format!("[result] {time}: {error}")),
                };
                self.header(terminal, tone, &shorten(&text, width))?;
                for text in changed(changes) {
                    self.header(terminal, Tone::Dim, &shorten(&text, width))?;
                }
                Ok(())
            }
            Entry::ToolRetry { .. } => {
                self.header(terminal, Tone::Plain, "[tool] its result was lost: calling it again")
            }
            Entry::ToolRefused { error, .. } => {
                self.header(terminal, Tone::Red, &shorten(&format!("[refused] {error}"), width))
            }
            Entry::ToolUnknown { .. } => {
                let text = "[tool] it is not known whether it took effect: a person has to decide";
                self.header(terminal, Tone::Red, text)
            }
            Entry::ApprovalAsked { call, .. } => {
                let text = format!("[approval] {} {}", call.name, call.arguments);
                self.header(terminal, Tone::Plain, &shorten(&text, width))
            }
            Entry::Decided { decision, by, .. } => {
                let text = format!("[approval] {}, by {by}", decision.as_str());
                self.header(terminal, Tone::Plain, &shorten(&text, width))
            }
            Entry::AnswerChecked { problems } if problems.is_empty() => {
                self.header(terminal, Tone::Dim, "[check] the answer passed its checks")
            }
            Entry::AnswerChecked { problems } => {
                let text = format!("[check] the answer failed: {}", problems.join("; "));
                self.header(terminal, Tone::Red, &shorten(&text, width))
            }
            Entry::Finished { output, truncated } => {
                self.answer(terminal, output)?;
                if *truncated {
                    let text = "[answer] cut off by its limit of tokens: see --max-tokens";
                    self.header(terminal, Tone::Red, text)?;
                }
                Ok(())
            }
            Entry::Failed { .. } | Entry::Cancelled { .. } => self.end_line(terminal),
        }
    }

    fn status(&mut self, terminal: &mut Terminal, task: &Task) -> io::Result<()> {
        if self.status == Some(task.status) {
            return Ok(());
        }
        self.status = Some(task.status);
        match task.status {
            TaskStatus::Pending => self.header(terminal, Tone::Dim, "[task] waits for an edge"),
            TaskStatus::Running => {
                let text = format!("[task] runs: {}", task.agent_type);
                self.header(terminal, Tone::Dim, &text)
            }
            TaskStatus::WaitingApproval => {
                let text = "[task] waits for you: agentos approvals list";
                self.header(terminal, Tone::Plain, text)
            }
            TaskStatus::Completed => {
                if !self.answered {
                    self.answer(terminal, task.output.as_deref().unwrap_or_default())?;
                }
                self.header(terminal, Tone::Plain, &task_summary(task, terminal.width()))
            }
            TaskStatus::Failed | TaskStatus::Cancelled => {
                self.header(terminal, Tone::Plain, &task_summary(task, terminal.width()))
            }
        }
    }

    fn header(&mut self, terminal: &mut Terminal, tone: Tone, text: &str) -> io::Result<()> {
        self.end_line(terminal)?;
        terminal.note(tone, text)
    }

    fn model_started(&mut self, terminal: &mut Terminal, started: &ModelStarted) -> io::Result<()> {
        if !self.shown.is_empty() {
            self.header(terminal, Tone::Dim, "[model] the text above is void: begins again")?;
        }
        self.shown.clear();
        self.announced = true;
        let kind = if started.demonstration { " (demonstration)" } else { "" };
        self.header(terminal, Tone::Plain, &format!("[model] {}{kind}", started.model))
    }

    fn text(&mut self, terminal: &mut Terminal, text: &str) -> io::Result<()> {
        if let Some(last) = text.chars().last() {
            self.open = last != '\n';
            terminal.live(text)?;
        }
        Ok(())
    }

    fn reply(
        &mut self,
        terminal: &mut Terminal,
        model: &str,
        text: &str,
        calls: &[ToolCall],
    ) -> io::Result<()> {
        if !self.announced {
            self.header(terminal, Tone::Plain, &format!("[model] {model}"))?;
        }
        let shown = std::mem::take(&mut self.shown);
        if let Some(missing) = text.strip_prefix(&shown) {
            self.text(terminal, missing)?;
        } else if text.trim() != shown.trim() && !text.is_empty() {
            self.header(terminal, Tone::Dim, "[model] the text above is void; its answer is:")?;
            self.text(terminal, text)?;
        }
        self.end_line(terminal)?;
        self.announced = false;
        let whole = calls.is_empty() && terminal.live_is_data();
        self.on_output = whole.then(|| text.trim().to_owned());
        Ok(())
    }

    fn answer(&mut self, terminal: &mut Terminal, output: &str) -> io::Result<()> {
        self.end_line(terminal)?;
        self.answered = true;
        if self.on_output.as_deref() == Some(output.trim()) {
            return Ok(());
        }
        terminal.line(output.trim_end_matches('\n'))
    }
}

/// A line for each file that a call changed.
fn changed(changes: &Changeset) -> impl Iterator<Item = String> {
    let files = changes.files.iter().map(|(path, change)| match change {
        Change::Put { size, .. } => format!("[files] {path}: {size} bytes"),
        Change::Delete { .. } => format!("[files] {path}: deleted"),
    });
    let conflicts = changes.conflicts.iter().map(|(path, kept)| match kept {
        Some(kept) => {
            format!("[files] {path} was changed meanwhile: the run's version is {kept}")
        }
        None => format!("[files] {path} was changed meanwhile: it was not deleted"),
    });
    files.chain(conflicts)
}

fn reply_summary(usage: Usage, duration_ms: u64, width: usize) -> String {
    let speed = match (usage.output_tokens, duration_ms) {
        (0, _) | (_, 0) => None,
        (tokens, ms) => Some(format!("{} tokens/s", tokens * 1_000 / ms)),
    };
    let mut parts = vec![
        format!("[model] {} tokens in", usage.input_tokens),
        format!("{} out", usage.output_tokens),
        millis(duration_ms),
    ];
    parts.extend(speed);
    wrap_parts(&parts, width)
}

/// The last line about a task: how it ended and what it took.
pub(crate) fn task_summary(task: &Task, width: usize) -> String {
    let mut parts = vec![task.status.to_string()];
    parts.extend(task.model_used.as_ref().map(|model| shorten(&format!("model {model}"), 40)));
    parts.push(format!("{} tokens in", task.input_tokens));
    parts.push(format!("{} out", task.output_tokens));
    parts.extend(task.execution_time_ms.map(millis));
    parts.push(count(u64::from(task.tool_calls), "tool call"));
    wrap_parts(&parts, width)
}

#[cfg(test)]
mod tests;
