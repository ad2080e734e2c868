//! Tokens per second through hub, link and edge, beside those of the same
//! engine called directly.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock, Message, Role, Sampling};
use agentos_generation::{Engine, GenerateEvent, GenerateRequest, ToolChoice};
use agentos_inference::{LlamaConfig, LlamaEngine, tiny};
use agentos_link::{LinkChannel, TransportChoice};
use agentos_proto::v1;
use agentos_proto::v1::generate_event::Event;
use agentos_proto::v1::inference_client::InferenceClient;
use agentos_tools::Registry;
use agentos_worker::{Blocking, Worker, WorkerConfig};
use futures::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::error::{BenchError, within};
use super::options::Rounds;
use super::stats::Samples;
use super::system::{Hub, failed_call};

const ANSWER_LIMIT: Duration = Duration::from_secs(300);
const CONTEXT_TOKENS: u32 = 4096;
/// Prompts that are tried for a long answer.
const PROMPTS: u32 = 24;
/// Weights of the demonstration model.
const WEIGHTS_SEED: u64 = 1;

/// Tokens per second on both ways.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) model: String,
    pub(crate) direct: Samples,
    pub(crate) path: Samples,
    /// Tokens of each answer.
    pub(crate) answer_tokens: u64,
}

/// Alternates between the two ways.
pub(crate) async fn measure(
    hub: &Hub,
    folder: &Path,
    model: Option<&Path>,
    rounds: Rounds,
) -> Result<Tokens, BenchError> {
    let config = LlamaConfig {
        model: model_file(folder, model)?,
        context_tokens: CONTEXT_TOKENS,
        threads: 1,
        gpu_layers: 999,
        queue_limit: 4,
    };
    let engine = Arc::new(LlamaEngine::load(config, Arc::clone(&hub.clock)).await?);
    let result = both_ways(hub, folder, &engine, rounds).await;
    engine.shutdown().await;
    result
}

fn model_file(folder: &Path, model: Option<&Path>) -> Result<PathBuf, BenchError> {
    if let Some(model) = model {
        return Ok(model.to_owned());
    }
    let path = folder.join("demonstration.gguf");
    tiny::write_tiny_model(&path, WEIGHTS_SEED)
        .map_err(|reason| BenchError::Folder { path: path.clone(), reason })?;
    Ok(path)
}

async fn both_ways(
    hub: &Hub,
    folder: &Path,
    engine: &Arc<LlamaEngine>,
    rounds: Rounds,
) -> Result<Tokens, BenchError> {
    let worker = Worker::open(
        WorkerConfig {
            data_dir: folder.join("worker"),
            cache_limit: 1 << 20,
            heartbeat: Duration::from_secs(1),
            drain: Duration::from_secs(5),
            blocking: Blocking::Threads,
        },
        Some(Arc::clone(engine) as Arc<dyn Engine>),
        Registry::new(),
        Arc::clone(&hub.clock),
    )
    .map_err(|error| BenchError::part("worker")(&error))?;
    let (services, held) = (worker.routes(), worker.held());
    let mut edge = hub.connect(TransportChoice::QuicOnly, services, held).await?;
    edge.run(|link, stop| {
        let work = async move { worker.run(link, stop).await };
        work.map(|result| result.map_err(|error| BenchError::part("worker")(&error))).boxed()
    });
    let channel = edge.session.calls();
    let clock = hub.clock.as_ref();
    let (question, answer) = longest(engine, clock, rounds.tokens).await?;
    // The first use of the path is not measured, as that of the engine is not.
    through_path(&channel, clock, &question).await?;

    let (mut direct, mut path) = (Samples::default(), Samples::default());
    for round in 0..rounds.answers {
        // Each way goes first as often as the other.
        for turn in 0..2 {
            let (samples, got) = if (round + turn) % 2 == 0 {
                (&mut direct, directly(engine, clock, &question).await?)
            } else {
                (&mut path, through_path(&channel, clock, &question).await?)
            };
            if got.text != answer.text || got.tokens != answer.tokens {
                return Err(BenchError::part("model")(&"the same question got two answers"));
            }
            samples.push(got.tokens_per_second());
        }
    }
    edge.stop().await?;
    let model = engine.status().model;
    Ok(Tokens { model, direct, path, answer_tokens: answer.tokens })
}

/// What is asked, the same on both ways.
struct Question {
    messages: Vec<Message>,
    sampling: Sampling,
}

impl Question {
    fn new(number: u32, max_tokens: u32) -> Self {
        let text = format!("Tell a long story in {number} parts about a lighthouse.");
        Self {
            messages: vec![Message::text(Role::User, text)],
            sampling: Sampling { temperature: 0.0, max_tokens, stop: Vec::new(), seed: Some(1) },
        }
    }
}

/// An answer, and how long it took until its end had arrived.
struct Answer {
    text: String,
    tokens: u64,
    took: Duration,
}

impl Answer {
    fn tokens_per_second(&self) -> f64 {
        let tokens = u32::try_from(self.tokens).unwrap_or(u32::MAX);
        f64::from(tokens) / self.took.as_secs_f64()
    }
}

/// The first question whose answer has `wanted` tokens, or the one with the
/// longest answer: the model may end its turn early.
async fn longest(
    engine: &LlamaEngine,
    clock: &dyn Clock,
    wanted: u32,
) -> Result<(Question, Answer), BenchError> {
    let mut best: Option<(Question, Answer)> = None;
    for number in 1..=PROMPTS {
        let question = Question::new(number, wanted);
        let answer = directly(engine, clock, &question).await?;
        let enough = answer.tokens >= u64::from(wanted);
        if best.as_ref().is_none_or(|(_, best)| answer.tokens > best.tokens) {
            best = Some((question, answer));
        }
        if enough {
            break;
        }
    }
    let best = best.filter(|(_, answer)| answer.tokens > 0);
    best.ok_or_else(|| BenchError::part("model")(&"it answers nothing: use another model"))
}

async fn directly(
    engine: &LlamaEngine,
    clock: &dyn Clock,
    question: &Question,
) -> Result<Answer, BenchError> {
    let work = async {
        let start = clock.monotonic();
        let request = GenerateRequest {
            messages: question.messages.clone(),
            tools: Vec::new(),
            tool_choice: ToolChoice::None,
            sampling: question.sampling.clone(),
            output_schema: None,
            conversation: None,
        };
        let mut events = engine.generate(request, CancellationToken::new()).await?;
        let mut answer = String::new();
        while let Some(event) = events.recv().await {
            match event? {
                GenerateEvent::Started { .. } => answer.clear(),
                GenerateEvent::Token { text, .. } => answer.push_str(&text),
                GenerateEvent::Done(done) => {
                    let took = clock.monotonic().saturating_sub(start);
                    let tokens = done.usage.output_tokens;
                    return Ok(Answer { text: answer, tokens, took });
                }
            }
        }
        Err(BenchError::part("model")(&"it broke off"))
    };
    within(ANSWER_LIMIT, "an answer of the model", work).await?
}

async fn through_path(
    channel: &LinkChannel,
    clock: &dyn Clock,
    question: &Question,
) -> Result<Answer, BenchError> {
    let json = |error: serde_json::Error| BenchError::part("model")(&error);
    let work = async {
        let start = clock.monotonic();
        let messages = question.messages.iter().map(serde_json::to_string);
        let request = v1::GenerateRequest {
            messages: messages.collect::<Result<_, _>>().map_err(json)?,
            sampling: serde_json::to_string(&question.sampling).map_err(json)?,
            ..v1::GenerateRequest::default()
        };
        let reply = InferenceClient::new(channel.clone()).generate(request).await;
        let mut events = reply.map_err(failed_call("generate"))?.into_inner();
        let mut answer = String::new();
        while let Some(event) = events.message().await.map_err(failed_call("generate"))? {
            match event.event {
                Some(Event::Token(token)) => answer.push_str(&token.text),
                Some(Event::Done(done)) => {
                    let took = clock.monotonic().saturating_sub(start);
                    return Ok(Answer { text: answer, tokens: done.output_tokens, took });
                }
                Some(Event::Started(_)) | None => {}
            }
        }
        Err(BenchError::part("model")(&"its answer broke off on the way"))
    };
    within(ANSWER_LIMIT, "an answer over the link", work).await?
}
