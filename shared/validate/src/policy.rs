//! What a piece of code may do.

use std::collections::BTreeSet;

use agentos_domain::Validation;

/// What a piece of code may do. What is not allowed here is a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodePolicy {
    /// The largest file, in bytes.
    pub max_bytes: usize,
    /// The modules that it may import. `None`: every module that is known to
    /// be harmless with the permissions that it has.
    pub allowed_imports: Option<BTreeSet<String>>,
    /// Modules and functions that it may not use, such as `os.system`; these
    /// win over everything that is allowed.
    pub blocked_imports: BTreeSet<String>,
    /// What it declares to need, such as `fs.read` or `network.http.get`.
    pub permissions: BTreeSet<String>,
    /// Modules that lie beside it and are checked with it.
    pub own_modules: BTreeSet<String>,
}

impl Default for CodePolicy {
    /// Code that computes and touches nothing: 100 KB, no permission.
    fn default() -> Self {
        Self {
            max_bytes: 100 * 1024,
            allowed_imports: None,
            blocked_imports: BTreeSet::new(),
            permissions: BTreeSet::new(),
            own_modules: BTreeSet::new(),
        }
    }
}

impl CodePolicy {
    /// As an agent's configuration has it. No import listed means any that is
    /// known to be harmless.
    #[must_use]
    pub fn of(validation: &Validation) -> Self {
        let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
        Self {
            max_bytes: validation.max_bytes(),
            allowed_imports: Some(set(&validation.allowed_imports)).filter(|set| !set.is_empty()),
            blocked_imports: set(&validation.blocked_imports),
            ..Self::default()
        }
    }

    /// With a permission more.
    #[must_use]
    pub fn permit(mut self, permission: impl Into<String>) -> Self {
        self.permissions.insert(permission.into());
        self
    }

    /// Whether a permission was declared: itself, or one that it is a part of
    /// or that is a part of it (`network.http` by `network.http.get`).
    pub(crate) fn permits(&self, permission: &str) -> bool {
        self.permissions.iter().any(|declared| {
            let within = |whole: &str, part: &str| {
                part.strip_prefix(whole)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            within(permission, declared) || within(declared, permission)
        })
    }

    /// Whether `name`, such as `os.system`, is blocked: itself or the module
    /// that it is in.
    pub(crate) fn blocks(&self, name: &str) -> bool {
        self.blocked_imports.iter().any(|blocked| {
            name.strip_prefix(blocked.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// Whether a module may be imported as far as the agent's own list goes.
    pub(crate) fn lists(&self, module: &str) -> bool {
        let Some(allowed) = &self.allowed_imports else { return true };
        allowed.iter().any(|name| {
            module
                .strip_prefix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}
