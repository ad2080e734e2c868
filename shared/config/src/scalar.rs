//! What a scalar of YAML means, by the core schema of YAML 1.2.

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without quotes: `7777`, `true`, `text`.
    Plain,
    /// With quotes, or a block: always text.
    Quoted,
    /// From the environment: whatever the setting wants it to be.
    Untyped,
}

/// A scalar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) style: Style,
}

/// What a scalar is, where its setting does not say so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Found {
    Null,
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text,
}

impl Found {
    /// For "expected …, found …".
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Integer(_) => "a whole number",
            Self::Number(_) => "a number",
            Self::Text => "text",
        }
    }
}

impl Scalar {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: Style::Plain }
    }

    /// The meaning. Untyped text is taken for the most special that it can be.
    pub(crate) fn found(&self) -> Found {
        let text = match self.style {
            Style::Quoted => return Found::Text,
            Style::Plain => self.text.as_str(),
            Style::Untyped => self.text.trim(),
        };
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Found::Null,
            "true" | "True" | "TRUE" => return Found::Bool(true),
            "false" | "False" | "FALSE" => return Found::Bool(false),
            _ => {}
        }
        if let Some(integer) = integer(text) {
            return Found::Integer(integer);
        }
        number(text).map_or(Found::Text, Found::Number)
    }
}

fn integer(text: &str) -> Option<i64> {
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok();
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).ok();
    }
    text.parse().ok()
}

fn number(text: &str) -> Option<f64> {
    let known = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
    if !text.chars().all(known) {
        return None;
    }
    text.parse().ok()
}
