//! `file_search`: lines that match a pattern, found by ripgrep's libraries.
//!
//! A search ends at its limits of matches, text, files or bytes; its cursor
//! (`after`) is the last line that was shown, `path:line`, or the last file
//! that was searched to its end, `path:end`.

use std::io::{self, Read};

use agentos_domain::{RelPath, ToolError, ToolSpec};
use agentos_sandbox::{FileKind, GrantedRoot, WalkEntry, WalkOptions};
use cap_std::fs::File;
use grep_matcher::{LineTerminator, Matcher};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkMatch};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::glob::{self, Glob};
use crate::arguments::{self, MAX_PATH};
use crate::{Tool, ToolContext, blocking};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
/// The most bytes of matching lines in one answer.
const MAX_TEXT: usize = 64 * 1024;
/// The most bytes that are shown of one line.
const MAX_LINE: usize = 400;
/// What is shown before the match in a line that is cut.
const LEAD: usize = 100;
/// Larger files are not searched.
const MAX_FILE: u64 = 256 * 1024 * 1024;
/// The most bytes of files that one call searches.
const MAX_BYTES: u64 = 1024 * 1024 * 1024;
/// The longest line that can be searched, since it is held in memory.
const MAX_HEAP: usize = 8 * 1024 * 1024;
/// The most files that an answer names as not searched.
const MAX_SKIPPED: usize = 20;

/// The tool `file_search`.
#[derive(Debug)]
pub struct FileSearch {
    spec: ToolSpec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    pattern: String,
    path: Option<String>,
    glob: Option<String>,
    #[serde(default)]
    literal: bool,
    #[serde(default)]
    case_sensitive: bool,
    limit: Option<usize>,
    after: Option<String>,
}

impl Default for FileSearch {
    fn default() -> Self {
        let properties = json!({
            "pattern": {
                "type": "string", "minLength": 1, "maxLength": 1024,
                "description": "regular expression, matched line by line",
            },
            "path": {
                "type": "string", "maxLength": MAX_PATH,
                "description": "file or folder to search; leave out for the whole workspace",
            },
            "glob": glob::schema(),
            "literal": { "type": "boolean", "description": "the pattern is plain text" },
            "case_sensitive": { "type": "boolean", "description": "false by default" },
            "limit": {
                "type": "integer", "minimum": 1, "maximum": MAX_LIMIT,
                "description": "the most matching lines, 100 by default",
            },
            "after": {
                "type": "string", "maxLength": MAX_PATH + 24,
                "description": "as `next` of an earlier call says",
            },
        });
        let description = "Searches text files for a pattern and gives the matching lines and \
            their number; for the rest repeat the call with what `next` says";
        let required = ["pattern"];
        Self { spec: arguments::reading_spec("file_search", description, properties, &required) }
    }
}

#[async_trait::async_trait]
impl Tool for FileSearch {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<Value, ToolError> {
        let arguments = arguments::parse(arguments)?;
        blocking::run(context, move |root, cancel| search(root, cancel, &arguments)).await
    }
}

/// Where an earlier search ended.
struct Cursor {
    path: RelPath,
    line: u64,
}

/// A search under way.
struct Search<'a> {
    root: &'a GrantedRoot,
    cancel: &'a CancellationToken,
    matcher: RegexMatcher,
    searcher: Searcher,
    glob: Option<Glob>,
    after: Option<Cursor>,
    limit: usize,
    matches: Vec<Value>,
    text: usize,
    bytes: u64,
    files: u64,
    skipped: Vec<Value>,
    skipped_more: u64,
    /// Where to go on; set when a limit is met.
    next: Option<String>,
    /// The last place that was looked at.
    reached: String,
}

fn search(
    root: &GrantedRoot,
    cancel: &CancellationToken,
    arguments: &Arguments,
) -> Result<Value, ToolError> {
    let path = arguments::any_path(arguments.path.as_deref())?;
    let after =
        arguments.after.as_deref().filter(|text| !text.is_empty()).map(cursor).transpose()?;
    if after.as_ref().is_some_and(|after| !arguments::lies_in(&after.path, path.as_ref())) {
        let message = "`after` does not lie in `path`: give both as in the earlier call";
        return Err(ToolError::new("invalid_arguments", message));
    }
    let from = after.as_ref().map(|after| after.path.clone());
    let mut search = Search::new(root, cancel, arguments, after)?;
    match (root.metadata(path.as_ref())?, path) {
        (info, Some(path)) if info.kind == FileKind::File => {
            search.visit(&WalkEntry { path, info })?;
        }
        (_, path) => {
            let options = WalkOptions { from, ..WalkOptions::default() };
            let mut walk = root.walk(path.as_ref(), options)?;
            for entry in walk.by_ref() {
                search.visit(&entry)?;
                if search.next.is_some() {
                    break;
                }
            }
            if walk.truncated() && search.next.is_none() {
                search.next = Some(std::mem::take(&mut search.reached));
            }
            search.skipped_more += walk.skipped();
        }
    }
    Ok(search.answer())
}

fn cursor(text: &str) -> Result<Cursor, ToolError> {
    let invalid = || {
        ToolError::new("invalid_arguments", "`after` is not what `next` of an earlier call said")
    };
    let (path, line) = text.rsplit_once(':').ok_or_else(invalid)?;
    let line = if line == "end" { u64::MAX } else { line.parse().map_err(|_| invalid())? };
    Ok(Cursor { path: arguments::file_path(path)?, line })
}

fn matcher(arguments: &Arguments) -> Result<RegexMatcher, ToolError> {
    RegexMatcherBuilder::new()
        .case_insensitive(!arguments.case_sensitive)
        .fixed_strings(arguments.literal)
        .multi_line(true)
        .crlf(true)
        .build(&arguments.pattern)
        .map_err(|error| {
            let reason: String = error.to_string().chars().take(500).collect();
            let message = format!("{reason}: correct the pattern, or set literal for plain text");
            ToolError::new("invalid_pattern", message)
        })
}

impl<'a> Search<'a> {
    fn new(
        root: &'a GrantedRoot,
        cancel: &'a CancellationToken,
        arguments: &Arguments,
        after: Option<Cursor>,
    ) -> Result<Self, ToolError> {
        let searcher = SearcherBuilder::new()
            .line_number(true)
            .line_terminator(LineTerminator::crlf())
            .heap_limit(Some(MAX_HEAP))
            .binary_detection(BinaryDetection::quit(0))
            .build();
        Ok(Self {
            root,
            cancel,
            matcher: matcher(arguments)?,
            searcher,
            glob: arguments.glob.as_deref().map(Glob::new).transpose()?,
            after,
            limit: arguments.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT),
            matches: Vec::new(),
            text: 0,
            bytes: 0,
            files: 0,
            skipped: Vec::new(),
            skipped_more: 0,
            next: None,
            reached: String::new(),
        })
    }

    fn visit(&mut self, entry: &WalkEntry) -> Result<(), ToolError> {
        blocking::check(self.cancel)?;
        let wanted = self.glob.as_ref().is_none_or(|glob| glob.matches(&entry.path));
        if entry.info.kind == FileKind::File && wanted {
            if entry.info.size > MAX_FILE {
                self.skip(&entry.path, "larger than 256 MiB: use file_read");
            } else if self.files > 0 && self.bytes + entry.info.size > MAX_BYTES {
                self.next = Some(std::mem::take(&mut self.reached));
                return Ok(());
            } else {
                self.file(&entry.path, entry.info.size)?;
            }
        }
        self.reached = format!("{}:end", entry.path);
        Ok(())
    }

    fn file(&mut self, path: &RelPath, size: u64) -> Result<(), ToolError> {
        let shown = match &self.after {
            Some(after) if after.path == *path => after.line,
            _ => 0,
        };
        if shown == u64::MAX {
            return Ok(());
        }
        let file = match self.root.open(path) {
            Ok(file) => file,
            Err(error) => {
                self.skip(path, &error.to_string());
                return Ok(());
            }
        };
        self.files += 1;
        self.bytes += size;
        let reader = Watched { file: file.take(MAX_FILE), cancel: self.cancel };
        let (matcher, mut searcher) = (self.matcher.clone(), self.searcher.clone());
        let mut hits = Hits { search: self, path, shown };
        let searched = searcher.search_reader(&matcher, reader, &mut hits);
        blocking::check(self.cancel)?;
        if searched.is_err() {
            self.skip(path, "not searched to its end: unreadable, or a line over 8 MiB");
        }
        Ok(())
    }

    fn skip(&mut self, path: &RelPath, reason: &str) {
        if self.skipped.len() < MAX_SKIPPED {
            self.skipped.push(json!({ "path": path, "reason": reason }));
        } else {
            self.skipped_more += 1;
        }
    }

    fn answer(self) -> Value {
        // The matching lines of a file follow one another.
        let mut files: Vec<_> = self.matches.iter().map(|found| found.get("path")).collect();
        files.dedup();
        let (lines, files) = (self.matches.len(), files.len());
        let mut result = json!({
            "matches": self.matches,
            "matching_lines": lines,
            "matching_files": files,
            "files_searched": self.files,
            "truncated": self.next.is_some(),
        });
        if let Some(next) = self.next {
            result["next"] = format!("file_search with after \"{next}\"").into();
        }
        if !self.skipped.is_empty() {
            result["skipped"] = self.skipped.into();
        }
        if self.skipped_more > 0 {
            result["skipped_more"] = self.skipped_more.into();
        }
        result
    }
}

/// A reader that fails once the call is cancelled.
struct Watched<'a> {
    file: io::Take<File>,
    cancel: &'a CancellationToken,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        self.file.read(buffer)
    }
}

/// Takes the matching lines of one file.
struct Hits<'s, 'a> {
    search: &'s mut Search<'a>,
    path: &'s RelPath,
    /// Lines up to this one were shown by earlier calls.
    shown: u64,
}

impl Sink for Hits<'_, '_> {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> Result<bool, io::Error> {
        let line = found.line_number().unwrap_or(0);
        if line <= self.shown {
            return Ok(true);
        }
        let search = &mut *self.search;
        if search.matches.len() >= search.limit || search.text >= MAX_TEXT {
            search.next = Some(std::mem::take(&mut search.reached));
            return Ok(false);
        }
        let text = excerpt(&search.matcher, found.bytes());
        search.text += text.len();
        search.matches.push(json!({ "path": self.path, "line": line, "text": text }));
        search.reached = format!("{}:{line}", self.path);
        Ok(true)
    }
}

/// A line as it is shown: the part around the match if it is long.
fn excerpt(matcher: &RegexMatcher, line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() <= MAX_LINE {
        return String::from_utf8_lossy(line).into_owned();
    }
    let start = matcher.find(line).ok().flatten().map_or(0, |found| found.start());
    let from = if start + LEAD < MAX_LINE { 0 } else { start - LEAD };
    let to = line.len().min(from + MAX_LINE);
    // The cut may go through a character, which then shows as U+FFFD.
    let shown = String::from_utf8_lossy(line.get(from..to).unwrap_or_default());
    let shown = shown.trim_matches('\u{FFFD}');
    let (before, after) = (if from > 0 { "…" } else { "" }, if to < line.len() { "…" } else { "" });
    format!("{before}{shown}{after}")
}
