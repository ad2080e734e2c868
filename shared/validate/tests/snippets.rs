//! The check of code on snippets that were written for it: what is malicious is
//! refused, each for a reason that names it, and honest helpers pass.

#![expect(clippy::unwrap_used, reason = "a test fails where a snippet cannot be read")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use agentos_validate::{CodePolicy, Finding, Language, check_code_bytes};

/// What helpers of a workspace may do: read and write its files.
fn workspace() -> CodePolicy {
    CodePolicy::default().permit("fs.read").permit("fs.write")
}

fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn check(name: &str, content: &[u8], policy: &CodePolicy) -> Vec<Finding> {
    check_code_bytes(Language::of_path(name).unwrap(), content, policy)
}

#[test]
fn everything_malicious_is_refused() {
    let snippets = files("malicious");
    assert!(snippets.len() >= 90, "only {} snippets", snippets.len());
    let mut by_language: BTreeMap<_, usize> = BTreeMap::new();
    let mut missed = Vec::new();
    for (name, content) in &snippets {
        *by_language.entry(Language::of_path(name).unwrap()).or_default() += 1;
        let findings = check(name, content, &workspace());
        // A snippet that only cannot be parsed shows nothing about the rules; the
        // grammar of bash refuses two that bash takes.
        let parsed = !["brace_command.sh", "dev_tcp.sh"].contains(&name.as_str());
        if !findings.iter().any(|finding| finding.rule != "syntax" || !parsed) {
            missed.push((name.clone(), findings));
        }
    }
    println!("{} malicious snippets: {by_language:?}, {} missed", snippets.len(), missed.len());
    assert_eq!(missed, []);
    assert!(by_language.values().all(|count| *count >= 15), "{by_language:?}");
}

#[test]
fn honest_helpers_pass() {
    let snippets = files("benign");
    assert!(snippets.len() >= 100, "only {} snippets", snippets.len());
    let refused: Vec<_> = snippets
        .iter()
        .map(|(name, content)| (name, check(name, content, &workspace())))
        .filter(|(_, findings)| !findings.is_empty())
        .collect();
    println!("{} benign snippets, {} refused: {refused:#?}", snippets.len(), refused.len());
    assert!(refused.len() <= 5, "{} false alarms", refused.len());
}
