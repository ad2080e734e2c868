//! From a file to a model with its context, its vocabulary and its template.

use agentos_generation::EngineError;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::{LogOptions, send_logs_to_tracing};

use super::LlamaConfig;
use super::cache::{CHUNK, SLOTS};
use crate::template::{CHATML, ChatTemplate};

/// llama.cpp can be started once per process, and is then never stopped.
static BACKEND: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
/// Creating contexts in parallel is unsound in llama.cpp.
static CONTEXTS: Mutex<()> = Mutex::new(());

/// What is known of a loaded model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ModelInfo {
    pub(super) name: String,
    pub(super) size_bytes: u64,
    pub(super) context_tokens: u32,
}

/// The special tokens of a model.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// Put before a prompt that does not begin with it.
    pub(super) bos: Option<LlamaToken>,
    /// Its text.
    pub(super) bos_text: String,
    /// Tokens that an answer may not hold: control tokens other than those
    /// that end it, and those that the model suppresses.
    pub(super) forbidden: Vec<LlamaToken>,
}

fn backend() -> Result<&'static LlamaBackend, EngineError> {
    let backend = BACKEND.get_or_init(|| {
        send_logs_to_tracing(LogOptions::default());
        LlamaBackend::init().map_err(|error| error.to_string())
    });
    backend.as_ref().map_err(|reason| EngineError::Start { reason: reason.clone() })
}

/// Loads a model. Returns it with the size of its file.
pub(super) fn model(config: &LlamaConfig) -> Result<(LlamaModel, u64), EngineError> {
    let size = check_file(&config.model)?;
    let parameters = LlamaModelParams::default().with_n_gpu_layers(config.gpu_layers);
    let model = LlamaModel::load_from_file(backend()?, &config.model, &parameters);
    let broken = |error| {
        tracing::warn!(%error, path = %config.model.display(), "llama.cpp refuses the model");
        EngineError::BrokenModel { path: config.model.clone() }
    };
    Ok((model.map_err(broken)?, size))
}

/// Tells the common mistakes apart before llama.cpp sees the file.
fn check_file(path: &Path) -> Result<u64, EngineError> {
    let refuse = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => EngineError::NoModel { path: path.to_owned() },
        _ => EngineError::Unreadable { path: path.to_owned(), reason: error.to_string() },
    };
    let mut file = File::open(path).map_err(refuse)?;
    let facts = file.metadata().map_err(refuse)?;
    let mut magic = [0; 4];
    let begins_right = facts.is_file() && file.read_exact(&mut magic).is_ok() && &magic == b"GGUF";
    if begins_right { Ok(facts.len()) } else { Err(EngineError::NotGguf { path: path.to_owned() }) }
}

/// Creates the context of a model.
pub(super) fn context<'m>(
    model: &'m LlamaModel,
    config: &LlamaConfig,
) -> Result<LlamaContext<'m>, EngineError> {
    let trained = model.n_ctx_train();
    let tokens = if config.context_tokens == 0 { trained } else { config.context_tokens };
    if tokens > trained {
        tracing::warn!(tokens, trained, "the context is larger than the model was trained for");
    }
    let threads = i32::try_from(config.threads.max(1)).unwrap_or(1);
    let chunk = u32::try_from(CHUNK).unwrap_or(512);
    let parameters = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(tokens))
        .with_n_batch(chunk)
        .with_n_ubatch(chunk)
        .with_n_seq_max(SLOTS)
        .with_kv_unified(true)
        // Else a model with sliding windows cannot go back to a prefix.
        .with_swa_full(true)
        .with_n_threads(threads)
        .with_n_threads_batch(threads);
    let _one_at_a_time = CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    model.new_context(backend()?, parameters).map_err(|error| EngineError::Start {
        reason: format!("no context of {tokens} tokens ({error}): lower the context size"),
    })
}

/// The name in the metadata, else that of the file.
pub(super) fn name(model: &LlamaModel, path: &Path) -> String {
    let named = model.meta_val_str("general.name").ok().filter(|name| !name.trim().is_empty());
    named.unwrap_or_else(|| path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
}

/// The special tokens and the chat template.
pub(super) fn vocabulary(model: &LlamaModel) -> Result<(Vocabulary, ChatTemplate), EngineError> {
    let vocab = model.vocab();
    let known = |token: LlamaToken| (token.0 >= 0).then_some(token);
    let text = |token: Option<LlamaToken>| {
        let piece = token.map(|token| vocab.token_to_piece(token, true, None));
        String::from_utf8_lossy(&piece.unwrap_or_default()).into_owned()
    };
    let (mut forbidden, mut control_texts) = (vocab.suppress_tokens().to_vec(), Vec::new());
    for token in vocab.tokens().filter(|token| vocab.is_control(*token)) {
        let text = text(Some(token));
        if !vocab.is_eog(token) && !text.contains("tool_call") && !text.contains("think") {
            forbidden.push(token);
        }
        control_texts.push(text);
    }
    let (bos, eos) = (known(vocab.bos()), known(vocab.eos()));
    let source = model.chat_template(None).ok().and_then(|template| template.to_string().ok());
    let source = source.unwrap_or_else(|| CHATML.to_owned());
    let template = ChatTemplate::new(source, text(bos), text(eos), control_texts)?;
    let bos_text = text(bos);
    let bos = bos.filter(|_| vocab.should_add_bos());
    Ok((Vocabulary { bos, bos_text, forbidden }, template))
}
