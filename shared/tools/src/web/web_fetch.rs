//! `web_fetch`: the text of a page of the web.
//!
//! It runs outside every sandbox, so each hop goes through the whole policy of
//! the run (`agentos_egress::Fetcher`). What a server answers is a result, a
//! 404 too.

use std::sync::Arc;

use agentos_domain::{ArgumentRole, RateLimit, RatePeriod, ToolClass, ToolError, ToolSpec};
use agentos_egress::{FetchRequest, Fetched};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::access::{self, WebAccess};
use super::document::DocumentPart;
use super::excerpt::{excerpt, with_part};
use super::parser_program::ParserProgram;
use super::{html, text};
use crate::{Tool, ToolContext, arguments, blocking};

/// The longest address, in characters.
const MAX_URL: usize = 2048;
const ACCEPT: &str =
    "text/html,application/xhtml+xml,text/plain,application/json,application/pdf;q=0.8,*/*;q=0.5";
const RATE: RateLimit = RateLimit { calls: 10, per: RatePeriod::Minute };

/// The tool `web_fetch`.
pub struct WebFetch {
    spec: ToolSpec,
    access: Arc<dyn WebAccess>,
    parser: Option<ParserProgram>,
}

impl std::fmt::Debug for WebFetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebFetch").finish_non_exhaustive()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    url: String,
    auth: Option<String>,
    first_page: Option<usize>,
    #[serde(default)]
    offset: usize,
}

impl WebFetch {
    /// With the ways out of runs.
    #[must_use]
    pub fn new(access: Arc<dyn WebAccess>) -> Self {
        let properties = with_part(json!({
            "url": {
                "type": "string", "minLength": 1, "maxLength": MAX_URL,
                "description": "address that begins with https:// or http://",
            },
            "auth": {
                "type": "string", "minLength": 1, "maxLength": 64,
                "description": "name of a configured credential that this site needs",
            },
        }));
        let description = "Fetches a page of the web and gives its text, at most 32 KiB at once; \
            for the rest repeat the call with what `next` says. Links are [text](address). \
            `status` 200 means that the page was there, 404 that it was not";
        // An address says where something goes, and whose authority goes with
        // it: neither is for a page that was read to choose.
        let spec = arguments::spec("web_fetch", ToolClass::Read, description, properties, &["url"])
            .needs("network.http.get")
            .argument("url", ArgumentRole::Destination)
            .argument("auth", ArgumentRole::Destination)
            .argument("first_page", ArgumentRole::Selector)
            .argument("offset", ArgumentRole::Selector)
            .with_untrusted_output()
            .limited_to(RATE);
        Self { spec, access, parser: None }
    }

    /// Reads PDF documents too, by this program.
    #[must_use]
    pub fn with_parser(mut self, program: ParserProgram) -> Self {
        self.parser = Some(program);
        self
    }

    async fn pdf(
        &self,
        fetched: &Fetched,
        arguments: &Arguments,
        context: &ToolContext,
    ) -> Result<Value, ToolError> {
        let Some(parser) = &self.parser else { return Err(no_text("application/pdf")) };
        if fetched.truncated {
            let message = "the document is larger than what is fetched: look for a shorter one";
            return Err(ToolError::new("document_too_large", message));
        }
        let part = DocumentPart {
            first_page: arguments.first_page.unwrap_or(1),
            offset: arguments.offset,
            maybe_html: false,
        };
        let parsed = parser.parse(&fetched.body, part, context).await?;
        let mut result = json!({ "status": fetched.status, "url": fetched.url.as_str() });
        for (field, value) in parsed.as_object().into_iter().flatten() {
            result[field.as_str()] = value.clone();
        }
        if let Some(Value::String(next)) = result.get_mut("next") {
            next.insert_str(0, "web_fetch with ");
        }
        Ok(result)
    }
}

#[async_trait::async_trait]
impl Tool for WebFetch {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<Value, ToolError> {
        let arguments: Arguments = arguments::parse(arguments)?;
        let url = Url::parse(&arguments.url).map_err(|_| {
            let message = "this is no address: write one such as https://example.org/page";
            ToolError::new("invalid_url", message)
        })?;
        let web = self.access.of(context)?;
        let request = FetchRequest::new(url, web.subject)
            .accepting(ACCEPT)
            .within_host()
            .with_credential(arguments.auth.clone());
        let fetched = access::fetch(&web.fetcher, &request, context).await?;
        if media_type(&fetched) == "application/pdf" || fetched.body.starts_with(b"%PDF-") {
            return self.pdf(&fetched, &arguments, context).await;
        }
        let offset = arguments.offset;
        blocking::run(context, move |_, _| Ok(answer(&fetched, &read(&fetched)?, offset))).await
    }
}

/// What kind of content the server says it is, without parameters.
fn media_type(fetched: &Fetched) -> String {
    let whole = fetched.content_type.as_deref().unwrap_or_default();
    whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn no_text(kind: &str) -> ToolError {
    ToolError::new("not_text", format!("the page is no text but `{kind}`: fetch one that is text"))
}

fn read(fetched: &Fetched) -> Result<html::Page, ToolError> {
    let kind = media_type(fetched);
    let body = &fetched.body;
    let textual = kind.is_empty()
        || kind.starts_with("text/")
        || ["json", "xml", "javascript", "yaml", "toml"].iter().any(|word| kind.contains(word));
    if !textual || body.iter().take(1024).any(|byte| *byte == 0) {
        return Err(no_text(&kind));
    }
    let text = text::decode(body, fetched.content_type.as_deref());
    let head = text.trim_start().get(..15).unwrap_or_default().to_ascii_lowercase();
    if kind.contains("html") || (kind.is_empty() && head.starts_with("<!doctype html")) {
        return Ok(html::read(&text, Some(&fetched.url)));
    }
    Ok(html::Page { title: None, text })
}

fn answer(fetched: &Fetched, page: &html::Page, offset: usize) -> Value {
    let part = excerpt(&page.text, offset);
    let mut result = json!({ "status": fetched.status, "url": fetched.url.as_str() });
    if let Some(title) = &page.title {
        result["title"] = title.as_str().into();
    }
    if !(200..300).contains(&fetched.status) {
        let note = match fetched.status {
            404 | 410 => "the page does not exist: look for another source",
            401 | 403 => "the server does not show this page: look for another source",
            429 | 500.. => "the server cannot answer now: try again later or use another source",
            _ => "the server did not give the page",
        };
        result["note"] = note.into();
    }
    result["text"] = part.text.into();
    result["truncated"] = (part.next.is_some() || fetched.truncated).into();
    if let Some(next) = part.next {
        result["next"] = format!("web_fetch with offset {next}").into();
    } else if fetched.truncated {
        result["note"] = "the page is larger than what is fetched: the rest cannot be read".into();
    }
    result
}
