//! CSV as RFC 4180 has it, safe to open in a spreadsheet.

use agentos_store::ResultRecord;

/// A line's end.
const END: &str = "\r\n";
/// What begins a formula in one spreadsheet or another.
const FORMULA: [char; 10] =
    ['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A value of a row.
pub(super) enum Field<'a> {
    /// Text from elsewhere: it can never be a formula.
    Text(&'a str),
    /// What is made here and holds only digits, signs, points, colons, letters:
    /// numbers, times, words of a fixed vocabulary. A credit stays a number.
    Plain(String),
    /// Nothing.
    Null,
}

/// One row.
pub(super) fn row(fields: &[Field<'_>]) -> String {
    let written: Vec<String> = fields.iter().map(field).collect();
    written.join(",") + END
}

/// The row with the columns' names.
pub(super) fn header(names: &[&str]) -> String {
    names.join(",") + END
}

fn field(field: &Field<'_>) -> String {
    match field {
        Field::Plain(text) => text.clone(),
        Field::Null => String::new(),
        // A formula becomes a text by an apostrophe, which is the convention.
        Field::Text(text) if text.trim_start_matches(' ').starts_with(FORMULA) => {
            quoted(&format!("'{text}"))
        }
        Field::Text(text) => quoted(text),
    }
}

/// In quotes where it must be.
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\r', '\n', '\'', ';', '\t']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// The columns of the plain form.
pub(super) fn results_header(raw_json: bool) -> String {
    let names = ["provider", "date", "tokens", "cost", "created_at", "raw_json"];
    header(if raw_json { &names } else { &names[..5] })
}

/// A result in the plain form.
pub(super) fn results_row(result: &ResultRecord, raw_json: bool) -> String {
    let raw = Field::Text(result.raw_json.as_deref().unwrap_or_default());
    let fields = [
        Field::Text(&result.provider),
        Field::Plain(result.date.to_string()),
        Field::Plain(result.tokens.to_string()),
        Field::Plain(result.cost.to_string()),
        Field::Plain(result.created_at.to_string()),
        raw,
    ];
    row(if raw_json { &fields } else { &fields[..5] })
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
            assert_eq!(field(&Field::Text(text)), written, "{text:?}");
        }
        // A credit is a number and stays one.
        assert_eq!(field(&Field::Plain("-0.5".to_owned())), "-0.5");
        assert_eq!(row(&[Field::Text("a"), Field::Null, Field::Text("b")]), "a,,b\r\n");
    }
}
