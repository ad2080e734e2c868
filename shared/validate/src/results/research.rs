//! Sources of an answer: named, and really fetched.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use agentos_domain::{Entry, ToolOutcome};
use regex::Regex;

use crate::finding::Finding;
use crate::results::Answer;

/// Tools that bring what an answer may cite, by their arguments `url` or `path`.
const FETCHING: &[&str] = &["web_fetch", "document_parser"];
/// The most addresses that are complained about.
const MAX_FINDINGS: usize = 5;

#[expect(clippy::expect_used, reason = "a constant, checked by a test")]
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?i)https?://[^\s<>"'`\])}|]+"#).expect("a valid constant"));

/// A line that says that something could not be had.
#[expect(clippy::expect_used, reason = "a constant, checked by a test")]
static MISSING: LazyLock<Regex> = LazyLock::new(|| {
    let form = r"(?i)\b40[34]\b|\b410\b|not found|missing|could not|cannot|unavailable|unreachable|failed|no longer";
    Regex::new(form).expect("a valid constant")
});

#[expect(clippy::expect_used, reason = "a constant, checked by a test")]
static FACTS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?im)^\W*(?:facts?|findings)\b\W*$").expect("a valid constant"));

#[expect(clippy::expect_used, reason = "a constant, checked by a test")]
static OPINIONS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?im)^\W*(?:opinions?|assessment|interpretation)\b\W*$").expect("a valid constant")
});

/// One spelling for an address: no fragment, no slash at the end, scheme and
/// host in lower case.
fn normal(address: &str) -> String {
    let address = address.split('#').next().unwrap_or_default();
    let address = address.trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_', '/']);
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let start = format!("{}://{}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    path.map_or(start.clone(), |path| format!("{start}/{path}"))
}

/// What a run asked for, and what of it came.
#[derive(Default)]
struct Sources {
    fetched: BTreeSet<String>,
    paths: BTreeSet<String>,
}

impl Sources {
    fn of(journal: &[Entry]) -> Self {
        let mut sources = Self::default();
        for entry in journal {
            let Entry::ToolIntent { call, .. } = entry else { continue };
            if !FETCHING.contains(&call.name.as_str()) {
                continue;
            }
            let result = journal.iter().find_map(|entry| match entry {
                Entry::ToolResult { call_id, outcome: ToolOutcome::Ok(value), .. }
                    if *call_id == call.id =>
                {
                    Some(value)
                }
                _ => None,
            });
            let Some(result) = result else { continue };
            let status = result.get("status").and_then(serde_json::Value::as_u64);
            if status.is_some_and(|status| !(200..300).contains(&status)) {
                continue;
            }
            let text = |value: &serde_json::Value, key: &str| {
                value.get(key).and_then(serde_json::Value::as_str).map(str::to_owned)
            };
            // Where a redirect led is a source as much as where it began.
            let addresses =
                [text(&call.arguments, "url"), text(result, "url"), text(result, "final_url")];
            sources.fetched.extend(addresses.iter().flatten().map(|address| normal(address)));
            sources.paths.extend(text(&call.arguments, "path"));
        }
        sources
    }
}

pub(super) fn check(answer: Answer<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if answer.validation.cite_sources {
        findings.extend(sources(answer));
    }
    if answer.validation.separate_opinion {
        let message = "the answer does not keep facts and opinions apart: write a section `## Facts` and a section `## Opinions`";
        if !(FACTS.is_match(answer.text) && OPINIONS.is_match(answer.text)) {
            findings.push(Finding::whole("answer-sections", message));
        }
    }
    findings
}

fn sources(answer: Answer<'_>) -> Vec<Finding> {
    let known = Sources::of(answer.journal);
    let mut findings = Vec::new();
    let mut cited =
        answer.text.lines().any(|line| known.paths.iter().any(|path| line.contains(path)));
    let mut says_missing = false;
    let mut named = BTreeSet::new();
    for line in answer.text.lines() {
        let missing = MISSING.is_match(line);
        says_missing |= missing;
        for found in ADDRESS.find_iter(line) {
            let address = normal(found.as_str());
            if known.fetched.contains(&address) {
                cited = true;
            } else if !missing && named.insert(address.clone()) && findings.len() < MAX_FINDINGS {
                let message = format!(
                    "{} was not fetched in this run: fetch it, or do not name it as a source",
                    crate::tree::shown_whole(&address)
                );
                findings.push(Finding::whole("answer-source", message));
            }
        }
    }
    let nothing_came = known.fetched.is_empty() && known.paths.is_empty();
    let excused = nothing_came && says_missing;
    if !(cited || excused) {
        let message = if nothing_came {
            "no page was fetched in this run: fetch what the answer is based on, or say that nothing could be found"
        } else {
            "the answer names no source: name the addresses that it is based on"
        };
        findings.push(Finding::whole("answer-source", message));
    }
    findings
}
