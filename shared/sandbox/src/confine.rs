//! Programs that a run starts, confined.
//!
//! [`Confinement::detect`] finds the strongest [`Tier`] that works on this
//! machine, by trying it. [`Confinement::run`] runs a program ([`ChildSpec`])
//! in it: read-only files but for what is granted, no network, limits, an
//! environment from nothing. Where no confinement can be established, nothing
//! runs. Whatever the program started ends with the call, also where the future
//! of the call is dropped.
//!
//! ```text
//! bubblewrap    worker ─ bwrap ─ [ namespaces: pid 1 ─ launcher → program ]
//! launcher      worker ─ launcher (supervisor) ─ [ launcher → program ]
//! ```
//! In brackets: what is confined. The launcher (`launcher/`) puts on Landlock,
//! limits and seccomp and becomes the program.

mod arguments;
mod bubblewrap;
mod collect;
mod confinement;
mod error;
mod identity;
mod output;
mod scratch;
mod seatbelt;
mod spawner;
mod spec;
mod system;
mod tier;
mod usage;

#[cfg(test)]
mod tests;

pub use collect::{Collected, LeftOut, collect};
pub use confinement::{Confinement, ConfinementConfig};
pub use error::ConfineError;
pub use identity::UserRange;
pub use output::{Captured, neutralise};
pub use seatbelt::{SeatbeltError, SeatbeltPolicy};
pub use spec::{ChildOutcome, ChildSpec, LimitHit, Limits, Network, PROTECTED};
pub use tier::Tier;
