//! The environment, as something that is handed in.

use std::collections::BTreeMap;

use crate::dotenv::DotEnv;
use crate::error::Origin;

/// Variables by name.
pub trait Environment: Send + Sync {
    /// The variable's text. A variable that is empty counts as not set.
    fn get(&self, name: &str) -> Option<String>;

    /// The names of all variables.
    fn names(&self) -> Vec<String>;
}

/// The process's own environment. Text that is not UTF-8 is read lossily.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Option<String> {
        let text = std::env::var_os(name)?.to_string_lossy().into_owned();
        (!text.is_empty()).then_some(text)
    }

    fn names(&self) -> Vec<String> {
        std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect()
    }
}

/// An environment that is given, for tests.
#[derive(Debug, Clone, Default)]
pub struct MapEnvironment(BTreeMap<String, String>);

impl MapEnvironment {
    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.0.insert(name.into(), text.into());
        self
    }
}

impl Environment for MapEnvironment {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|text| !text.is_empty()).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

/// One source of variables: the environment or the `.env` file.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    Process(&'a dyn Environment),
    DotEnv(&'a DotEnv),
}

impl Source<'_> {
    pub(crate) fn get(&self, name: &str) -> Option<(String, Origin)> {
        match self {
            Self::Process(environment) => environment
                .get(name)
                .map(|text| (text, Origin::Environment { name: name.to_owned() })),
            Self::DotEnv(file) => file.get(name),
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = match self {
            Self::Process(environment) => environment.names(),
            Self::DotEnv(file) => file.names(),
        };
        names.sort();
        names
    }
}

/// The environment, and below it what `.env` adds.
pub(crate) struct Layers<'a> {
    pub(crate) process: &'a dyn Environment,
    pub(crate) dotenv: &'a DotEnv,
}

impl Layers<'_> {
    pub(crate) fn get(&self, name: &str) -> Option<(String, Origin)> {
        self.highest_first().into_iter().find_map(|source| source.get(name))
    }

    pub(crate) fn highest_first(&self) -> [Source<'_>; 2] {
        [Source::Process(self.process), Source::DotEnv(self.dotenv)]
    }
}
