//! Results as files.

mod csv;
mod focus;
mod request;
mod write;

pub use request::{Export, ExportFormat, ExportRequest, auto_name};

pub(crate) use request::export;
