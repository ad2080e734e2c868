//! What a program prints: bounded, and harmless to whoever shows it.

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A program's output, as text without control characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// What it printed; where that was more than the limit, a mark says so at
    /// the end.
    pub text: String,
    /// Whether there was more.
    pub truncated: bool,
}

/// Bytes as they come, up to a limit.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    limit: usize,
    more: bool,
}

impl Buffer {
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, more: false }
    }

    /// Reads to the end. What is too much is read and forgotten, so that the
    /// program goes on as it would.
    pub(super) async fn fill(&mut self, source: &mut (impl AsyncRead + Unpin)) {
        let mut chunk = vec![0; 16 * 1024];
        loop {
            match source.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(read) => {
                    let room = self.limit - self.bytes.len();
                    self.more |= read > room;
                    self.bytes.extend_from_slice(&chunk[..read.min(room)]);
                }
            }
        }
    }

    pub(super) fn captured(&self) -> Captured {
        let mut text = neutralise(&self.bytes);
        if self.more {
            text.push_str(&format!("\n[cut off after {} bytes]", self.limit));
        }
        Captured { text, truncated: self.more }
    }
}

/// Text that moves no cursor, hides nothing and reads in one direction: invalid
/// UTF-8 becomes U+FFFD, control characters but tab and line feed their
/// pictures (U+2400 ff.), invisible and direction-changing ones U+FFFD.
#[must_use]
pub fn neutralise(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n").chars().map(harmless).collect()
}

fn harmless(character: char) -> char {
    match character {
        '\t' | '\n' => character,
        '\0'..='\u{1F}' => char::from_u32(0x2400 + character as u32).unwrap_or('\u{FFFD}'),
        '\u{7F}' => '\u{2421}',
        // C1 controls; zero-width and bidirectional marks; tags; line and
        // paragraph separators.
        '\u{80}'..='\u{9F}'
        | '\u{AD}'
        | '\u{61C}'
        | '\u{180E}'
        | '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FEFF}'
        | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E007F}' => '\u{FFFD}',
        other => other,
    }
}
