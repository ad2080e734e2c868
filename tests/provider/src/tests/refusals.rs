//! Errors instead of answers.

use serde_json::{Value, json};

use super::support::{SHAPES, ask, client, request, start};
use crate::render::Shape;
use crate::{Ending, Fault, Refusal, Script};

/// Status, `Retry-After`, type and code of an answer.
async fn refusal(response: reqwest::Response) -> (u16, Option<String>, Value, Value) {
    let status = response.status().as_u16();
    let after = response.headers().get("retry-after").map(|v| v.to_str().unwrap().to_owned());
    let body: Value = response.json().await.unwrap();
    (status, after, body["error"]["type"].clone(), body["error"]["code"].clone())
}

#[tokio::test]
async fn errors_have_the_shape_of_their_provider() {
    let limited = Refusal::RateLimited { retry_after: Some(7) };
    let bad = "invalid_request_error";
    let quota = "insufficient_quota";
    let table = [
        (Refusal::ServerError, (500, "server_error", json!(null)), (500, "api_error")),
        (limited, (429, "requests", json!("rate_limit_exceeded")), (429, "rate_limit_error")),
        (Refusal::InsufficientQuota, (429, quota, json!(quota)), (402, "billing_error")),
        (
            Refusal::CreditBalanceExhausted,
            (429, quota, json!("credit_balance_exhausted")),
            (400, bad),
        ),
        (
            Refusal::Overloaded,
            (503, "server_error", json!("server_overloaded")),
            (529, "overloaded_error"),
        ),
        (Refusal::ContextLength, (400, bad, json!("context_length_exceeded")), (400, bad)),
        (Refusal::BadKey, (401, bad, json!("invalid_api_key")), (401, "authentication_error")),
    ];
    let provider = start(Script::words(3)).await;
    for (wanted, openai, anthropic) in table {
        let after = wanted.retry_after().map(|seconds| seconds.to_string());
        provider.set(Script::words(3).with_fault(Fault::status(wanted.clone()).for_first(6)));
        for stream in [true, false] {
            for shape in [Shape::Chat, Shape::Responses] {
                let (status, kind, code) = openai.clone();
                let got = refusal(ask(&provider, shape, stream).await).await;
                assert_eq!(got, (status, after.clone(), json!(kind), code), "{wanted:?}");
            }
            let (status, kind) = anthropic;
            let got = refusal(ask(&provider, Shape::Messages, stream).await).await;
            assert_eq!(got, (status, after.clone(), json!(kind), json!(null)), "{wanted:?}");
        }
        assert_eq!(ask(&provider, Shape::Chat, false).await.status(), 200);
    }
}

#[tokio::test]
async fn other_errors_are_answered_byte_for_byte() {
    let body = "<html>Bad gateway</html>".to_owned();
    let refusal = Refusal::Other { status: 502, body: body.clone(), retry_after: Some(3) };
    let provider = start(Script::words(3).with_fault(Fault::status(refusal))).await;
    for shape in SHAPES {
        let response = ask(&provider, shape, true).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (502, &"3".parse().unwrap())
        );
        assert_eq!(response.headers()["content-type"], "text/html");
        assert_eq!(response.text().await.unwrap(), body);
    }
    assert!(provider.requests().iter().all(|request| request.ending == Ending::CutOff));
}

#[tokio::test]
async fn messages_need_a_key_and_a_version() {
    let provider = start(Script::words(3)).await;
    let url = format!("{}/v1/messages", provider.base_url());
    let post = || client().post(&url).json(&json!({"model": "m"}));
    for incomplete in
        [post(), post().header("x-api-key", "k"), post().header("anthropic-version", "2023-06-01")]
    {
        let response = incomplete.send().await.unwrap();
        assert_eq!(response.status(), 401);
        let body: Value = response.json().await.unwrap();
        assert_eq!(
            (&body["type"], &body["error"]["type"]),
            (&json!("error"), &json!("authentication_error"))
        );
    }
    assert_eq!(ask(&provider, Shape::Messages, false).await.status(), 200);
}

#[tokio::test]
async fn a_key_is_checked_where_the_script_has_one() {
    let provider = start(Script { api_key: Some("secret".to_owned()), ..Script::words(3) }).await;
    for shape in SHAPES {
        assert_eq!(ask(&provider, shape, false).await.status(), 401, "{shape:?}");
    }
    let models = format!("{}/v1/models", provider.base_url());
    assert_eq!(client().get(&models).send().await.unwrap().status(), 401);
    let right = client().get(&models).bearer_auth("secret").send().await.unwrap();
    assert_eq!(right.status(), 200);
    provider.set(Script { api_key: Some("key".to_owned()), ..Script::words(3) });
    for shape in SHAPES {
        assert_eq!(ask(&provider, shape, false).await.status(), 200, "{shape:?}");
    }
}

#[tokio::test]
async fn what_is_not_understood_is_refused() {
    let provider = start(Script::words(3)).await;
    for shape in SHAPES {
        let response = request(&provider, shape, false, json!({})).body("{").send().await.unwrap();
        assert_eq!(response.status(), 400, "{shape:?}");
    }
    let nowhere = format!("{}/v1/nothing", provider.base_url());
    assert_eq!(client().get(nowhere).send().await.unwrap().status(), 404);
    assert_eq!(provider.count(), 4);
}
