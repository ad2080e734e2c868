//! Landlock: no file but what was granted, no port, no signal and no abstract
//! socket to anything outside.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope,
};

use super::policy::Policy;
use super::{Failed, at};

/// The lowest version with scopes (Linux 6.12). The kernel itself is asked:
/// `/sys/kernel/security/lsm` may be absent where Landlock works.
const FLOOR: ABI = ABI::V6;

pub(super) fn confine(policy: &Policy) -> Result<(), Failed> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(FLOOR))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(FLOOR)))
        .and_then(|rules| rules.scope(Scope::from_all(FLOOR)))
        .and_then(Ruleset::create)
        .map_err(at("landlock"))?;
    for (path, access) in &policy.grants {
        let failed = |reason: String| Failed("landlock", format!("{}: {reason}", path.display()));
        let opened = PathFd::new(path).map_err(|error| failed(error.to_string()))?;
        // What only folders have is refused for a file.
        let access = if path.is_dir() { *access } else { *access & AccessFs::from_file(FLOOR) };
        let rule = PathBeneath::new(opened, access);
        rules = rules.add_rule(rule).map_err(|error| failed(error.to_string()))?;
    }
    let status = rules.restrict_self().map_err(at("landlock"))?;
    if status.ruleset != RulesetStatus::FullyEnforced || !status.no_new_privs {
        return Err(Failed("landlock", format!("only in part: {:?}", status.ruleset)));
    }
    Ok(())
}
