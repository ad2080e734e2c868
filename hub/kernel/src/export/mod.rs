//! Results as files.

mod csv;
mod focus;
mod request;
mod write;

#[cfg(test)]
mod tests;

pub use request::{Export, ExportFormat, ExportRequest, auto_name};

pub(crate) use request::export;
