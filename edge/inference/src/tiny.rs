//! A model of random weights that llama.cpp loads, for tests and benchmarks:
//! it answers in random letters for as long as it is let.

use std::io;
use std::path::Path;

use crate::template::CHATML;

/// The name in the metadata of these models.
pub const NAME: &str = "demonstration-weights";

const WIDTH: usize = 128;
const LAYERS: usize = 4;
const HEADS: usize = 4;
const FEED_FORWARD: usize = 256;
const CONTEXT: u32 = 8192;
const SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const VOCABULARY: usize = 256 + SPECIAL.len();
const END_OF_TEXT: u32 = 256;
const END_OF_TURN: u32 = 258;

/// Writes a model of about 2.7 MB: byte-level vocabulary, ChatML template with
/// tools, weights from `seed`. The same seed gives the same bytes. The file
/// appears whole or not at all.
///
/// # Errors
/// Where the file cannot be written.
pub fn write_tiny_model(path: &Path, seed: u64) -> io::Result<()> {
    let tensors = tensors(seed);
    let mut bytes = Vec::new();
    header(&mut bytes, tensors.len());
    let mut offset = 0;
    for tensor in &tensors {
        text(&mut bytes, &tensor.name);
        bytes.extend(u32::try_from(tensor.shape.len()).unwrap_or(0).to_le_bytes());
        for size in &tensor.shape {
            bytes.extend((*size as u64).to_le_bytes());
        }
        bytes.extend(0_u32.to_le_bytes()); // f32
        bytes.extend((offset as u64).to_le_bytes());
        offset += (tensor.weights.len() * 4).next_multiple_of(32);
    }
    for tensor in &tensors {
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        for weight in &tensor.weights {
            bytes.extend(weight.to_le_bytes());
        }
    }
    crate::whole_file::write(path, &bytes)
}

struct Tensor {
    name: String,
    /// Innermost dimension first.
    shape: Vec<usize>,
    weights: Vec<f32>,
}

fn tensors(seed: u64) -> Vec<Tensor> {
    let mut random = Random(seed);
    let mut matrix = |name: String, input: usize, output: usize, scale: f32| {
        let weights = (0..input * output).map(|_| random.next() * scale).collect();
        Tensor { name, shape: vec![input, output], weights }
    };
    let ones = |name: String| Tensor { name, shape: vec![WIDTH], weights: vec![1.0; WIDTH] };
    let mut embedding = matrix("token_embd.weight".to_owned(), WIDTH, VOCABULARY, 1.0);
    let mut output = matrix("output.weight".to_owned(), WIDTH, VOCABULARY, 0.1);
    // The first dimension is the same for all tokens, so that it can carry a
    // preference: letters and quotes, not control bytes nor the end of a turn.
    for token in 0..VOCABULARY {
        embedding.weights[token * WIDTH] = 4.0;
        let byte = u8::try_from(token).unwrap_or(0);
        let readable = byte.is_ascii_lowercase() || byte == b' ' || byte == b'"';
        output.weights[token * WIDTH] = if readable { 3.0 } else { -3.0 };
    }
    let mut all = vec![embedding, output, ones("output_norm.weight".to_owned())];
    for layer in 0..LAYERS {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        all.push(ones(name("attn_norm")));
        all.push(ones(name("ffn_norm")));
        for part in ["attn_q", "attn_k", "attn_v", "attn_output"] {
            all.push(matrix(name(part), WIDTH, WIDTH, 0.08));
        }
        all.push(matrix(name("ffn_gate"), WIDTH, FEED_FORWARD, 0.08));
        all.push(matrix(name("ffn_up"), WIDTH, FEED_FORWARD, 0.08));
        all.push(matrix(name("ffn_down"), FEED_FORWARD, WIDTH, 0.08));
    }
    all
}

/// SplitMix64; sums of uniform numbers are normal enough, and the same on
/// every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        let sum: u64 = (0..4).map(|part| (bits >> (part * 16)) & 0xFFFF).sum();
        #[expect(clippy::cast_precision_loss, reason = "below 2^18: exact in f32")]
        let sum = sum as f32;
        // Mean 0, variance 1: each part has variance 65536² / 12.
        (sum - 131_070.0) / 37_837.2
    }
}

fn header(bytes: &mut Vec<u8>, tensors: usize) {
    let pairs = metadata();
    bytes.extend(b"GGUF");
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend((tensors as u64).to_le_bytes());
    bytes.extend((pairs.len() as u64).to_le_bytes());
    for (key, value) in pairs {
        text(bytes, key);
        value.write(bytes);
    }
}

fn metadata() -> Vec<(&'static str, Meta)> {
    let mut tokens: Vec<String> = byte_characters().map(String::from).to_vec();
    tokens.extend(SPECIAL.map(str::to_owned));
    let types = (0..VOCABULARY).map(|token| if token < 256 { 1 } else { 3 }).collect();
    // The format asks for a merge; this one joins two bytes that text has not.
    let merge = format!("{} {}", tokens[0], tokens[1]);
    let count = |count: usize| Meta::Count(u32::try_from(count).unwrap_or(0));
    vec![
        ("general.architecture", Meta::Text("llama".to_owned())),
        ("general.name", Meta::Text(NAME.to_owned())),
        ("general.file_type", Meta::Count(0)),
        ("llama.context_length", Meta::Count(CONTEXT)),
        ("llama.embedding_length", count(WIDTH)),
        ("llama.block_count", count(LAYERS)),
        ("llama.feed_forward_length", count(FEED_FORWARD)),
        ("llama.attention.head_count", count(HEADS)),
        ("llama.attention.layer_norm_rms_epsilon", Meta::Number(1e-5)),
        ("llama.rope.dimension_count", count(WIDTH / HEADS)),
        ("llama.rope.freq_base", Meta::Number(10_000.0)),
        ("llama.vocab_size", count(VOCABULARY)),
        ("tokenizer.ggml.model", Meta::Text("gpt2".to_owned())),
        ("tokenizer.ggml.pre", Meta::Text("qwen2".to_owned())),
        ("tokenizer.ggml.tokens", Meta::Texts(tokens)),
        ("tokenizer.ggml.token_type", Meta::Kinds(types)),
        ("tokenizer.ggml.merges", Meta::Texts(vec![merge])),
        ("tokenizer.ggml.bos_token_id", Meta::Count(END_OF_TEXT)),
        ("tokenizer.ggml.eos_token_id", Meta::Count(END_OF_TURN)),
        ("tokenizer.ggml.add_bos_token", Meta::Flag(false)),
        ("tokenizer.chat_template", Meta::Text(CHATML.to_owned())),
    ]
}

/// The printable characters that stand for the 256 bytes in byte-level
/// vocabularies, in order of the bytes.
fn byte_characters() -> [char; 256] {
    let mut next = 256_u32;
    std::array::from_fn(|byte| {
        let code = match byte {
            33..=126 | 161..=172 | 174..=255 => u32::try_from(byte).unwrap_or(0),
            _ => {
                next += 1;
                next - 1
            }
        };
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
    })
}

/// A value of the metadata.
enum Meta {
    Count(u32),
    Number(f32),
    Flag(bool),
    Text(String),
    Texts(Vec<String>),
    Kinds(Vec<i32>),
}

impl Meta {
    fn write(&self, bytes: &mut Vec<u8>) {
        let number = |bytes: &mut Vec<u8>, kind: u32| bytes.extend(kind.to_le_bytes());
        match self {
            Self::Count(value) => {
                number(bytes, 4);
                bytes.extend(value.to_le_bytes());
            }
            Self::Number(value) => {
                number(bytes, 6);
                bytes.extend(value.to_le_bytes());
            }
            Self::Flag(value) => {
                number(bytes, 7);
                bytes.push(u8::from(*value));
            }
            Self::Text(value) => {
                number(bytes, 8);
                text(bytes, value);
            }
            Self::Texts(values) => {
                number(bytes, 9);
                number(bytes, 8);
                bytes.extend((values.len() as u64).to_le_bytes());
                values.iter().for_each(|value| text(bytes, value));
            }
            Self::Kinds(values) => {
                number(bytes, 9);
                number(bytes, 5);
                bytes.extend((values.len() as u64).to_le_bytes());
                values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
            }
        }
    }
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        write_tiny_model(&file("a"), 1).unwrap();
        write_tiny_model(&file("b"), 1).unwrap();
        write_tiny_model(&file("c"), 2).unwrap();
        let read = |name: &str| std::fs::read(file(name)).unwrap();
        assert_eq!(read("a"), read("b"));
        assert_ne!(read("a"), read("c"));
        assert!((1_000_000..4_000_000).contains(&read("a").len()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }
}
