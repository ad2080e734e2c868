//! Conversations and the part of them that is in the model's cache.
//!
//! A transcript is a list of tokens to which tokens are only ever added: the
//! model's own answers stay as it produced them. The cache holds the keys and
//! values of up to [`SLOTS`] transcripts, or of their beginnings; the least
//! recently used ones give way, and are computed again when they go on.

use agentos_domain::{Message, ToolSpec};
use agentos_generation::EngineError;
use llama_cpp_2::DecodeError;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;

/// Conversations in the cache at the same time.
pub(super) const SLOTS: u32 = 4;
/// Most tokens of one decode: cancelling waits for at most one.
pub(super) const CHUNK: usize = 512;
/// Transcripts that are remembered, in the cache or not.
const MAX_CONVERSATIONS: usize = 64;

/// What a conversation's transcript holds.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    key: Option<String>,
    /// The messages of the last request.
    pub(super) messages: Vec<Message>,
    /// Its tools.
    pub(super) tools: Vec<ToolSpec>,
    /// The answer to it, if it was completed.
    pub(super) reply: Option<Message>,
    /// Prompt and answer.
    pub(super) tokens: Vec<LlamaToken>,
    slot: Option<u32>,
    /// How many of the tokens are in the cache.
    decoded: usize,
    last_used: u64,
}

/// The model's context and who uses it.
pub(super) struct Cache<'m> {
    context: LlamaContext<'m>,
    batch: LlamaBatch<'static>,
    conversations: Vec<Conversation>,
    uses: u64,
}

impl<'m> Cache<'m> {
    pub(super) fn new(context: LlamaContext<'m>) -> Self {
        let batch = LlamaBatch::new(CHUNK, 1);
        Self { context, batch, conversations: Vec::new(), uses: 0 }
    }

    /// How many tokens fit.
    pub(super) fn size(&self) -> usize {
        usize::try_from(self.context.n_ctx()).unwrap_or(usize::MAX)
    }

    /// The logits after the last decoded token.
    pub(super) fn logits(&self) -> &[f32] {
        self.context.get_logits_ith(-1)
    }

    /// Takes a conversation out, to be put back or discarded; a new one where
    /// the key is unknown or none is given.
    pub(super) fn check_out(&mut self, key: Option<&str>) -> Conversation {
        let known = self.conversations.iter().position(|known| known.key.as_deref() == key);
        match known {
            Some(at) => self.conversations.swap_remove(at),
            None => Conversation { key: key.map(str::to_owned), ..Conversation::default() },
        }
    }

    /// Puts a conversation back; one without a key is discarded.
    pub(super) fn check_in(&mut self, mut conversation: Conversation) {
        if conversation.key.is_none() {
            return self.discard(conversation);
        }
        self.uses += 1;
        conversation.last_used = self.uses;
        self.conversations.push(conversation);
        while self.conversations.len() > MAX_CONVERSATIONS {
            let oldest = self.oldest(|_| true);
            let Some(oldest) = oldest else { break };
            let oldest = self.conversations.swap_remove(oldest);
            self.discard(oldest);
        }
    }

    /// Frees a conversation's part of the cache.
    pub(super) fn discard(&mut self, mut conversation: Conversation) {
        self.release(&mut conversation);
    }

    /// Forgets the conversation with this key.
    pub(super) fn forget(&mut self, key: &str) {
        let conversation = self.check_out(Some(key));
        self.discard(conversation);
    }

    /// Makes `prompt` the conversation's tokens. What it shares with those in
    /// the cache stays there; returns how many these are. At least one token
    /// is left to be decoded, for its logits.
    pub(super) fn begin(
        &mut self,
        conversation: &mut Conversation,
        prompt: Vec<LlamaToken>,
    ) -> usize {
        let slot = self.take_slot(conversation);
        let cached = &conversation.tokens[..conversation.decoded];
        let shared = cached.iter().zip(&prompt).take_while(|(old, new)| old == new).count();
        let mut keep = shared.min(prompt.len().saturating_sub(1));
        if keep < conversation.decoded {
            let from = u32::try_from(keep).ok();
            let removed = self.context.clear_kv_cache_seq(Some(slot), from, None);
            // Models with a recurrent state cannot go back to a prefix.
            if !matches!(removed, Ok(true)) {
                self.clear_slot(slot);
                keep = 0;
            }
        }
        conversation.decoded = keep;
        conversation.tokens = prompt;
        keep
    }

    /// Decodes the next chunk of the conversation's tokens. Returns whether
    /// all of them are decoded.
    pub(super) fn decode(&mut self, conversation: &mut Conversation) -> Result<bool, EngineError> {
        let slot = self.take_slot(conversation);
        let slot = i32::try_from(slot).map_err(failed)?;
        let from = conversation.decoded;
        let until = conversation.tokens.len().min(from + CHUNK);
        self.batch.clear();
        for (at, token) in conversation.tokens.iter().enumerate().take(until).skip(from) {
            let position = i32::try_from(at).map_err(failed)?;
            self.batch.add(*token, position, &[slot], at + 1 == until).map_err(failed)?;
        }
        self.make_room(conversation, until - from);
        loop {
            match self.context.decode(&mut self.batch) {
                Ok(()) => break,
                Err(DecodeError::NoKvCacheSlot) if self.evict_one() => {}
                Err(error) => return Err(failed(error)),
            }
        }
        conversation.decoded = until;
        Ok(until == conversation.tokens.len())
    }

    /// Decodes all of the conversation's tokens.
    pub(super) fn decode_rest(
        &mut self,
        conversation: &mut Conversation,
    ) -> Result<(), EngineError> {
        while conversation.decoded < conversation.tokens.len() {
            self.decode(conversation)?;
        }
        Ok(())
    }

    /// Evicts others until `more` tokens fit.
    fn make_room(&mut self, conversation: &Conversation, more: usize) {
        loop {
            let others: usize = self.conversations.iter().map(|other| other.decoded).sum();
            if others + conversation.decoded + more <= self.size() || !self.evict_one() {
                return;
            }
        }
    }

    /// The conversation's slot; if it has none, a free one, or that of the
    /// conversation that was not used for the longest time.
    fn take_slot(&mut self, conversation: &mut Conversation) -> u32 {
        loop {
            if let Some(slot) = conversation.slot {
                return slot;
            }
            let taken =
                |slot: &u32| self.conversations.iter().any(|other| other.slot == Some(*slot));
            conversation.slot = (0..SLOTS).find(|slot| !taken(slot));
            if conversation.slot.is_none() && !self.evict_one() {
                return 0; // Cannot be: only conversations in the list hold slots.
            }
        }
    }

    /// Removes the least recently used conversation from the cache (but not its
    /// transcript). Returns whether there was one.
    fn evict_one(&mut self) -> bool {
        let Some(at) = self.oldest(|conversation| conversation.slot.is_some()) else {
            return false;
        };
        let mut conversation = self.conversations.swap_remove(at);
        self.release(&mut conversation);
        self.conversations.push(conversation);
        true
    }

    fn oldest(&self, which: impl Fn(&Conversation) -> bool) -> Option<usize> {
        let candidates = self.conversations.iter().enumerate().filter(|(_, one)| which(one));
        candidates.min_by_key(|(_, one)| one.last_used).map(|(at, _)| at)
    }

    fn release(&mut self, conversation: &mut Conversation) {
        conversation.decoded = 0;
        if let Some(slot) = conversation.slot.take() {
            self.clear_slot(slot);
        }
    }

    fn clear_slot(&mut self, slot: u32) {
        if let Err(error) = self.context.clear_kv_cache_seq(Some(slot), None, None) {
            tracing::error!(%error, slot, "cannot clear a sequence of the cache");
        }
    }
}

fn failed(error: impl std::fmt::Display) -> EngineError {
    EngineError::Generation { reason: error.to_string() }
}
