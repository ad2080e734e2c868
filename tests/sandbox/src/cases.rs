//! The attacks, by the numbers of the project's list of cases.

mod files;
mod kernel;
mod limits;
mod network;
mod processes;

use agentos_sandbox::Tier;
use anyhow::Result;

use crate::place::Place;
use crate::shell::Shell;

/// Sets up, attacks, judges from outside, cleans up. Whether it had an effect;
/// an error where that cannot be told.
pub type Attack = fn(&Place, &Shell) -> Result<bool>;

/// Whether the attack is shown to work without the sandbox.
#[derive(Debug, Clone, Copy)]
pub enum Control {
    /// It must, or the case counts as not run.
    Works,
    /// It is not tried, for this reason.
    NotTried(&'static str),
}

/// An attack.
pub struct Case {
    /// Its number in the list.
    pub id: &'static str,
    /// What is tried.
    pub name: &'static str,
    /// How it is made and judged.
    pub attack: Attack,
    /// Its positive control.
    pub control: Control,
    /// The tiers that are documented not to hold it.
    pub known_open: &'static [Tier],
}

impl Case {
    const fn new(id: &'static str, name: &'static str, attack: Attack) -> Self {
        Self { id, name, attack, control: Control::Works, known_open: &[] }
    }

    const fn open_in(mut self, tiers: &'static [Tier]) -> Self {
        self.known_open = tiers;
        self
    }

    const fn uncontrolled(mut self, reason: &'static str) -> Self {
        self.control = Control::NotTried(reason);
        self
    }
}

/// Cases of the list that only a Mac can show.
pub const MACOS: [&str; 6] = ["18", "26M", "51", "52", "53", "54"];

/// All attacks on programs that this machine may be able to show.
#[must_use]
pub fn all() -> Vec<Case> {
    [files::cases(), network::cases(), kernel::cases(), processes::cases(), limits::cases()]
        .into_iter()
        .flatten()
        .collect()
}
