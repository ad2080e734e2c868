//! The check of one file of code.

use crate::finding::Finding;
use crate::language::Language;
use crate::policy::CodePolicy;
use crate::{bash, javascript, python, secrets, text, tree};

/// The most findings that are reported of one file.
const MAX_FINDINGS: usize = 100;

/// What is wrong with a file as it lies on the disk: as [`check_code`], and
/// whether it is text at all.
#[must_use]
pub fn check_code_bytes(language: Language, content: &[u8], policy: &CodePolicy) -> Vec<Finding> {
    match std::str::from_utf8(content) {
        Ok(text) => check_code(language, text, policy),
        Err(error) => {
            let (whole, _) = content.split_at(error.valid_up_to());
            let line = 1 + whole.iter().filter(|byte| **byte == b'\n').count();
            let message = "the file is not UTF-8: save it as UTF-8";
            vec![Finding::at(u32::try_from(line).unwrap_or(u32::MAX), "utf8", message)]
        }
    }
}

/// What is wrong with a piece of code; nothing where it keeps to `policy`.
/// Findings are in the order of their lines.
///
/// Whatever a parser might read otherwise than the interpreter does is a
/// finding too: errors of syntax, odd line ends, characters that do not show.
#[must_use]
pub fn check_code(language: Language, code: &str, policy: &CodePolicy) -> Vec<Finding> {
    let mut findings = text::check(code, policy.max_bytes);
    if code.len() > policy.max_bytes {
        return findings;
    }
    findings.extend(secrets::check(code));
    match tree::parse(language, code) {
        Ok(tree) => {
            let root = tree.root_node();
            findings.extend(match language {
                Language::Python => python::check(root, code, policy),
                Language::Javascript => javascript::check(root, code, policy),
                Language::Bash => bash::check(root, code, policy),
            });
        }
        Err(finding) => findings.push(finding),
    }
    findings.sort();
    findings.dedup();
    findings.truncate(MAX_FINDINGS);
    findings
}
