//! Path-safe access to the files of a granted folder.
//!
//! Everything that an agent names is opened through a handle on its folder
//! ([`GrantedRoot`]), one path component at a time or by `openat2`, so that
//! neither `..` nor an absolute path nor a symbolic link, however fast it is
//! swapped, leads outside. Checking a path and opening it afterwards would
//! lose that race.

mod error;
mod root;
mod walk;

#[cfg(test)]
mod tests;

pub use error::SandboxError;
pub use root::{Access, FileInfo, FileKind, GrantedRoot, TEMPORARY_PREFIX};
pub use walk::{Walk, WalkEntry, WalkOptions};
