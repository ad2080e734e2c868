//! The thread that owns the model.

use agentos_generation::EngineError;
use std::sync::Arc;

use agentos_domain::Clock;
use llama_cpp_2::model::LlamaModel;
use tokio::sync::oneshot;

use super::LlamaConfig;
use super::cache::Cache;
use super::load::{self, ModelInfo, Vocabulary};
use super::shared::{Shared, Work};
use crate::template::ChatTemplate;

/// Everything that serves calls, on the thread's stack.
pub(super) struct Worker<'m> {
    pub(super) model: &'m LlamaModel,
    pub(super) vocabulary: &'m Vocabulary,
    pub(super) template: ChatTemplate,
    pub(super) cache: Cache<'m>,
    pub(super) info: ModelInfo,
    pub(super) shared: &'m Shared,
    pub(super) clock: Arc<dyn Clock>,
}

/// Says that the thread has ended, also where it panics.
struct Finished<'a>(&'a Shared);

impl Drop for Finished<'_> {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// The thread's life: load, say so, serve until stopped, free.
pub(super) fn run(
    config: &LlamaConfig,
    clock: Arc<dyn Clock>,
    shared: &Shared,
    ready: oneshot::Sender<Result<ModelInfo, EngineError>>,
) {
    // Declared in this order, dropped in the other: context, model, the word.
    let _finished = Finished(shared);
    let (model, size_bytes) = match load::model(config) {
        Ok(loaded) => loaded,
        Err(error) => return refuse(ready, error),
    };
    let (vocabulary, template) = match load::vocabulary(&model) {
        Ok(loaded) => loaded,
        Err(error) => return refuse(ready, error),
    };
    let context = match load::context(&model, config) {
        Ok(context) => context,
        Err(error) => return refuse(ready, error),
    };
    let name = load::name(&model, &config.model);
    let info = ModelInfo { name, size_bytes, context_tokens: context.n_ctx() };
    let cache = Cache::new(context);
    let mut worker =
        Worker { model: &model, vocabulary: &vocabulary, template, cache, info, shared, clock };
    if ready.send(Ok(worker.info.clone())).is_err() {
        return;
    }
    loop {
        match shared.next() {
            Work::Generate(job) => worker.serve(&job),
            Work::Forget(key) => worker.cache.forget(&key),
            Work::Stop => return,
        }
    }
}

fn refuse(ready: oneshot::Sender<Result<ModelInfo, EngineError>>, error: EngineError) {
    // Where nobody waits for the model any more, nobody needs to know.
    let _ = ready.send(Err(error));
}
