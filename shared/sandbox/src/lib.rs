//! Path-safe access to the files of a granted folder, and the confinement of
//! programs ([`Confinement`]).
//!
//! Everything that an agent names is opened through a handle on its folder
//! ([`GrantedRoot`]), one path component at a time or by `openat2`, so that
//! neither `..` nor an absolute path nor a symbolic link, however fast it is
//! swapped, leads outside. Checking a path and opening it afterwards would
//! lose that race.

mod confine;
mod error;
mod root;
mod walk;

#[cfg(test)]
mod tests;

pub use confine::{
    Captured, ChildOutcome, ChildSpec, Collected, ConfineError, Confinement, ConfinementConfig,
    LeftOut, LimitHit, Limits, Network, PROTECTED, SeatbeltError, SeatbeltPolicy, Tier, UserRange,
    collect, neutralise,
};
pub use error::SandboxError;
pub use root::{Access, FileInfo, FileKind, GrantedRoot, TEMPORARY_PREFIX};
pub use walk::{Walk, WalkEntry, WalkOptions};
