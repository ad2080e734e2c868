//! The text of an HTML page, with its headings, lists and links.

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{HtmlString, StartTag, Token, Tokenizer};
use url::Url;

/// The most bytes of text that a page becomes.
const MAX_TEXT: usize = 4 * 1024 * 1024;
/// Longer addresses are left out.
const MAX_LINK: usize = 500;
/// The most characters of a title.
const MAX_TITLE: usize = 200;

/// What nobody reads.
const SKIPPED: [&str; 7] = ["script", "style", "template", "svg", "iframe", "object", "canvas"];
/// What begins and ends a line.
const BLOCKS: [&str; 30] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "option",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tbody",
    "tr",
    "ul",
];

/// What a page says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) title: Option<String>,
    pub(crate) text: String,
}

/// The text of a page. Links are written as in Markdown, relative to `base`.
pub(crate) fn read(html: &str, base: Option<&Url>) -> Page {
    let mut emitter = DefaultEmitter::default();
    // What is in a script is no tag.
    emitter.naively_switch_states(true);
    let mut writer = Writer { base, ..Writer::default() };
    for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
        match token {
            Token::StartTag(tag) => writer.start(&tag),
            Token::EndTag(tag) => writer.end(&name_of(&tag.name)),
            Token::String(text) => writer.text(&String::from_utf8_lossy(&text)),
            _ => {}
        }
        if writer.text.len() > MAX_TEXT {
            break;
        }
    }
    writer.finish()
}

fn name_of(name: &HtmlString) -> String {
    String::from_utf8_lossy(name).into_owned()
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    let found = tag.attributes.get(name.as_bytes())?;
    Some(String::from_utf8_lossy(&found.value).trim().to_owned())
}

#[derive(Debug, Default)]
struct Writer<'a> {
    base: Option<&'a Url>,
    text: String,
    title: Option<String>,
    in_title: bool,
    /// The element that is skipped, and how often it was opened.
    skipped: Option<(String, usize)>,
    /// How many `pre` are open.
    kept_as_is: usize,
    /// The link that is open: where its text begins and where it leads.
    link: Option<(usize, String)>,
    space: bool,
    lines: usize,
}

impl Writer<'_> {
    fn start(&mut self, tag: &StartTag<()>) {
        let name = name_of(&tag.name);
        if let Some((skipped, depth)) = &mut self.skipped {
            *depth += usize::from(*skipped == name);
            return;
        }
        match name.as_str() {
            "pre" => self.kept_as_is += 1,
            "title" => self.in_title = true,
            _ => {}
        }
        if SKIPPED.contains(&name.as_str()) && !tag.self_closing {
            self.skipped = Some((name, 1));
            return;
        }
        self.open(&name, tag);
    }

    fn open(&mut self, name: &str, tag: &StartTag<()>) {
        if let Some(level) = heading(name) {
            self.end_line(2);
            self.write(&format!("{} ", "#".repeat(level)));
        } else if name == "li" {
            self.end_line(1);
            self.write("- ");
        } else if matches!(name, "td" | "th") {
            self.space = true;
        } else if BLOCKS.contains(&name) {
            self.end_line(if name == "p" { 2 } else { 1 });
        } else if name == "img"
            && let Some(alt) = attribute(tag, "alt").filter(|alt| !alt.is_empty())
        {
            self.text(&format!("[image: {alt}]"));
        } else if name == "a" {
            self.close_link();
            if let Some(target) = attribute(tag, "href").and_then(|href| self.target(&href)) {
                self.flush();
                self.link = Some((self.text.len(), target));
            }
        }
    }

    fn end(&mut self, name: &str) {
        self.in_title &= name != "title";
        if let Some((skipped, depth)) = &mut self.skipped {
            if skipped == name {
                *depth -= 1;
                if *depth == 0 {
                    self.skipped = None;
                }
            }
            return;
        }
        match name {
            "a" => self.close_link(),
            "pre" => {
                self.kept_as_is = self.kept_as_is.saturating_sub(1);
                self.end_line(1);
            }
            "td" | "th" => self.write("\t"),
            _ if heading(name).is_some() || name == "p" => self.end_line(2),
            _ if BLOCKS.contains(&name) => self.end_line(1),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.in_title {
            let title = self.title.get_or_insert_default();
            title.push_str(text);
            return;
        }
        if self.skipped.is_some() {
            return;
        }
        if self.kept_as_is > 0 {
            self.write(text);
            return;
        }
        let mut words = text.split_whitespace().peekable();
        self.space |= text.starts_with(char::is_whitespace);
        while let Some(word) = words.next() {
            self.write(word);
            self.space = words.peek().is_some() || text.ends_with(char::is_whitespace);
        }
    }

    /// Spaces and line ends that are due.
    fn flush(&mut self) {
        if self.text.is_empty() {
            (self.lines, self.space) = (0, false);
        }
        if self.lines > 0 {
            let there = self.text.chars().rev().take_while(|c| *c == '\n').count();
            let missing = self.lines.saturating_sub(there);
            self.text.extend(std::iter::repeat_n('\n', missing));
        } else if self.space && !self.text.ends_with(char::is_whitespace) {
            self.text.push(' ');
        }
        (self.lines, self.space) = (0, false);
    }

    fn write(&mut self, text: &str) {
        self.flush();
        self.text.push_str(text);
    }

    /// The next text begins after so many line ends.
    fn end_line(&mut self, lines: usize) {
        self.close_link();
        self.lines = self.lines.max(lines);
        self.space = false;
    }

    fn target(&self, href: &str) -> Option<String> {
        let url = match self.base {
            Some(base) => base.join(href).ok()?,
            None => Url::parse(href).ok()?,
        };
        let web = matches!(url.scheme(), "http" | "https") && url.as_str().len() <= MAX_LINK;
        // A place on the same page leads nowhere else.
        (web && !href.starts_with('#')).then(|| url.into())
    }

    fn close_link(&mut self) {
        let Some((begin, target)) = self.link.take() else { return };
        if self.text.get(begin..).is_some_and(|text| !text.trim().is_empty()) {
            self.text.insert(begin, '[');
            self.text.push_str("](");
            self.text.push_str(&target);
            self.text.push(')');
        }
    }

    fn finish(mut self) -> Page {
        self.close_link();
        let title = self.title.map(|title| {
            let words: Vec<&str> = title.split_whitespace().collect();
            words.join(" ").chars().take(MAX_TITLE).collect()
        });
        let text = self.text.trim_end().to_owned();
        Page { title: title.filter(|title: &String| !title.is_empty()), text }
    }
}

fn heading(name: &str) -> Option<usize> {
    match name.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => Some(usize::from(level - b'0')),
        _ => None,
    }
}
