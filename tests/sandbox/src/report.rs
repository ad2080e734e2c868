//! What came of it: escapes, attempts, and what could not be tried.

use std::fmt;

use agentos_sandbox::Tier;
use anyhow::Result;
use serde::Serialize;

use crate::benign;
use crate::cases::{self, Case, Control};
use crate::place::{Built, Place};
use crate::shell::Shell;

/// How an attack ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It had no effect.
    Held,
    /// It had.
    Escaped,
    /// It had, as is documented of this tier.
    KnownOpen,
    /// It could not be tried here, or not judged.
    NotRunnable(String),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held => f.write_str("held"),
            Self::Escaped => f.write_str("ESCAPED"),
            Self::KnownOpen => f.write_str("known open"),
            Self::NotRunnable(reason) => write!(f, "not run: {reason}"),
        }
    }
}

/// One attack in one tier.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The case's number.
    pub id: &'static str,
    /// What was tried.
    pub attack: &'static str,
    /// Whether it works without the sandbox, or why that was not tried.
    pub control: String,
    /// How it ended.
    pub ending: Ending,
}

/// One tier.
#[derive(Debug, Clone, Serialize)]
pub struct TierReport {
    /// Its name.
    pub tier: &'static str,
    /// All attacks.
    #[serde(skip)]
    pub rows: Vec<Row>,
    /// Attacks that were made and judged.
    pub attempted: usize,
    /// Those that had an effect and are not documented to.
    pub escapes: usize,
    /// The numbers of those that are.
    pub known_open: Vec<&'static str>,
    /// The numbers of those that could not be tried.
    pub not_runnable: Vec<&'static str>,
    /// Uses that must work: how many there are.
    pub benign: usize,
    /// Those that did not work.
    pub benign_failed: Vec<String>,
}

/// Whether attacks of a case work without the sandbox.
fn control(built: &Built, case: &Case) -> Result<Option<String>> {
    if let Control::NotTried(_) = case.control {
        return Ok(None);
    }
    let place = Place::new(built)?;
    Ok(match (case.attack)(&place, &Shell::Plain) {
        Ok(true) => None,
        Ok(false) => Some("it does not work here without the sandbox either".to_owned()),
        Err(error) => Some(format!("{error:#}")),
    })
}

fn attempt(built: &Built, case: &Case, tier: Tier) -> Result<Ending> {
    if let Some(reason) = control(built, case)? {
        return Ok(Ending::NotRunnable(reason));
    }
    let place = Place::new(built)?;
    let shell = match Shell::in_tier(&place, tier)? {
        Ok(shell) => shell,
        Err(reason) => return Ok(Ending::NotRunnable(reason)),
    };
    let escaped = match (case.attack)(&place, &shell) {
        Ok(escaped) => escaped,
        Err(error) => return Ok(Ending::NotRunnable(format!("{error:#}"))),
    };
    // A sandbox in which nothing works holds everything back.
    let twin = shell.bash(&place, "cat skills/own.py && echo twin > temp/twin && cat temp/twin")?;
    if !(twin.contains("own skill") && twin.contains("twin") && twin.contains("\"exit_code\":0")) {
        return Ok(Ending::NotRunnable(format!("honest use did not work: {twin}")));
    }
    Ok(match escaped {
        false => Ending::Held,
        true if case.known_open.contains(&tier) => Ending::KnownOpen,
        true => Ending::Escaped,
    })
}

/// Makes the attacks in a tier; all, or those of `only`.
///
/// # Errors
/// The tests themselves cannot be run.
pub fn run(built: &Built, tier: Tier, only: &[String]) -> Result<TierReport> {
    let mut rows = Vec::new();
    let chosen = |case: &&Case| only.is_empty() || only.iter().any(|id| id == case.id);
    for case in cases::all().iter().filter(chosen) {
        let ending = attempt(built, case, tier)?;
        let control = match case.control {
            Control::Works => "works".to_owned(),
            Control::NotTried(reason) => format!("not tried: {reason}"),
        };
        rows.push(Row { id: case.id, attack: case.name, control, ending });
    }
    let of = |wanted: fn(&Ending) -> bool| -> Vec<&'static str> {
        rows.iter().filter(|row| wanted(&row.ending)).map(|row| row.id).collect()
    };
    let not_runnable = of(|ending| matches!(ending, Ending::NotRunnable(_)));
    let (benign, benign_failed) =
        if only.is_empty() { benign::run(built, tier)? } else { (0, Vec::new()) };
    Ok(TierReport {
        tier: tier.name(),
        attempted: rows.len() - not_runnable.len(),
        escapes: of(|ending| *ending == Ending::Escaped).len(),
        known_open: of(|ending| *ending == Ending::KnownOpen),
        not_runnable,
        benign,
        benign_failed,
        rows,
    })
}
