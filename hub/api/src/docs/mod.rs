//! The documentation as a page, from files inside the binary.

mod page;

pub(crate) use page::{__path_asset, __path_page, __path_redoc, asset, page, redoc};
