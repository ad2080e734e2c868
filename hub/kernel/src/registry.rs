//! Plugins by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::error::KernelError;
use crate::plugin::Plugin;

/// A plugin, and what its declaration says.
#[derive(Clone)]
pub struct Declared {
    /// The plugin.
    pub plugin: Arc<dyn Plugin>,
    /// The names of the secrets that it may see.
    pub secrets: Vec<String>,
}

/// A plugin that can be run, one run at a time.
pub(crate) struct Entry {
    pub(crate) declared: Declared,
    pub(crate) turn: Arc<Mutex<()>>,
}

/// All plugins, by their names.
#[derive(Default)]
pub struct Registry(BTreeMap<String, Entry>);

impl Registry {
    /// The plugins that were declared.
    ///
    /// # Errors
    /// [`KernelError::PluginTwice`] where two have one name.
    pub fn new(plugins: Vec<Declared>) -> Result<Self, KernelError> {
        let mut entries = BTreeMap::new();
        for declared in plugins {
            let name = declared.plugin.name().to_owned();
            let entry = Entry { declared, turn: Arc::default() };
            if entries.insert(name.clone(), entry).is_some() {
                return Err(KernelError::PluginTwice { name });
            }
        }
        Ok(Self(entries))
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn find(&self, name: &str) -> Result<&Entry, KernelError> {
        self.0.get(name).ok_or_else(|| KernelError::UnknownPlugin {
            name: name.chars().take(80).collect(),
            known: self.names().collect::<Vec<_>>().join(", "),
        })
    }
}
