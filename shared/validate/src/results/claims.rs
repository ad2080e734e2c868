//! Claims of effects that no call had.

use agentos_policy::unsupported_claims;

use crate::finding::Finding;
use crate::results::Answer;

pub(super) fn check(answer: Answer<'_>) -> Vec<Finding> {
    let claims = unsupported_claims(answer.journal, answer.tools, answer.text);
    let told = claims.into_iter().map(|claim| {
        let message = format!(
            "the answer says \"{}\", but no call of this run did so: do it, or do not claim it",
            claim.sentence
        );
        Finding::whole("claim", message)
    });
    told.collect()
}
