//! `file_read`: the text of a file, a page at a time.
//!
//! A page ends at a line's end. Only a line that is longer than a page is cut,
//! and then `next` names the byte to go on from.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use agentos_domain::{RelPath, ToolError, ToolSpec};
use agentos_sandbox::{GrantedRoot, SandboxError};
use cap_std::fs::File;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::arguments::{self, MAX_PATH};
use crate::{Tool, ToolContext, blocking};

/// The most bytes of content in one answer.
const PAGE: usize = 64 * 1024;
/// How much of a file is looked at to tell text from other data.
const PROBE: u64 = 8 * 1024;
/// Beyond this byte `next` names the byte too, so that no call counts its way there.
const FAR: u64 = 16 * 1024 * 1024;
/// The most bytes that a call counts lines in to find its first.
const MAX_SKIP: u64 = 256 * 1024 * 1024;
const DEFAULT_LINES: u64 = 1000;

/// The tool `file_read`.
#[derive(Debug)]
pub struct FileRead {
    spec: ToolSpec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    offset_line: Option<u64>,
    offset_byte: Option<u64>,
    max_lines: Option<u64>,
}

impl Default for FileRead {
    fn default() -> Self {
        let properties = json!({
            "path": {
                "type": "string", "minLength": 1, "maxLength": MAX_PATH,
                "description": "file, relative to the workspace",
            },
            "offset_line": {
                "type": "integer", "minimum": 1, "maximum": 1_000_000_000_000_u64,
                "description": "first line wanted, from 1",
            },
            "offset_byte": {
                "type": "integer", "minimum": 0, "maximum": 1_000_000_000_000_000_u64,
                "description": "only together with offset_line, as `next` of an earlier call says",
            },
            "max_lines": {
                "type": "integer", "minimum": 1, "maximum": 100_000,
                "description": "the most lines, 1000 by default",
            },
        });
        let description = "Reads a text file, whole if it is small, else a page of at most \
            64 KiB; for the rest repeat the call with what `next` says";
        let mut spec = arguments::reading_spec("file_read", description, properties, &["path"]);
        if let Value::Object(schema) = &mut spec.parameters {
            let dependent = json!({ "offset_byte": ["offset_line"] });
            schema.insert("dependentRequired".to_owned(), dependent);
        }
        Self { spec }
    }
}

#[async_trait::async_trait]
impl Tool for FileRead {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<Value, ToolError> {
        let arguments = arguments::parse(arguments)?;
        blocking::run(context, move |root, cancel| read(root, cancel, &arguments)).await
    }
}

/// A file being read, with what every step needs.
struct Source<'a> {
    reader: BufReader<File>,
    path: &'a RelPath,
    cancel: &'a CancellationToken,
}

/// A part of a file.
struct Page {
    content: Vec<u8>,
    /// Whether the file ends here.
    at_end: bool,
}

fn read(
    root: &GrantedRoot,
    cancel: &CancellationToken,
    arguments: &Arguments,
) -> Result<Value, ToolError> {
    let path = arguments::file_path(&arguments.path)?;
    let file = root.open(&path)?;
    let mut source = Source { reader: BufReader::with_capacity(PAGE, file), path: &path, cancel };
    source.refuse_binary()?;
    let first = arguments.offset_line.unwrap_or(1).max(1);
    let start = match arguments.offset_byte {
        Some(byte) => byte,
        None => source.find_line(first)?,
    };
    source.seek(start)?;
    let page = source.page(arguments.max_lines.unwrap_or(DEFAULT_LINES))?;
    if page.content.is_empty() && (first > 1 || start > 0) {
        let message = format!("`{path}` ends before line {first}: ask for an earlier line");
        return Err(ToolError::new("offset_past_end", message));
    }
    Ok(answer(&path, first, start, &page))
}

fn answer(path: &RelPath, first: u64, start: u64, page: &Page) -> Value {
    let breaks = count(&page.content);
    let cut = page.content.last().is_some_and(|byte| *byte != b'\n');
    let last = first + breaks + u64::from(cut) - 1;
    let end = start + page.content.len() as u64;
    let mut result = Map::new();
    let mut put = |key: &str, value: Value| result.insert(key.to_owned(), value);
    put("path", json!(path));
    put("content", String::from_utf8_lossy(&page.content).into());
    put("first_line", first.into());
    put("last_line", last.into());
    put("truncated", (!page.at_end).into());
    if page.at_end {
        put("total_lines", last.into());
    } else {
        let line = if cut { last } else { last + 1 };
        let byte = if cut || end > FAR { format!(" and offset_byte {end}") } else { String::new() };
        put("next", format!("file_read with offset_line {line}{byte}").into());
    }
    Value::Object(result)
}

fn count(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

impl Source<'_> {
    fn fail(&self, source: std::io::Error) -> ToolError {
        SandboxError::Io { path: self.path.as_str().to_owned(), source }.into()
    }

    fn seek(&mut self, byte: u64) -> Result<(), ToolError> {
        self.reader.seek(SeekFrom::Start(byte)).map(|_| ()).map_err(|e| self.fail(e))
    }

    fn refuse_binary(&mut self) -> Result<(), ToolError> {
        let mut head = Vec::new();
        let read = self.reader.by_ref().take(PROBE).read_to_end(&mut head);
        read.map_err(|e| self.fail(e))?;
        if head.contains(&0) {
            let message =
                format!("`{}` is not text: use metadata_extract for what it is", self.path);
            return Err(ToolError::new("binary_file", message));
        }
        Ok(())
    }

    /// The byte at which a line begins; the end of the file where it has no
    /// such line.
    fn find_line(&mut self, line: u64) -> Result<u64, ToolError> {
        self.seek(0)?;
        let (mut byte, mut left) = (0, line - 1);
        while left > 0 {
            blocking::check(self.cancel)?;
            if byte >= MAX_SKIP {
                let message = format!(
                    "line {line} of `{}` lies beyond the first {} MiB: read on from an earlier \
                     line by `next`, or use file_search",
                    self.path,
                    MAX_SKIP >> 20
                );
                return Err(ToolError::new("too_far", message));
            }
            let chunk = match self.reader.fill_buf() {
                Ok([]) => break,
                Ok(chunk) => chunk,
                Err(error) => return Err(self.fail(error)),
            };
            let breaks = count(chunk);
            let used = if breaks < left {
                left -= breaks;
                chunk.len()
            } else {
                let ends = chunk.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
                let last = ends.map(|(index, _)| index + 1).nth(left as usize - 1);
                left = 0;
                last.unwrap_or(chunk.len())
            };
            byte += used as u64;
            self.reader.consume(used);
        }
        Ok(byte)
    }

    fn page(&mut self, max_lines: u64) -> Result<Page, ToolError> {
        let mut content = Vec::new();
        let mut lines = 0;
        while content.len() < PAGE && lines < max_lines {
            blocking::check(self.cancel)?;
            let chunk = match self.reader.fill_buf() {
                Ok([]) => return Ok(Page { content, at_end: true }),
                Ok(chunk) => chunk,
                Err(error) => return Err(self.fail(error)),
            };
            let room = chunk.get(..PAGE - content.len()).unwrap_or(chunk);
            let line = room.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
            lines += count(line);
            content.extend_from_slice(line);
            let used = line.len();
            self.reader.consume(used);
        }
        let at_end = match self.reader.fill_buf() {
            Ok(rest) => rest.is_empty(),
            Err(error) => return Err(self.fail(error)),
        };
        if !at_end {
            cut(&mut content);
        }
        Ok(Page { content, at_end })
    }
}

/// Drops the begun line at the end, or, where there is no other, the begun
/// character.
fn cut(content: &mut Vec<u8>) {
    if let Some(end) = content.iter().rposition(|byte| *byte == b'\n') {
        content.truncate(end + 1);
        return;
    }
    for back in 1..=3.min(content.len().saturating_sub(1)) {
        let index = content.len() - back;
        let width = match content.get(index) {
            Some(0xC0..=0xDF) => 2,
            Some(0xE0..=0xEF) => 3,
            Some(0xF0..=0xF7) => 4,
            Some(0x80..=0xBF) => continue,
            _ => 1,
        };
        if width > back {
            content.truncate(index);
        }
        return;
    }
}
