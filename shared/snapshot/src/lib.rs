//! Content-addressed blobs and snapshots of a workspace.
//!
//! The hub keeps every version of every file once, by the hash of its content
//! ([`BlobStore`]). A run works on a snapshot: [`scan`] makes its manifest,
//! [`missing`] says which blobs an executor lacks, [`materialise`] builds the
//! tree of files from those that it has. [`make_writable`] lets a tool work in
//! that tree, and [`diff`] says what it changed.
//!
//! Everything here blocks on the disk: call it from a blocking task.

mod diff;
mod error;
mod scan;
mod store;
mod tree;

#[cfg(test)]
mod tests;

pub use diff::diff;
pub use error::SnapshotError;
pub use scan::{Scan, scan};
pub use store::BlobStore;
pub use tree::{make_writable, materialise, missing};
