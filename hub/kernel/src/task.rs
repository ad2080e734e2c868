//! The kernel's tasks by name, as people call them.

use crate::collect::Provider;
use crate::error::KernelError;

/// Something that the kernel is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelTask {
    /// Fetch a provider's bill; its key.
    Fetch(String),
    /// Fetch the bills of all providers.
    RunAll,
    /// Write the results to a file.
    Export,
    /// Say what a month costs.
    Summary,
    /// Fetch, sum up, export, alert.
    DailyReport,
}

/// What fetching one provider begins with.
const FETCH: &str = "fetch_";
const OTHERS: [(&str, KernelTask); 4] = [
    ("run_all", KernelTask::RunAll),
    ("export", KernelTask::Export),
    ("summary", KernelTask::Summary),
    ("daily_report", KernelTask::DailyReport),
];

impl KernelTask {
    /// The task of a name.
    ///
    /// # Errors
    /// [`KernelError::UnknownTask`], which names all.
    pub fn named(name: &str, providers: &[&Provider]) -> Result<Self, KernelError> {
        if let Some((_, task)) = OTHERS.iter().find(|(known, _)| *known == name) {
            return Ok(task.clone());
        }
        let fetched = name.strip_prefix(FETCH);
        if let Some(provider) = providers.iter().find(|provider| fetched == Some(provider.key)) {
            return Ok(Self::Fetch(provider.key.to_owned()));
        }
        let fetches = providers.iter().map(|provider| format!("{FETCH}{}", provider.key));
        let known: Vec<_> = fetches.chain(OTHERS.map(|(name, _)| name.to_owned())).collect();
        let name = name.chars().take(80).collect();
        Err(KernelError::UnknownTask { name, known: known.join(", ") })
    }
}
