//! Claims of effects that no call had.

use std::sync::LazyLock;

use agentos_domain::{Entry, ToolClass, ToolOutcome};
use regex::Regex;

use crate::finding::Finding;
use crate::results::Answer;

/// "I have written …", "the report has been sent".
#[expect(clippy::expect_used, reason = "a constant, checked by a test")]
static CLAIM: LazyLock<Regex> = LazyLock::new(|| {
    let done = "wrote|written|saved|stored|created|updated|overwritten|deleted|removed|moved|renamed|sent|emailed|mailed|posted|uploaded|published|installed|deployed";
    let form = format!(
        r"(?i)\b(?:(?:I|we)(?:['’]ve|\s+have|\s+had)?\s+(?:(?:just|now|also|already|\w+ly)\s+)*(?:{done})|(?:has|have)\s+been\s+(?:successfully\s+)?(?:{done})|(?:was|were)\s+successfully\s+(?:{done}))\b"
    );
    Regex::new(&form).expect("a valid constant")
});

/// Whether a call that changes something came to its end.
fn has_effect(journal: &[Entry]) -> bool {
    let succeeded = |id: &str| {
        journal.iter().any(|entry| {
            matches!(entry, Entry::ToolResult { call_id, outcome: ToolOutcome::Ok(_), .. } if call_id == id)
        })
    };
    journal.iter().any(|entry| {
        matches!(entry, Entry::ToolIntent { call, class, .. }
            if *class != ToolClass::Read && succeeded(&call.id))
    })
}

pub(super) fn check(answer: Answer<'_>) -> Vec<Finding> {
    let Some(claim) = CLAIM.find(answer.text).filter(|_| !has_effect(answer.journal)) else {
        return Vec::new();
    };
    let message = format!(
        "the answer says \"{}\", but no call of this run did so: do it, or do not claim it",
        claim.as_str().split_whitespace().collect::<Vec<_>>().join(" ")
    );
    vec![Finding::whole("claim", message)]
}
