//! The handle of a llama.cpp engine.

use agentos_generation::{
    DeviceStatus, Engine, EngineError, EngineStatus, GenerateRequest, Generation, ToolChoice,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::Clock;
use async_trait::async_trait;
use llama_cpp_2::{LlamaBackendDeviceType, list_llama_ggml_backend_devices};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::load::ModelInfo;
use super::shared::{Job, Shared};
use super::worker;
use crate::grammar::{CallGrammar, FormGrammar};

/// Reading hundreds of gigabytes from a slow disk takes its time.
const LOAD_DEADLINE: Duration = Duration::from_secs(1800);
/// One chunk of a prompt on a slow machine, and freeing the model.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(60);

/// What an engine is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlamaConfig {
    /// The GGUF file.
    pub model: PathBuf,
    /// Tokens that all conversations in the cache share; 0 is what the model
    /// was trained with.
    pub context_tokens: u32,
    /// CPU threads, at least 1.
    pub threads: u32,
    /// Layers that a GPU computes; 0 is none, a large number is all.
    pub gpu_layers: u32,
    /// How many calls may wait.
    pub queue_limit: usize,
}

/// llama.cpp in this process: one model on one thread.
///
/// Call [`LlamaEngine::shutdown`] before the process ends: dropping the engine
/// only tells its thread to end, and on macOS a process that exits with
/// a live context aborts.
#[derive(Debug)]
pub struct LlamaEngine {
    shared: Arc<Shared>,
    info: ModelInfo,
}

impl LlamaEngine {
    /// Loads the model and starts its thread.
    ///
    /// # Errors
    /// Where the file is missing, is no GGUF file or is broken, or where there
    /// is not enough memory for the context.
    pub async fn load(config: LlamaConfig, clock: Arc<dyn Clock>) -> Result<Self, EngineError> {
        let shared = Arc::new(Shared::new(config.queue_limit));
        let (ready, loaded) = oneshot::channel();
        let for_thread = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("inference".to_owned())
            .spawn(move || worker::run(&config, clock, &for_thread, ready))
            .map_err(|error| EngineError::Start { reason: error.to_string() })?;
        let late = || EngineError::Start { reason: "loading the model took too long".to_owned() };
        let died = |_| EngineError::Start { reason: "the inference thread ended".to_owned() };
        let info = timeout(LOAD_DEADLINE, loaded).await.map_err(|_| late())?.map_err(died)??;
        Ok(Self { shared, info })
    }

    /// Ends the call that is being served and those that wait, and frees the
    /// context and the model. Returns when that is done, or after a minute.
    pub async fn shutdown(&self) {
        self.shared.stop();
        if timeout(SHUTDOWN_DEADLINE, self.shared.finished()).await.is_err() {
            tracing::error!("the inference thread did not end in time");
        }
    }
}

impl Drop for LlamaEngine {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

/// Refuses early what cannot be served.
fn check(request: &GenerateRequest) -> Result<(), EngineError> {
    match &request.tool_choice {
        ToolChoice::Required(name) => {
            let tool = request.tools.iter().find(|tool| tool.name == *name);
            let tool = tool.ok_or_else(|| EngineError::UnknownTool { name: name.clone() })?;
            CallGrammar::new(&[tool]).map(|_| ())
        }
        _ if request.tools.is_empty() => request
            .output_schema
            .as_ref()
            .map_or(Ok(()), |schema| FormGrammar::new(schema).map(drop)),
        ToolChoice::None => Ok(()),
        ToolChoice::Auto | ToolChoice::Any => {
            CallGrammar::new(&request.tools.iter().collect::<Vec<_>>()).map(|_| ())
        }
    }
}

#[async_trait]
impl Engine for LlamaEngine {
    async fn generate(
        &self,
        mut request: GenerateRequest,
        cancel: CancellationToken,
    ) -> Result<Generation, EngineError> {
        check(&request)?;
        let most = request.sampling.max_tokens.min(self.info.context_tokens);
        request.sampling.max_tokens = most;
        // Room for every token, the rest that was held back, and the end: a
        // slow reader never holds up the thread that serves everybody.
        let room = usize::try_from(most).unwrap_or(usize::MAX >> 4) + 2;
        let (events, receiver) = mpsc::channel(room);
        self.shared.push(Job { request, cancel, events })?;
        Ok(receiver)
    }

    fn status(&self) -> EngineStatus {
        EngineStatus {
            model: self.info.name.clone(),
            demonstration: [crate::pocket::NAME, crate::tiny::NAME]
                .contains(&self.info.name.as_str()),
            size_bytes: self.info.size_bytes,
            context_tokens: self.info.context_tokens,
            queued: self.shared.queued(),
            tokens_per_second: self.shared.tokens_per_second(),
            devices: gpus(),
        }
    }

    async fn end_conversation(&self, key: &str) {
        self.shared.forget(key);
    }
}

fn gpus() -> Vec<DeviceStatus> {
    let is_gpu =
        |kind| matches!(kind, LlamaBackendDeviceType::Gpu | LlamaBackendDeviceType::IntegratedGpu);
    list_llama_ggml_backend_devices()
        .into_iter()
        .filter(|device| is_gpu(device.device_type))
        .map(|device| DeviceStatus {
            name: device.description,
            memory_total_bytes: device.memory_total as u64,
            memory_free_bytes: device.memory_free as u64,
        })
        .collect()
}
