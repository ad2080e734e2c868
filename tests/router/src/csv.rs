//! Comma-separated values, as RFC 4180 has them.

/// The records of a text. A field between quotation marks may hold commas,
/// line ends and doubled quotation marks.
pub(crate) fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '"' if quoted && signs.peek() == Some(&'"') => {
                signs.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            _ if quoted => field.push(sign),
            ',' => record.push(std::mem::take(&mut field)),
            '\r' if signs.peek() == Some(&'\n') => {}
            '\n' => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            _ => field.push(sign),
        }
    }
    if !field.is_empty() || !record.is_empty() {
        record.push(field);
        records.push(record);
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_fields_hold_anything() {
        let text = "a,\"b, \"\"c\"\"\nd\",e\r\n1,,\n\"x\"";
        let expected = vec![vec!["a", "b, \"c\"\nd", "e"], vec!["1", "", ""], vec!["x"]];
        assert_eq!(records(text), expected);
        assert!(records("").is_empty());
    }
}
