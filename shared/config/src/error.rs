//! What is wrong with a configuration, where, and what is allowed there.

use std::fmt;
use std::path::PathBuf;

use agentos_domain::Classified;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A place in a file; line and column count from 1, and a line of 0 is
    /// the file as a whole.
    File {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The column, in characters.
        column: usize,
    },
    /// A variable of the environment.
    Environment {
        /// Its name.
        name: String,
    },
    /// A line of the `.env` file.
    DotEnv {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The variable's name.
        name: String,
    },
}

impl Origin {
    /// A file as a whole.
    pub(crate) fn file(path: impl Into<PathBuf>) -> Self {
        Self::File { path: path.into(), line: 0, column: 0 }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: 0, .. } => write!(f, "{}", path.display()),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Environment { name } => write!(f, "environment {name}"),
            Self::DotEnv { path, line, name } => write!(f, "{}:{line} {name}", path.display()),
        }
    }
}

/// One thing that is wrong. It never holds a value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where.
    pub origin: Origin,
    /// The setting, such as `server.port`, where there is one.
    pub key: Option<Box<str>>,
    /// A stable word in `snake_case`: `unknown_key`, `wrong_type`,
    /// `out_of_range`, `not_allowed`, `missing`, `missing_variable`,
    /// `duplicate_key`, `syntax`, `unreadable` or `conflict`.
    pub code: &'static str,
    /// What is wrong.
    pub problem: Box<str>,
    /// What is allowed there, where that can be said.
    pub allowed: Option<Box<str>>,
}

impl ConfigError {
    /// An error at a place.
    pub(crate) fn new(origin: Origin, code: &'static str, problem: impl Into<Box<str>>) -> Self {
        Self { origin, key: None, code, problem: problem.into(), allowed: None }
    }

    /// The setting that it is about; an empty key is the file as a whole.
    pub(crate) fn key(mut self, key: &str) -> Self {
        self.key = (!key.is_empty()).then(|| key.into());
        self
    }

    /// What is allowed instead.
    pub(crate) fn allowed(mut self, allowed: impl Into<Box<str>>) -> Self {
        self.allowed = Some(allowed.into());
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.problem)?;
        match &self.allowed {
            Some(allowed) => write!(f, "; allowed: {allowed}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a configuration, in the order of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigErrors {
    /// In the order in which one reads: by file, line and column; what is of
    /// the environment comes last.
    pub(crate) fn sorted(mut errors: Vec<ConfigError>) -> Self {
        errors.sort_by_cached_key(|error| match &error.origin {
            Origin::File { path, line, column } => (0, path.clone(), *line, *column),
            Origin::DotEnv { path, line, .. } => (1, path.clone(), *line, 0),
            Origin::Environment { name } => (2, PathBuf::from(name), 0, 0),
            Origin::Default => (3, PathBuf::new(), 0, 0),
        });
        Self(errors)
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl Classified for ConfigErrors {
    fn code(&self) -> &'static str {
        "invalid_configuration"
    }

    fn is_retryable(&self) -> bool {
        false
    }
}
