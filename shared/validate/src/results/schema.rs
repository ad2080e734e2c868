//! Answers that are to be JSON of a schema.

use crate::finding::Finding;
use crate::results::Answer;

/// The most reasons that are given.
const MAX_REASONS: usize = 5;

pub(super) fn check(answer: Answer<'_>) -> Vec<Finding> {
    let Some(schema) = &answer.validation.output_schema else { return Vec::new() };
    let value: serde_json::Value = match serde_json::from_str(answer.text.trim()) {
        Ok(value) => value,
        Err(error) => {
            let message = format!(
                "the answer is not JSON ({error}): answer with one JSON value and no other text"
            );
            return vec![Finding::whole("answer-json", message)];
        }
    };
    let validator = match jsonschema::validator_for(schema) {
        Ok(validator) => validator,
        Err(error) => {
            let message = format!(
                "validation.output_schema is no JSON schema ({}): correct the agent's file",
                error.masked()
            );
            return vec![Finding::whole("answer-schema", message)];
        }
    };
    validator
        .iter_errors(&value)
        .take(MAX_REASONS)
        .map(|error| {
            let reason: String = error.masked().to_string().chars().take(300).collect();
            let place = error.instance_path().as_str().to_owned();
            let place =
                if place.is_empty() { "the answer".to_owned() } else { format!("`{place}`") };
            Finding::whole("answer-schema", format!("{place} does not fit the schema: {reason}"))
        })
        .collect()
}
