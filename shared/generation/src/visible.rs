//! What of a model's text is for those who read it.

/// What opens a tool call in a model's text.
pub const CALL_OPENS: &str = "<tool_call>";

/// The part of a model's text that is no call of a tool: a call comes whole at
/// the end.
#[derive(Debug)]
pub struct Visible {
    /// Whether there can be any.
    calls: bool,
    /// What may be the beginning of one.
    held: String,
    /// Whether one has begun.
    begun: bool,
}

impl Visible {
    /// Of an answer in which there can be calls, or not.
    #[must_use]
    pub fn new(calls: bool) -> Self {
        Self { calls, held: String::new(), begun: false }
    }

    /// What can be shown after this piece.
    pub fn push(&mut self, text: &str) -> String {
        if !self.calls {
            return text.to_owned();
        }
        if self.begun {
            return String::new();
        }
        self.held.push_str(text);
        if let Some(at) = self.held.find(CALL_OPENS) {
            self.begun = true;
            self.held.truncate(at);
            return std::mem::take(&mut self.held);
        }
        let may_open =
            (1..CALL_OPENS.len()).rev().find(|length| self.held.ends_with(&CALL_OPENS[..*length]));
        let keep = self.held.len() - may_open.unwrap_or(0);
        self.held.drain(..keep).collect()
    }

    /// What is left at the end.
    pub fn rest(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pieces: &[&str]) -> String {
        let mut visible = Visible::new(true);
        let mut text: String = pieces.iter().map(|piece| visible.push(piece)).collect();
        text.push_str(&visible.rest());
        text
    }

    #[test]
    fn a_call_is_no_text_however_it_is_cut() {
        let text = "so: <tool_call>\n{}\n</tool_call>";
        for cut in 0..text.len() {
            assert_eq!(shown(&[&text[..cut], &text[cut..]]), "so: ", "{cut}");
        }
        assert_eq!(shown(&["a < b", " <tool", "box>"]), "a < b <toolbox>");
        assert_eq!(Visible::new(false).push("<tool_call>"), "<tool_call>");
    }
}
