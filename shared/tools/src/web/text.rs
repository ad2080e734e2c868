//! From bytes to text.

use encoding_rs::Encoding;

/// How far into a page its own word on its encoding is looked for (HTML
/// standard, 13.2.3.2).
const HEAD: usize = 1024;

/// The text of bytes: by a byte order mark, else by what the server says, else
/// by what the page says, else as UTF-8. What fits nothing becomes U+FFFD.
pub(super) fn decode(bytes: &[u8], content_type: Option<&str>) -> String {
    let label = content_type.and_then(charset).or_else(|| {
        let head = bytes.get(..HEAD).unwrap_or(bytes);
        charset(&String::from_utf8_lossy(head))
    });
    let encoding = label.and_then(|label| Encoding::for_label(label.as_bytes()));
    let (text, _, _) = encoding.unwrap_or(encoding_rs::UTF_8).decode(bytes);
    text.into_owned()
}

/// What stands after `charset=`.
fn charset(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let (_, rest) = lower.split_once("charset=")?;
    let rest = rest.trim_start_matches(['"', '\'', ' ']);
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-_:.+".contains(c));
    rest.get(..end.unwrap_or(rest.len())).map(str::to_owned)
}
