//! The evaluation's command line.

use std::path::{Path, PathBuf};

use clap::Parser;

/// Runs requests through a model that drives the tools for files, and judges
/// its calls and answers; the last line is one JSON object.
#[derive(Debug, Clone, Parser)]
#[command(name = "eval-pocket", version)]
pub struct Options {
    /// The model, in GGUF format; without it, `edge/pocket/pocket.gguf`
    #[arg(long)]
    pub model: Option<PathBuf>,
    /// The requests and their workspaces; without it,
    /// `edge/pocket/evaluation/held_out.json`
    #[arg(long)]
    pub requests: Option<PathBuf>,
    /// CPU threads of the model
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub threads: u32,
    /// Only so many requests, spread over the kinds
    #[arg(long)]
    pub limit: Option<usize>,
    /// Print the first failures, so many
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub show: usize,
    /// Print all failures
    #[arg(long)]
    pub all_failures: bool,
    /// Write how sure the model was of each first reply and whether it was right,
    /// for `agentos calibrate`
    #[arg(long, value_name = "FILE")]
    pub judged: Option<PathBuf>,
    /// End with 1 where a smaller share of first calls is right, 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub min_first_call: Option<f64>,
    /// End with 1 where a smaller share of tasks is right, 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub min_task: Option<f64>,
    /// End with 1 where a smaller share of refusals is right, 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub min_refusal: Option<f64>,
}

fn share(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (0.0..=1.0).contains(value));
    value.ok_or_else(|| "give a share from 0 to 1, such as 0.95".to_owned())
}

/// A file of the repository.
fn in_repository(path: &str) -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.parent().unwrap_or(crate_folder).join(path)
}

impl Options {
    /// The model file.
    #[must_use]
    pub fn model_file(&self) -> PathBuf {
        self.model.clone().unwrap_or_else(|| in_repository("edge/pocket/pocket.gguf"))
    }

    /// The file of requests.
    #[must_use]
    pub fn requests_file(&self) -> PathBuf {
        let default = || in_repository("edge/pocket/evaluation/held_out.json");
        self.requests.clone().unwrap_or_else(default)
    }

    /// How many failures are printed.
    #[must_use]
    pub fn shown(&self) -> usize {
        if self.all_failures { usize::MAX } else { self.show }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn shares_lie_between_0_and_1() {
        assert!(Options::try_parse_from(["e", "--min-task", "0.9"]).is_ok());
        for wrong in ["1.1", "-0.1", "90%", "NaN"] {
            let minimum = format!("--min-task={wrong}");
            assert!(Options::try_parse_from(["e", &minimum]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn files_of_the_repository_are_the_default() {
        let options = Options::parse_from(["e"]);
        assert!(options.model_file().ends_with("edge/pocket/pocket.gguf"));
        assert!(options.requests_file().ends_with("edge/pocket/evaluation/held_out.json"));
        assert_eq!((options.threads, options.shown()), (1, 0));
    }
}
