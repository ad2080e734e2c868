//! What is exported, and where to.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use agentos_domain::Timestamp;
use agentos_store::{Day, KernelStore, ResultFilter, ResultOrder, ResultRecord, Usd};
use serde::{Deserialize, Serialize};

use super::write::Draft;
use super::{csv, focus};
use crate::config::ExportConfig;
use crate::error::KernelError;

/// Results with the providers' answers are long: so many are read at a time.
/// Without them all are read at once, as of one moment.
const RAW_PAGE: u32 = 200;
/// More files than this nobody writes in one second.
const MAX_ALIKE: u32 = 1000;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// `provider,date,tokens,cost,created_at`.
    Csv,
    /// The FinOps Open Cost and Usage Specification, as CSV.
    Focus,
}

impl ExportFormat {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Focus => "focus",
        }
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ExportFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Csv, Self::Focus].into_iter();
        let found = known.into_iter().find(|format| format.as_str() == text);
        found.ok_or_else(|| format!("expected `csv` or `focus`, got `{text}`"))
    }
}

/// What is asked for; what is absent is as configured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExportRequest {
    /// The form.
    pub format: Option<ExportFormat>,
    /// Of this provider, such as `openai`.
    pub provider: Option<String>,
    /// From this day.
    pub from: Option<Day>,
    /// To this day.
    pub to: Option<Day>,
    /// With the providers' own answers.
    pub raw_json: Option<bool>,
    /// The file; one with a name of its own in the configured folder where absent.
    pub path: Option<PathBuf>,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Export {
    /// Where it is.
    pub path: PathBuf,
    /// Its form.
    pub format: ExportFormat,
    /// How many results it holds.
    pub rows: u64,
    /// The sum of their costs.
    pub total_cost: Usd,
}

/// The name of a file that has no other: `export_results_20261121_083320.csv`, in UTC.
#[must_use]
pub fn auto_name(now: Timestamp) -> String {
    let digits: String = now.to_string().chars().filter(char::is_ascii_digit).collect();
    let (day, time) = digits.split_at_checked(8).unwrap_or((&digits, "000000"));
    let time: String = time.chars().take(6).collect();
    format!("export_results_{day}_{time}.csv")
}

/// Writes results, the oldest first. `provider` is as results name it.
pub(crate) async fn export(
    store: &dyn KernelStore,
    config: &ExportConfig,
    request: ExportRequest,
    now: Timestamp,
) -> Result<Export, KernelError> {
    let raw_json = request.raw_json.unwrap_or(config.include_raw_json);
    let path = match request.path {
        Some(path) => path,
        None => free(&config.output_dir, &auto_name(now)),
    };
    let form = Form { format: request.format.unwrap_or(config.default_format), raw_json };
    let mut filter = ResultFilter {
        provider: request.provider,
        from: request.from,
        to: request.to,
        order: ResultOrder::OldestFirst,
        raw_json,
        limit: if raw_json { RAW_PAGE } else { u32::MAX },
        after: None,
    };
    let failed =
        |error: io::Error| KernelError::Write { path: path.clone(), reason: error.to_string() };
    let begun = {
        let path = path.clone();
        blocking(move || Draft::begin(&path)).await
    };
    let mut draft = begun.map_err(failed)?;
    let (mut rows, mut total_cost, mut text) = (0_u64, Usd::default(), form.header());
    loop {
        let page = store.results(filter.clone()).await?;
        rows += page.len() as u64;
        total_cost = page.iter().map(|result| &result.cost).sum::<Usd>() + &total_cost;
        let last = page.last().map(|result| (result.date, result.provider.clone()));
        let is_last = (page.len() as u64) < u64::from(filter.limit);
        let write = move || {
            for result in &page {
                form.row(&mut text, result);
            }
            draft.write(&text).map(|()| draft)
        };
        draft = blocking(write).await.map_err(failed)?;
        if is_last {
            break;
        }
        (filter.after, text) = (last, String::new());
    }
    blocking(move || draft.finish()).await.map_err(failed)?;
    Ok(Export { path, format: form.format, rows, total_cost })
}

#[derive(Clone, Copy)]
struct Form {
    format: ExportFormat,
    raw_json: bool,
}

impl Form {
    fn header(self) -> String {
        match self.format {
            ExportFormat::Csv => csv::results_header(self.raw_json),
            ExportFormat::Focus => focus::focus_header(self.raw_json),
        }
    }

    fn row(self, out: &mut String, result: &ResultRecord) {
        match self.format {
            ExportFormat::Csv => csv::results_row(out, result, self.raw_json),
            ExportFormat::Focus => focus::focus_row(out, result, self.raw_json),
        }
    }
}

/// A name that no file has: two exports of one second are two files.
fn free(folder: &Path, name: &str) -> PathBuf {
    let stem = name.strip_suffix(".csv").unwrap_or(name);
    let named = |number: u32| match number {
        1 => folder.join(name),
        number => folder.join(format!("{stem}_{number}.csv")),
    };
    (1..MAX_ALIKE).map(named).find(|path| !path.exists()).unwrap_or_else(|| named(MAX_ALIKE))
}

/// Files are written on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
