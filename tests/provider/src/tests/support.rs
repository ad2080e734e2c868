//! A client of the mock.

use std::sync::Arc;

use eventsource_stream::Eventsource as _;
use futures::StreamExt as _;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::render::Shape;
use crate::{MockProvider, Script};

pub(super) const SHAPES: [Shape; 3] = [Shape::Chat, Shape::Responses, Shape::Messages];

pub(super) fn client() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap()
}

pub(super) async fn start(script: Script) -> MockProvider {
    MockProvider::start(script).await.unwrap()
}

fn path(shape: Shape) -> &'static str {
    match shape {
        Shape::Chat => "/v1/chat/completions",
        Shape::Responses => "/v1/responses",
        Shape::Messages => "/v1/messages",
    }
}

/// A request with what the shape needs, and more of the body.
pub(super) fn request(
    provider: &MockProvider,
    shape: Shape,
    stream: bool,
    more: Value,
) -> RequestBuilder {
    let mut body = json!({"model": "m", "messages": [], "stream": stream});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client()
        .post(format!("{}{}", provider.base_url(), path(shape)))
        .bearer_auth("key")
        .header("x-api-key", "key")
        .header("anthropic-version", "2023-06-01")
        .json(&body)
}

pub(super) async fn ask(provider: &MockProvider, shape: Shape, stream: bool) -> Response {
    request(provider, shape, stream, json!({})).send().await.unwrap()
}

/// The JSON of an answer that is not streamed.
pub(super) async fn whole(provider: &MockProvider, shape: Shape, more: Value) -> Value {
    let response = request(provider, shape, false, more).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

/// What came of a stream.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The names and data of the events; null where the data is no JSON.
    pub(super) events: Vec<(String, Value)>,
    /// The data that were no JSON, with the number of words before.
    pub(super) malformed: Vec<(usize, String)>,
    /// The text of the answer.
    pub(super) text: String,
    /// Whether the connection broke.
    pub(super) broken: bool,
}

impl Heard {
    /// Everything up to the end of the stream.
    pub(super) async fn all(response: Response, shape: Shape) -> Self {
        Self::until(response, shape, usize::MAX).await.0
    }

    /// Everything up to so many words; and the rest of the stream.
    pub(super) async fn until(
        response: Response,
        shape: Shape,
        words: usize,
    ) -> (Self, impl futures::Stream<Item = ()>) {
        let mut heard = Self::default();
        let mut stream = Box::pin(response.bytes_stream().eventsource());
        while heard.words().len() < words {
            match stream.next().await {
                Some(Ok(event)) => heard.take(shape, event.event, &event.data),
                Some(Err(_)) => {
                    heard.broken = true;
                    break;
                }
                None => break,
            }
        }
        (heard, stream.map(|_| ()))
    }

    fn take(&mut self, shape: Shape, name: String, data: &str) {
        let value: Value = serde_json::from_str(data).unwrap_or_default();
        if value.is_null() {
            self.malformed.push((self.words().len(), data.to_owned()));
        }
        let text = match shape {
            Shape::Chat => &value["choices"][0]["delta"]["content"],
            Shape::Responses => &value["delta"],
            Shape::Messages => &value["delta"]["text"],
        };
        if name != "response.function_call_arguments.delta" {
            self.text.push_str(text.as_str().unwrap_or(""));
        }
        self.events.push((name, value));
    }

    pub(super) fn words(&self) -> Vec<&str> {
        self.text.split_inclusive(' ').collect()
    }

    /// The data of the events of this name.
    pub(super) fn named(&self, name: &str) -> Vec<&Value> {
        self.events.iter().filter(|event| event.0 == name).map(|event| &event.1).collect()
    }

    pub(super) fn last(&self) -> &(String, Value) {
        self.events.last().unwrap()
    }

    /// Whether the stream told that the answer has ended, in any way.
    pub(super) fn finished(&self) -> bool {
        let finishes = |(name, value): &(String, Value)| {
            value["choices"][0]["finish_reason"].is_string()
                || matches!(name.as_str(), "message_delta" | "message_stop" | "response.completed")
        };
        self.events.iter().any(finishes) || self.malformed.iter().any(|(_, data)| data == "[DONE]")
    }
}

/// The first words of a script of words.
pub(super) fn words(count: usize) -> String {
    Script::words(count).whole_text()
}
