//! The files of a workspace, streamed in both directions.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use agentos_domain::{FileEntry, RelPath, Timestamp};
use agentos_engine::Principal;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio_util::io::{ReaderStream, StreamReader};

use crate::body::too_large;
use crate::problem::{Code, Problem};
use crate::state::{answer, answer_within};
use crate::{ApiState, openapi};

/// The longest silence of a client that sends a file.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// The longest that a whole file may take.
const UPLOAD_LIMIT: Duration = Duration::from_secs(3600);
/// Bytes that are read from the disk at once.
const CHUNK: usize = 64 * 1024;
/// What a file name in a header keeps as it is (RFC 8187).
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// What a path in an address keeps as it is.
const PATH: &AsciiSet = &NAME.remove(b'/');

/// The path of a file in a route's path.
pub(crate) struct FilePath(RelPath);

impl<S: Send + Sync> FromRequestParts<S> for FilePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::new(Code::BadRequest, "the path is not valid UTF-8"))?;
        let path = text.parse::<RelPath>();
        path.map(Self).map_err(|error| Problem::new(Code::BadRequest, error.to_string()))
    }
}

fn entry_json(path: &RelPath, entry: &FileEntry) -> Value {
    json!({ "path": path, "size": entry.size, "hash": entry.hash, "modified": entry.modified })
}

/// List the files
#[utoipa::path(get, path = "/api/files", tag = "files", operation_id = "list_files",
    responses((status = 200, description = "All files", body = openapi::FilePage)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Value>, Problem> {
    let manifest = answer(state.engine.files(&principal.workspace_id)).await?;
    let items: Vec<_> =
        manifest.files.iter().map(|(path, entry)| entry_json(path, entry)).collect();
    Ok(Json(json!({ "items": items, "next_cursor": null })))
}

/// Store a file
#[utoipa::path(put, path = "/api/files/{path}", tag = "files", operation_id = "put_file",
    params(("path" = String, Path, description = "Its path in the workspace; it may hold slashes",
            max_length = 1024,
            pattern = r"^(?!/)(?!(?:.*/)?\.\.(?:/|$))(?!(?:\.?/)*\.?$)[^\x00-\x1f\x7f-\x9f\\]+$"),
        ("Last-Modified" = Option<String>, Header,
            description = "When its content was last changed, as a date of HTTP; \
                where it is absent, the hub's clock says when it came with new content",
            format = "http-date")),
    request_body(content = [u8], content_type = "application/octet-stream"),
    responses((status = 201, description = "It is stored", body = openapi::File)))]
pub(crate) async fn store(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    FilePath(path): FilePath,
    request: Request,
) -> Result<Response, Problem> {
    let limit = state.config.file_limit_bytes;
    if announced_length(request.headers()).is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let modified = last_modified(request.headers())?;
    let refusal = Arc::new(OnceLock::new());
    let content = StreamReader::new(Box::pin(guarded(request.into_body(), limit, refusal.clone())));
    let put = state.engine.put_file(&principal.workspace_id, path.clone(), modified, content);
    let entry = answer_within(UPLOAD_LIMIT, put).await.map_err(|problem| {
        // The engine knows only that the content broke off; here it is known why.
        refusal.get().cloned().unwrap_or(problem)
    })?;
    let location = format!("/api/files/{}", encoded(&path));
    let headers = [(LOCATION, location), (ETAG, etag(&entry))];
    Ok((StatusCode::CREATED, headers, Json(entry_json(&path, &entry))).into_response())
}

/// When the client says that its file was last changed.
fn last_modified(headers: &HeaderMap) -> Result<Option<Timestamp>, Problem> {
    let mut values = headers.get_all(LAST_MODIFIED).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (value.to_str().ok().and_then(Timestamp::from_http_date), values.next()) {
        (Some(time), None) => Ok(Some(time)),
        _ => Err(Problem::new(
            Code::BadRequest,
            "Last-Modified: send one date, such as `Sat, 21 Nov 2026 08:33:20 GMT`",
        )),
    }
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The content of `body`, which fails for good when there is more of it than
/// `limit` bytes or when the client stalls; `refusal` then says why.
fn guarded(
    body: Body,
    limit: u64,
    refusal: Arc<OnceLock<Problem>>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let start = Some((body.into_data_stream(), limit, refusal));
    futures::stream::unfold(start, async |state| {
        let (mut body, left, refusal) = state?;
        let failure = match tokio::time::timeout(IDLE_LIMIT, body.next()).await {
            Ok(None) => return None,
            Ok(Some(Ok(chunk))) => match left.checked_sub(chunk.len() as u64) {
                Some(left) => return Some((Ok(chunk), Some((body, left, refusal)))),
                None => Problem::new(Code::PayloadTooLarge, "the file is too large for this hub"),
            },
            Ok(Some(Err(error))) => {
                Problem::new(Code::BadRequest, "the file broke off: send it again").caused_by(error)
            }
            Err(_) => Problem::new(Code::RequestTimeout, "the file stalled: send it again"),
        };
        // A body has one end, so nothing was set before.
        let _ = refusal.set(failure);
        Some((Err(io::Error::other("the client's file was refused or broke off")), None))
    })
}

/// Download a file
#[utoipa::path(get, path = "/api/files/{path}", tag = "files", operation_id = "get_file",
    params(
        ("path" = String, Path, description = "Its path in the workspace; it may hold slashes",
            max_length = 1024,
            pattern = r"^(?!/)(?!(?:.*/)?\.\.(?:/|$))(?!(?:\.?/)*\.?$)[^\x00-\x1f\x7f-\x9f\\]+$"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of a copy at hand"),
    ),
    responses(
        (status = 200, description = "Its content", body = [u8],
            content_type = "application/octet-stream",
            headers(("Last-Modified" = String, description = "When it was last changed"))),
        (status = 304, description = "The copy at hand is good"),
    ))]
pub(crate) async fn fetch(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    FilePath(path): FilePath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (entry, file) = answer(state.engine.open_file(&principal.workspace_id, &path)).await?;
    let etag = etag(&entry);
    if names(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response());
    }
    let name = path.as_str().rsplit('/').next().unwrap_or_default();
    let modified = entry.known_time().and_then(Timestamp::http_date);
    let modified = modified.map(|date| [(LAST_MODIFIED, date)]);
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_LENGTH, entry.size.to_string()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename*=UTF-8''{}", utf8_percent_encode(name, NAME)),
        ),
        (ETAG, etag),
    ];
    let content = ReaderStream::with_capacity(file.take(entry.size), CHUNK);
    Ok((headers, modified, Body::from_stream(content)).into_response())
}

fn etag(entry: &FileEntry) -> String {
    format!("\"{}\"", entry.hash)
}

/// Whether the client says that it has this content already.
fn names(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|known| known.trim() == etag)
}

fn encoded(path: &RelPath) -> String {
    utf8_percent_encode(path.as_str(), PATH).to_string()
}

/// Remove a file
#[utoipa::path(delete, path = "/api/files/{path}", tag = "files", operation_id = "delete_file",
    params(("path" = String, Path, description = "Its path in the workspace; it may hold slashes",
            max_length = 1024,
            pattern = r"^(?!/)(?!(?:.*/)?\.\.(?:/|$))(?!(?:\.?/)*\.?$)[^\x00-\x1f\x7f-\x9f\\]+$")),
    responses((status = 204, description = "It is gone")))]
pub(crate) async fn remove(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    FilePath(path): FilePath,
) -> Result<StatusCode, Problem> {
    if answer(state.engine.delete_file(&principal.workspace_id, &path)).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::new(Code::NotFound, format!("no file `{path}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stalls_is_given_up() {
        let refusal = Arc::new(OnceLock::new());
        let silent = futures::stream::pending::<Result<Bytes, io::Error>>();
        let mut content = Box::pin(guarded(Body::from_stream(silent), 1000, Arc::clone(&refusal)));
        let began = tokio::time::Instant::now();
        assert!(content.next().await.unwrap().is_err());
        assert_eq!(began.elapsed(), IDLE_LIMIT);
        assert_eq!(refusal.get().unwrap().code, Code::RequestTimeout);
        assert!(content.next().await.is_none());
    }
}
