//! CSV as RFC 4180 has it, safe to open in a spreadsheet.

use std::fmt::{self, Write as _};

use agentos_store::ResultRecord;

/// A line's end.
const END: &str = "\r\n";
/// What begins a formula in one spreadsheet or another.
const FORMULA: [char; 10] =
    ['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// What a field is put into quotes for.
const QUOTED: [char; 7] = [',', '"', '\r', '\n', '\'', ';', '\t'];

/// A value of a row.
pub(super) enum Field<'a> {
    /// Text from elsewhere: it can never be a formula.
    Text(&'a str),
    /// What is made here and holds only digits, signs, points, colons, letters:
    /// numbers, times, words of a fixed vocabulary. A credit stays a number.
    Plain(&'a dyn fmt::Display),
    /// Nothing.
    Null,
}

/// Adds a row.
pub(super) fn row(out: &mut String, fields: &[Field<'_>]) {
    for (number, field) in fields.iter().enumerate() {
        if number > 0 {
            out.push(',');
        }
        push(out, field);
    }
    out.push_str(END);
}

/// The row with the columns' names.
pub(super) fn header(names: &[&str]) -> String {
    names.join(",") + END
}

fn push(out: &mut String, field: &Field<'_>) {
    match field {
        // Writing to a text cannot fail.
        Field::Plain(value) => drop(write!(out, "{value}")),
        Field::Null => {}
        // A formula becomes a text by an apostrophe, which is the convention.
        Field::Text(text) if text.trim_start_matches(' ').starts_with(FORMULA) => {
            quoted(out, "'", text);
        }
        Field::Text(text) if text.contains(QUOTED) => quoted(out, "", text),
        Field::Text(text) => out.push_str(text),
    }
}

fn quoted(out: &mut String, before: &str, text: &str) {
    out.push('"');
    out.push_str(before);
    for (number, part) in text.split('"').enumerate() {
        if number > 0 {
            out.push_str("\"\"");
        }
        out.push_str(part);
    }
    out.push('"');
}

/// The columns of the plain form.
pub(super) fn results_header(raw_json: bool) -> String {
    let names = ["provider", "date", "tokens", "cost", "created_at", "raw_json"];
    header(if raw_json { &names } else { &names[..5] })
}

/// Adds a result in the plain form.
pub(super) fn results_row(out: &mut String, result: &ResultRecord, raw_json: bool) {
    let fields = [
        Field::Text(&result.provider),
        Field::Plain(&result.date),
        Field::Plain(&result.tokens),
        Field::Plain(&result.cost),
        Field::Plain(&result.created_at),
        Field::Text(result.raw_json.as_deref().unwrap_or_default()),
    ];
    row(out, if raw_json { &fields } else { &fields[..5] });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_and_never_a_formula() {
        for (text, written) in [
            ("OpenAI", "OpenAI"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("  =1", "\"'  =1\""),
            ("\u{ff1d}1", "\"'\u{ff1d}1\""),
            ("=cmd|'/c calc'!\"A\"", "\"'=cmd|'/c calc'!\"\"A\"\"\""),
            ("", ""),
        ] {
            let mut out = String::new();
            push(&mut out, &Field::Text(text));
            assert_eq!(out, written, "{text:?}");
        }
        let mut out = String::new();
        // A credit is a number and stays one.
        row(&mut out, &[Field::Text("a"), Field::Null, Field::Plain(&"-0.5")]);
        assert_eq!(out, "a,,-0.5\r\n");
    }
}
