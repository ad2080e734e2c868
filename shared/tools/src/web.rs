//! The tools that bring in what others wrote: pages, search results, documents,
//! package indexes. A file each.

mod access;
mod document;
mod document_parser;
mod docx;
mod excerpt;
pub(crate) mod html;
mod index_config;
mod indexes;
mod package_search;
mod parser_program;
mod pdf;
mod text;
mod versions;
mod web_fetch;
mod web_search;

pub use access::{Web, WebAccess};
pub use document::{DocumentPart, parse_document};
pub use document_parser::DocumentParser;
pub use indexes::{PackageIndex, PackageIndexes};
pub use package_search::PackageSearch;
pub use parser_program::ParserProgram;
pub use web_fetch::WebFetch;
pub use web_search::{SearchEngine, WebSearch};
