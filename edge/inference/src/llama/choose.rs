//! The choice of the next token.

use agentos_generation::{CALL_OPENS, EngineError};
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::load::Vocabulary;
use crate::grammar::{CallGrammar, FormGrammar, Look, Watch, Written, is_complete};

/// How the text may go on.
enum Mode {
    /// In any way.
    Free,
    /// In any way until a call opens, then as the grammar says.
    Watched(Watch, CallGrammar),
    /// As the grammar of calls says.
    Call(LlamaSampler),
    /// As the grammar of the answer's form says.
    Form(LlamaSampler),
}

/// A chosen token.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) token: LlamaToken,
    /// Its bytes; may be part of a character.
    pub(super) piece: Vec<u8>,
    /// From the model's own logits, whatever the grammar allows.
    pub(super) logprob: f32,
}

/// Chooses the tokens of one answer.
pub(super) struct Chooser<'m> {
    model: &'m LlamaModel,
    forbidden: &'m [LlamaToken],
    temperature: f32,
    random: StdRng,
    mode: Mode,
    /// What was written under a grammar.
    call: Vec<u8>,
}

impl<'m> Chooser<'m> {
    /// For free text.
    pub(super) fn free(
        model: &'m LlamaModel,
        vocabulary: &'m Vocabulary,
        temperature: f32,
        seed: Option<u64>,
    ) -> Self {
        let random = seed.map_or_else(rand::make_rng, StdRng::seed_from_u64);
        let forbidden = &vocabulary.forbidden;
        Self { model, forbidden, temperature, random, mode: Mode::Free, call: Vec::new() }
    }

    /// With calls that follow `grammar`; with `required`, from the first token.
    pub(super) fn with_calls(
        mut self,
        grammar: CallGrammar,
        required: bool,
    ) -> Result<Self, EngineError> {
        self.mode = if required {
            Mode::Call(sampler(self.model, &grammar, Written::Nothing)?)
        } else {
            Mode::Watched(Watch::default(), grammar)
        };
        Ok(self)
    }

    /// With an answer that has a form.
    pub(super) fn with_form(mut self, grammar: &FormGrammar) -> Result<Self, EngineError> {
        self.mode = Mode::Form(start(self.model, &grammar.gbnf())?);
        Ok(self)
    }

    /// The text of the call, once one has been opened.
    pub(super) fn call(&self) -> Option<&[u8]> {
        matches!(self.mode, Mode::Call(_)).then_some(self.call.as_slice())
    }

    /// Whether a whole call was written.
    pub(super) fn call_is_complete(&self) -> bool {
        self.call().is_some_and(is_complete)
    }

    /// The token after these logits; `None` where the model ends its turn.
    pub(super) fn choose(&mut self, logits: &[f32]) -> Result<Option<Chosen>, EngineError> {
        let mut candidates = candidates(logits, self.forbidden);
        let token = loop {
            let mut token = self.pick(&candidates)?;
            let mut piece = self.model.vocab().token_to_piece(token, true, None);
            match &mut self.mode {
                Mode::Free => break token,
                Mode::Watched(watch, grammar) => match watch.look(&piece) {
                    Look::Free => {
                        watch.push(&piece);
                        break token;
                    }
                    Look::Opens(written) => {
                        self.mode = Mode::Call(sampler(self.model, grammar, written)?);
                        self.call.extend_from_slice(CALL_OPENS.as_bytes());
                        if written == Written::OpenLine {
                            self.call.push(b'\n');
                        }
                        return self.chosen(token, logits).map(Some);
                    }
                    Look::Refused => set_logit(&mut candidates, token, f32::NEG_INFINITY),
                },
                Mode::Call(grammar) | Mode::Form(grammar) => {
                    // Checking one token is far cheaper than masking them all.
                    if !allows(grammar, token) {
                        grammar.apply(&mut candidates);
                        token = self.pick(&candidates)?;
                        piece = self.model.vocab().token_to_piece(token, true, None);
                    }
                    // llama.cpp's grammars let some invalid UTF-8 pass.
                    if stays_text(&self.call, &piece) {
                        break token;
                    }
                    set_logit(&mut candidates, token, f32::NEG_INFINITY);
                }
            }
        };
        if self.model.vocab().is_eog(token) {
            return Ok(None);
        }
        let chosen = self.chosen(token, logits)?;
        if let Mode::Call(grammar) | Mode::Form(grammar) = &mut self.mode {
            grammar.try_accept(token).map_err(|error| failed(&error.to_string()))?;
            self.call.extend_from_slice(&chosen.piece);
        }
        Ok(Some(chosen))
    }

    fn chosen(&self, token: LlamaToken, logits: &[f32]) -> Result<Chosen, EngineError> {
        let piece = self.model.vocab().token_to_piece(token, true, None);
        let logprob = logprob(logits, token).ok_or_else(|| failed("a token has no logit"))?;
        Ok(Chosen { token, piece, logprob })
    }

    fn pick(&mut self, candidates: &LlamaTokenDataArray) -> Result<LlamaToken, EngineError> {
        let picked = if self.temperature > 0.0 {
            sample(candidates, self.temperature, self.random.random())
        } else {
            best(candidates)
        };
        picked.ok_or_else(|| failed("no token can follow"))
    }
}

fn sampler(
    model: &LlamaModel,
    grammar: &CallGrammar,
    written: Written,
) -> Result<LlamaSampler, EngineError> {
    start(model, &grammar.gbnf(written))
}

fn start(model: &LlamaModel, rules: &str) -> Result<LlamaSampler, EngineError> {
    LlamaSampler::grammar(model, rules, "root")
        .map_err(|error| failed(&format!("llama.cpp refuses the grammar: {error}")))
}

fn failed(reason: &str) -> EngineError {
    EngineError::Generation { reason: reason.to_owned() }
}

fn candidates(logits: &[f32], forbidden: &[LlamaToken]) -> LlamaTokenDataArray {
    let tokens = (0..).map(LlamaToken).zip(logits);
    let data = tokens.map(|(token, logit)| LlamaTokenData::new(token, *logit, 0.0));
    let mut candidates = LlamaTokenDataArray::from_iter(data, false);
    for token in forbidden {
        set_logit(&mut candidates, *token, f32::NEG_INFINITY);
    }
    candidates
}

/// Candidates stay in the order of their ids.
fn set_logit(candidates: &mut LlamaTokenDataArray, token: LlamaToken, logit: f32) {
    let at = usize::try_from(token.0).ok();
    if let Some(candidate) = at.and_then(|at| candidates.data.get_mut(at)) {
        candidate.set_logit(logit);
    }
}

fn allows(grammar: &mut LlamaSampler, token: LlamaToken) -> bool {
    let mut one = LlamaTokenDataArray::new(vec![LlamaTokenData::new(token, 0.0, 0.0)], false);
    grammar.apply(&mut one);
    one.data.iter().all(|candidate| candidate.logit().is_finite())
}

/// Whether `text`, which is UTF-8 so far but may end within a character, is
/// that still with `piece` at its end.
fn stays_text(text: &[u8], piece: &[u8]) -> bool {
    // A character has at most four bytes, so at most three wait for the rest.
    let tail = &text[text.len().saturating_sub(3)..];
    let is_start = |byte: &u8| !(0x80..0xC0).contains(byte);
    let start = tail.iter().position(is_start).unwrap_or(tail.len());
    let end = [&tail[start..], piece].concat();
    std::str::from_utf8(&end).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// The candidate with the highest logit, the first of several.
fn best(candidates: &LlamaTokenDataArray) -> Option<LlamaToken> {
    let mut best: Option<&LlamaTokenData> = None;
    for candidate in candidates.data.iter().filter(|candidate| candidate.logit().is_finite()) {
        if best.is_none_or(|best| candidate.logit() > best.logit()) {
            best = Some(candidate);
        }
    }
    best.map(LlamaTokenData::id)
}

/// The candidate at `point` (0 to 1) of the distribution at this temperature.
fn sample(candidates: &LlamaTokenDataArray, temperature: f32, point: f64) -> Option<LlamaToken> {
    let highest =
        candidates.data.iter().map(LlamaTokenData::logit).filter(|logit| logit.is_finite());
    let highest = highest.fold(f32::NEG_INFINITY, f32::max);
    let weight = |candidate: &LlamaTokenData| {
        let logit = candidate.logit();
        let relative = f64::from(logit - highest) / f64::from(temperature);
        if logit.is_finite() { relative.exp() } else { 0.0 }
    };
    let total: f64 = candidates.data.iter().map(weight).sum();
    let mut left = point * total;
    let mut last = None;
    for candidate in &candidates.data {
        let weight = weight(candidate);
        if weight > 0.0 {
            last = Some(candidate.id());
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
    }
    last
}

/// Natural logarithm of a token's probability.
fn logprob(logits: &[f32], token: LlamaToken) -> Option<f32> {
    let logit = *logits.get(usize::try_from(token.0).ok()?)?;
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - highest).exp()).sum();
    #[expect(clippy::cast_possible_truncation, reason = "a probability needs no more digits")]
    let logsum = sum.ln() as f32;
    Some(logit - highest - logsum)
}

#[cfg(test)]
mod tests;
