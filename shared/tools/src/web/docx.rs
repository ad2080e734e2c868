//! The text of a DOCX file (ECMA-376): the main part of a ZIP archive.

use std::io::{Cursor, Read as _};

use agentos_domain::ToolError;
use quick_xml::events::Event;
use quick_xml::reader::Reader;
use zip::ZipArchive;

/// The most bytes that the main part is unpacked to.
const MAX_XML: u64 = 32 * 1024 * 1024;
const MAIN_PART: &str = "word/document.xml";

fn damaged() -> ToolError {
    ToolError::new("damaged_document", "the document is damaged: ask for another copy of it")
}

/// The text of the paragraphs, a line each; headings are marked as in Markdown.
pub(super) fn text(bytes: &[u8]) -> Result<String, ToolError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| damaged())?;
    let part = archive.by_name(MAIN_PART).map_err(|_| {
        let message = "the archive holds no Word document: this tool reads PDF, DOCX and HTML";
        ToolError::new("unknown_document", message)
    })?;
    let mut xml = Vec::new();
    // What the archive says about sizes is not believed.
    part.take(MAX_XML + 1).read_to_end(&mut xml).map_err(|_| damaged())?;
    if xml.len() as u64 > MAX_XML {
        let message = format!("the document unpacks to more than {} MiB", MAX_XML >> 20);
        return Err(ToolError::new("document_too_large", message));
    }
    let xml = String::from_utf8(xml).map_err(|_| damaged())?;
    paragraphs(&xml)
}

fn paragraphs(xml: &str) -> Result<String, ToolError> {
    let mut reader = Reader::from_str(xml);
    let (mut text, mut in_text) = (String::new(), false);
    loop {
        match reader.read_event().map_err(|_| damaged())? {
            Event::Eof => return Ok(text.trim_end().to_owned()),
            Event::Start(tag) => match tag.local_name().as_ref() {
                "t" => in_text = true,
                "pStyle" => heading(&tag, &mut text),
                _ => {}
            },
            Event::Empty(tag) => match tag.local_name().as_ref() {
                "tab" => text.push('\t'),
                "br" | "cr" => text.push('\n'),
                "pStyle" => heading(&tag, &mut text),
                _ => {}
            },
            Event::End(tag) => match tag.local_name().as_ref() {
                "t" => in_text = false,
                "p" | "tr" => text.push('\n'),
                "tc" => {
                    // The paragraph of a cell does not end the row.
                    while text.ends_with('\n') {
                        text.pop();
                    }
                    text.push('\t');
                }
                _ => {}
            },
            Event::Text(part) if in_text => text.push_str(&part),
            Event::CData(part) if in_text => text.push_str(&part),
            Event::GeneralRef(part) if in_text => {
                let known = match part.as_ref() {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => part.resolve_char_ref().map_err(|_| damaged())?,
                };
                // No other entity is expanded.
                text.extend(known);
            }
            _ => {}
        }
    }
}

/// Marks the paragraph whose style is one of headings.
fn heading(tag: &quick_xml::events::BytesStart<'_>, text: &mut String) {
    for attribute in tag.attributes().flatten() {
        if attribute.key.local_name().as_ref() != "val" {
            continue;
        }
        let level = attribute.value.strip_prefix("Heading").map(str::parse::<usize>);
        if let Some(Ok(level @ 1..=6)) = level {
            text.push_str(&"#".repeat(level));
            text.push(' ');
        }
    }
}
