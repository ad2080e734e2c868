//! The page and what it loads.

use axum::extract::Path;
use axum::http::HeaderName;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect};

use crate::problem::{Code, Problem};

/// The page may load from here and nowhere else.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn headers(kind: &'static str) -> [(HeaderName, &'static str); 3] {
    [(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-cache")]
}

/// The documentation of the API
#[utoipa::path(get, path = "/docs", tag = "hub", operation_id = "get_docs",
    responses((status = 200, description = "A page", body = String, content_type = "text/html")))]
pub(crate) async fn page() -> impl IntoResponse {
    (headers("text/html; charset=utf-8"), include_str!("page.html"))
}

/// What the documentation's page loads
#[utoipa::path(get, path = "/docs/{file}", tag = "hub", operation_id = "get_docs_file",
    params(("file" = String, Path, description = "`style.css` or `script.js`")),
    responses((status = 200, description = "The file", content(
        (String = "text/css"), (String = "text/javascript")))))]
pub(crate) async fn asset(Path(file): Path<String>) -> Result<impl IntoResponse, Problem> {
    match file.as_str() {
        "style.css" => Ok((headers("text/css; charset=utf-8"), include_str!("style.css"))),
        "script.js" => Ok((headers("text/javascript; charset=utf-8"), include_str!("script.js"))),
        _ => Err(Problem::new(Code::NotFound, "no such file")),
    }
}

/// Where the documentation is found as well
#[utoipa::path(get, path = "/redoc", tag = "hub", operation_id = "get_redoc",
    responses((status = 308, description = "To `/docs`")))]
pub(crate) async fn redoc() -> Redirect {
    Redirect::permanent("/docs")
}
