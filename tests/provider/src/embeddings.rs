//! Embeddings that depend on the text alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::asked::EmbeddingsAsked;
use crate::refusal::Refusal;
use crate::script::Script;

/// The most numbers in an embedding.
const MOST_DIMENSIONS: usize = 4096;

/// The body of the answer.
///
/// # Errors
/// If the request makes no sense.
pub(crate) fn answer(script: &Script, asked: &EmbeddingsAsked) -> Result<Bytes, Refusal> {
    let dimensions = asked.dimensions.unwrap_or(script.dimensions);
    if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
        return Err(Refusal::BadRequest);
    }
    let packed = asked.encoding_format.as_deref() == Some("base64");
    let texts = texts(&asked.input).ok_or(Refusal::BadRequest)?;
    let tokens: usize = texts.iter().map(|text| text.split_whitespace().count()).sum();
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = vector(text, dimensions);
            let embedding = if packed { pack(&vector) } else { json!(vector) };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let model = script.model.as_ref().or(asked.model.as_ref());
    let answer = json!({"object": "list", "data": data, "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens}});
    Ok(answer.to_string().into())
}

/// The texts of the input: one, a list, or tokens, whose numbers are the text.
fn texts(input: &Value) -> Option<Vec<String>> {
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(_) => Some(value.to_string()),
        _ => None,
    };
    match input {
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) if items.iter().all(Value::is_number) => Some(vec![input.to_string()]),
        Value::Array(items) => items.iter().map(one).collect(),
        other => Some(vec![one(other)?]),
    }
}

/// A vector of length 1 from the hash of the text.
fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut bytes = vec![0; dimensions * 2];
    blake3::Hasher::new().update(text.as_bytes()).finalize_xof().fill(&mut bytes);
    let numbers: Vec<f32> =
        bytes.as_chunks::<2>().0.iter().map(|pair| f32::from(i16::from_le_bytes(*pair))).collect();
    // At least 1, for all numbers may be 0.
    let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt().max(1.0);
    numbers.into_iter().map(|number| number / length).collect()
}

/// The numbers as bytes, least significant first, in base64.
fn pack(vector: &[f32]) -> Value {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    STANDARD.encode(bytes).into()
}
