//! What tools may do, typed; the fields have the names of the table of settings.

use std::path::PathBuf;

use serde::Deserialize;

use crate::secret::Secret;

/// What confines the programs that agents run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// Folder of the launcher and the document parser; the program's own where
    /// absent.
    pub programs: Option<PathBuf>,
    /// The weakest confinement that will do.
    pub minimum: Confined,
}

/// The weakest confinement in which a program is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confined {
    /// By the launcher alone.
    Launcher,
    /// By the launcher inside bubblewrap.
    Bubblewrap,
    /// None is good enough.
    Never,
}

/// What agents may reach of the web.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// Hosts that pages are fetched from.
    pub allow: Vec<String>,
    /// `host:port` in the home network that they are fetched from too.
    pub allow_private: Vec<String>,
    /// The search engine.
    pub search: Search,
}

/// A search engine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Which; none where absent.
    pub engine: Option<SearchEngineKind>,
    /// Its address.
    pub url: Option<String>,
    /// The key for it.
    pub key: Option<Secret>,
}

/// A kind of search engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchEngineKind {
    /// SearXNG.
    Searxng,
    /// The Brave Search API.
    Brave,
}
