//! Embeddings.

use base64::Engine as _;
use serde_json::{Value, json};

use super::support::{client, start};
use crate::{Fault, MockProvider, Refusal, Script};

async fn embed(provider: &MockProvider, body: Value) -> (u16, Value) {
    let url = format!("{}/v1/embeddings", provider.base_url());
    let response = client().post(url).json(&body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn numbers(embedding: &Value) -> Vec<f32> {
    serde_json::from_value(embedding.clone()).unwrap()
}

#[tokio::test]
async fn vectors_depend_on_the_text_alone() {
    let provider = start(Script::words(1)).await;
    let (_, first) = embed(&provider, json!({"model": "e", "input": ["a b", "c", "a b"]})).await;
    let vectors: Vec<_> = (0..3).map(|n| numbers(&first["data"][n]["embedding"])).collect();
    assert_eq!(vectors[0].len(), 64);
    assert_eq!(vectors[0], vectors[2]);
    assert_ne!(vectors[0], vectors[1]);
    let length: f32 = vectors[0].iter().map(|number| number * number).sum();
    assert!((length - 1.0).abs() < 1e-3, "{length}");
    assert_eq!((&first["model"], &first["usage"]["prompt_tokens"]), (&json!("e"), &json!(5)));
    let (_, alone) = embed(&provider, json!({"input": "a b", "dimensions": 64})).await;
    assert_eq!(numbers(&alone["data"][0]["embedding"]), vectors[0]);
}

#[tokio::test]
async fn vectors_may_be_packed() {
    let provider = start(Script { dimensions: 5, ..Script::words(1) }).await;
    let (_, plain) = embed(&provider, json!({"input": [1, 2, 3]})).await;
    let (_, packed) =
        embed(&provider, json!({"input": [1, 2, 3], "encoding_format": "base64"})).await;
    let text = packed["data"][0]["embedding"].as_str().unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    let unpacked: Vec<f32> =
        bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
    assert_eq!(unpacked.len(), 5);
    assert_eq!(unpacked, numbers(&plain["data"][0]["embedding"]));
}

#[tokio::test]
async fn senseless_inputs_are_refused() {
    let provider = start(Script::words(1)).await;
    let senseless = [
        json!({"input": []}),
        json!({"input": 7}),
        json!({"input": "a", "dimensions": 0}),
        json!({}),
    ];
    for body in senseless {
        assert_eq!(embed(&provider, body).await.0, 400);
    }
    provider.set(Script::words(1).with_fault(Fault::status(Refusal::ServerError)));
    assert_eq!(embed(&provider, json!({"input": "a"})).await.0, 500);
}
