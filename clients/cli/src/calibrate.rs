//! `agentos calibrate`: how often a model is right that is so sure.

use std::collections::BTreeMap;
use std::path::Path;

use agentos_domain::{Calibration, CalibrationQuality, Judged};
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::args::CalibrateArgs;
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::terminal::{Terminal, Tone};

/// Questions between two notes of progress.
const PROGRESS: usize = 25;
/// The most tokens of an answer.
const TOKENS: u32 = 256;

/// A question whose answer is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    question: String,
    /// What a right answer holds.
    answer: String,
}

/// Measures a model, and writes its calibration.
pub(crate) async fn run(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    args: &CalibrateArgs,
) -> Result<Exit, CliError> {
    let (model, judged) = match (&args.judged, &args.model, &args.ask, &args.questions) {
        (Some(file), Some(model), ..) => (model.clone(), lines(file)?),
        (_, _, Some(ask), Some(file)) => ask_all(client, terminal, ask, &lines(file)?).await?,
        _ => return Err(CliError::usage("there is nothing to judge by", "see --help")),
    };
    let (calibration, quality) = Calibration::fit(&judged)
        .map_err(|error| CliError::usage(error.to_string(), "ask more questions"))?;
    if let Some(file) = &args.write {
        add(file, &model, &calibration)?;
    }
    if json || args.write.is_none() {
        let result = json!({ "model": model, "quality": quality, "calibration": calibration });
        terminal.json(&result)?;
    }
    if !json {
        tell(terminal, &model, quality, args.write.as_deref())?;
    }
    Ok(Exit::Ok)
}

fn tell(
    terminal: &mut Terminal,
    model: &str,
    quality: CalibrationQuality,
    written: Option<&Path>,
) -> Result<(), CliError> {
    let CalibrationQuality { answers, right, raw_error, error } = quality;
    terminal.say(
        Tone::Plain,
        &format!(
            "{model}: {:.1} % of {answers} answers are right; calibration error {error:.3} \
             ({raw_error:.3} without)",
            right * 100.0
        ),
    )?;
    if let Some(file) = written {
        let line = format!("written to {}; name it in router.calibrations", file.display());
        terminal.say(Tone::Dim, &line)?;
    }
    Ok(())
}

/// Asks all questions; returns the model that answered, and how it did.
async fn ask_all(
    client: &Client,
    terminal: &mut Terminal,
    ask: &str,
    questions: &[Question],
) -> Result<(String, Vec<Judged>), CliError> {
    let (mut judged, mut model) = (Vec::new(), String::new());
    for (index, question) in questions.iter().enumerate() {
        let body = json!({
            "model": ask, "temperature": 0, "max_tokens": TOKENS, "logprobs": true,
            "messages": [{ "role": "user", "content": question.question }],
        });
        let request = client.request(Method::POST, "/v1/chat/completions");
        let request = request.header("cache-control", "no-cache").json(&body);
        let answer: Value = client.json(request).await?;
        let named = answer["model"].as_str().unwrap_or_default();
        if !model.is_empty() && model != named {
            let message = format!("{named} answered in place of {model}");
            return Err(CliError::usage(message, "ask a deployment that has no fallback"));
        }
        named.clone_into(&mut model);
        let choice = &answer["choices"][0];
        let raw = mean(&choice["logprobs"]).ok_or_else(|| {
            let message = format!("{named} does not tell the probabilities of its tokens");
            CliError::usage(message, "ask a model of an edge, or another that tells them")
        })?;
        let text = choice["message"]["content"].as_str().unwrap_or_default();
        judged.push(Judged { raw, right: holds(text, &question.answer) });
        if (index + 1) % PROGRESS == 0 {
            terminal.note(Tone::Dim, &format!("{} of {}", index + 1, questions.len()))?;
        }
    }
    Ok((model, judged))
}

/// The geometric mean of the tokens' probabilities.
fn mean(logprobs: &Value) -> Option<f64> {
    let tokens = logprobs["content"].as_array()?;
    let logs: Vec<_> = tokens.iter().filter_map(|token| token["logprob"].as_f64()).collect();
    let count = f64::from(u32::try_from(logs.len()).ok().filter(|count| *count > 0)?);
    Some((logs.iter().sum::<f64>() / count).exp().clamp(0.0, 1.0))
}

/// Whether a text holds these words in their order, whatever their case and what
/// stands between them.
fn holds(text: &str, wanted: &str) -> bool {
    let words = |text: &str| {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect::<Vec<_>>()
    };
    let (text, wanted) = (words(text), words(wanted));
    !wanted.is_empty() && text.windows(wanted.len()).any(|part| part == wanted)
}

/// The JSON objects of a file, one to a line.
fn lines<T: DeserializeOwned>(file: &Path) -> Result<Vec<T>, CliError> {
    let text = std::fs::read_to_string(file).map_err(|error| unusable(file, &error))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            serde_json::from_str(line)
                .map_err(|error| unusable(file, &format!("line {}: {error}", index + 1)))
        })
        .collect()
}

/// Adds a calibration to a file of them.
fn add(file: &Path, model: &str, calibration: &Calibration) -> Result<(), CliError> {
    let mut all: BTreeMap<String, Calibration> = match std::fs::read_to_string(file) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| unusable(file, &error))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(unusable(file, &error)),
    };
    all.insert(model.to_owned(), calibration.clone());
    let text = serde_json::to_string_pretty(&all).map_err(|error| unusable(file, &error))?;
    std::fs::write(file, text + "\n").map_err(|error| unusable(file, &error))
}

fn unusable(file: &Path, error: &dyn std::fmt::Display) -> CliError {
    CliError::usage(format!("{}: {error}", file.display()), "see agentos calibrate --help")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_compared_by_their_words() {
        assert!(holds("It is\n  Paris, of course", "is paris"));
        assert!(!holds("It is Rome", "Paris"));
        assert!(holds("It is 4.", "4") && !holds("It is 14", "4") && !holds("x", "…"));
    }

    #[test]
    fn the_mean_needs_tokens() {
        assert_eq!(mean(&Value::Null), None);
        assert_eq!(mean(&json!({ "content": [] })), None);
        let two = json!({ "content": [{ "logprob": 0.0 }, { "logprob": -2.0 }] });
        assert!((mean(&two).unwrap() - (-1.0_f64).exp()).abs() < 1e-9);
    }

    #[test]
    fn a_file_keeps_the_calibrations_of_other_models() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.json");
        let calibration: Calibration = serde_json::from_str("[[0.5, 0.5]]").unwrap();
        add(&file, "a", &calibration).unwrap();
        add(&file, "b", &calibration).unwrap();
        let all: BTreeMap<String, Calibration> =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(all.into_keys().collect::<Vec<_>>(), ["a", "b"]);
        std::fs::write(&file, "{").unwrap();
        assert!(add(&file, "a", &calibration).is_err());
    }
}
