//! From a model's pieces, which are raw bytes, to text for a reader.

/// Reassembles UTF-8: an incomplete character waits for its other bytes, and
/// what can be no character becomes U+FFFD.
#[derive(Debug, Default)]
struct Utf8 {
    pending: Vec<u8>,
}

impl Utf8 {
    fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        loop {
            let (valid, bad) = match std::str::from_utf8(&self.pending) {
                Ok(_) => (self.pending.len(), None),
                Err(error) => (error.valid_up_to(), error.error_len()),
            };
            text.push_str(&String::from_utf8_lossy(&self.pending[..valid]));
            self.pending.drain(..valid + bad.unwrap_or(0));
            if bad.is_none() {
                return text;
            }
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }

    fn finish(&mut self) -> &'static str {
        if std::mem::take(&mut self.pending).is_empty() { "" } else { "\u{FFFD}" }
    }
}

/// What a piece made visible.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Text that can be shown now; may be empty.
    pub(crate) text: String,
    /// A stop text was met: the answer ends here.
    pub(crate) stopped: bool,
}

/// The text of an answer as it grows. A stop text is never shown: what may be
/// its beginning is held back until the next piece decides.
#[derive(Debug, Default)]
pub(crate) struct AnswerText {
    utf8: Utf8,
    stops: Vec<String>,
    held: String,
    shown: String,
}

impl AnswerText {
    /// An empty answer that ends at any of `stops`.
    pub(crate) fn new(stops: Vec<String>) -> Self {
        let stops = stops.into_iter().filter(|stop| !stop.is_empty()).collect();
        Self { stops, ..Self::default() }
    }

    /// From now on nothing stops the answer and nothing is held back.
    pub(crate) fn ignore_stops(&mut self) {
        self.stops.clear();
    }

    /// Adds a piece.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Shown {
        let text = self.utf8.push(piece);
        self.held.push_str(&text);
        self.look_for_stops()
    }

    /// Everything that is still held back, at the end of the answer.
    pub(crate) fn finish(&mut self) -> Shown {
        let rest = self.utf8.finish();
        self.held.push_str(rest);
        let mut shown = self.look_for_stops();
        self.shown.push_str(&self.held);
        shown.text.push_str(&std::mem::take(&mut self.held));
        shown
    }

    /// All the text that was shown.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    fn look_for_stops(&mut self) -> Shown {
        let stop = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
        let text = match stop {
            Some(at) => {
                let text = self.held[..at].to_owned();
                self.held.clear();
                text
            }
            None => self.held.drain(..self.held.len() - self.possible_stop()).collect(),
        };
        self.shown.push_str(&text);
        Shown { text, stopped: stop.is_some() }
    }

    /// Bytes at the end of the held text that may begin a stop text.
    fn possible_stop(&self) -> usize {
        let begins = |start: usize| {
            self.held
                .get(start..)
                .is_some_and(|end| self.stops.iter().any(|stop| stop.starts_with(end)))
        };
        (0..self.held.len()).find(|start| begins(*start)).map_or(0, |at| self.held.len() - at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &mut AnswerText, pieces: &[&[u8]]) -> Vec<String> {
        pieces.iter().map(|piece| text.push(piece).text).collect()
    }

    #[test]
    fn characters_split_over_pieces_are_reassembled() {
        let mut text = AnswerText::new(vec![]);
        assert_eq!(show(&mut text, &[b"a\xE2", b"\x82", b"\xACb"]), ["a", "", "€b"]);
        assert_eq!(text.finish().text, "");
    }

    #[test]
    fn invalid_bytes_become_replacement_characters() {
        let mut text = AnswerText::new(vec![]);
        assert_eq!(
            show(&mut text, &[b"\xFFa", b"\xE2\x82", b"x\xE2"]),
            ["\u{FFFD}a", "", "\u{FFFD}x"]
        );
        assert_eq!(text.finish().text, "\u{FFFD}");
        assert_eq!(text.shown(), "\u{FFFD}a\u{FFFD}x\u{FFFD}");
    }

    #[test]
    fn a_stop_text_over_several_pieces_is_never_shown() {
        let mut text = AnswerText::new(vec!["STOP".into(), String::new()]);
        assert_eq!(show(&mut text, &[b"one S", b"TO"]), ["one ", ""]);
        let end = text.push(b"Ptwo");
        assert_eq!(end, Shown { text: String::new(), stopped: true });
        assert_eq!(text.finish().text, "");
        assert_eq!(text.shown(), "one ");
    }

    #[test]
    fn what_only_looked_like_a_stop_text_is_released() {
        let mut text = AnswerText::new(vec!["aab".into()]);
        assert_eq!(show(&mut text, &[b"a", b"a", b"a", b"c", b"a"]), ["", "", "a", "aac", ""]);
        assert_eq!(text.finish().text, "a");
    }

    #[test]
    fn the_earliest_of_several_stop_texts_wins() {
        let mut text = AnswerText::new(vec!["b".into(), "é".into()]);
        assert_eq!(text.push("xéb".as_bytes()), Shown { text: "x".into(), stopped: true });
    }
}
