//! Names of things. Generated ids are a prefix and a UUIDv7, so that they sort
//! by creation and say what they name when they turn up in a log.

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not a valid id or name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text lacks the prefix of its kind.
    #[error("expected an id that begins with `{expected}_`, got `{got}`")]
    Prefix {
        /// The prefix of this kind of id.
        expected: &'static str,
        /// What was given, shortened.
        got: String,
    },
    /// The part after the prefix is no UUID.
    #[error("`{got}` does not end in a UUID")]
    Uuid {
        /// What was given, shortened.
        got: String,
    },
    /// A name with characters that names may not have.
    #[error("`{got}` is not a valid {kind}: use 1 to 64 letters, digits, `-`, `_` or `.`")]
    Name {
        /// What kind of name was expected.
        kind: &'static str,
        /// What was given, shortened.
        got: String,
    },
}

/// What makes the bytes of ids.
type IdSource = Box<dyn FnMut() -> [u8; 16]>;

thread_local! {
    static SOURCE: RefCell<Option<IdSource>> = const { RefCell::new(None) };
}

/// While `work` runs, the ids that this thread makes come from `source` instead
/// of clock and chance: a simulator must be able to repeat itself. Each must be
/// another one, later in order than those before.
pub fn with_id_source<T>(
    source: impl FnMut() -> [u8; 16] + 'static,
    work: impl FnOnce() -> T,
) -> T {
    /// Ends it also where `work` panics.
    struct Restore;
    impl Drop for Restore {
        fn drop(&mut self) {
            SOURCE.with_borrow_mut(|slot| *slot = None);
        }
    }
    SOURCE.with_borrow_mut(|slot| *slot = Some(Box::new(source)));
    let _restore = Restore;
    work()
}

fn new_uuid() -> uuid::Uuid {
    SOURCE.with_borrow_mut(|slot| match slot {
        Some(source) => uuid::Builder::from_random_bytes(source()).into_uuid(),
        None => uuid::Uuid::now_v7(),
    })
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

macro_rules! generated_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A new id, unique and later in order than those made before.
            #[must_use]
            pub fn generate() -> Self {
                Self(new_uuid())
            }

            /// The UUID in it.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let rest = text.strip_prefix(concat!($prefix, "_")).ok_or_else(|| {
                    IdError::Prefix { expected: $prefix, got: shorten(text) }
                })?;
                uuid::Uuid::try_parse(rest)
                    .map(Self)
                    .map_err(|_| IdError::Uuid { got: shorten(text) })
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
                if text.is_empty() || text.len() > 64 || !text.chars().all(allowed) {
                    return Err(IdError::Name { kind: $kind, got: shorten(text) });
                }
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

generated_id!(
    /// One request of a user, from input to output.
    TaskId, "task"
);
generated_id!(
    /// One executor's try at a task; a new one begins after each loss.
    AttemptId, "att"
);
generated_id!(
    /// A machine that joined the hub.
    EdgeId, "edge"
);
generated_id!(
    /// A conversation that several tasks belong to.
    SessionId, "ses"
);
generated_id!(
    /// An API key.
    KeyId, "key"
);
generated_id!(
    /// Something that a person has to decide.
    ProposalId, "prop"
);
generated_id!(
    /// Tasks that are to be made at certain times.
    ScheduleId, "sched"
);
generated_id!(
    /// One call of a model that is paid for or metered.
    CallId, "call"
);
generated_id!(
    /// One request to the API. Everything that it sets off carries it, on both
    /// machines, so that a log can be read along it.
    RequestId, "req"
);

name!(
    /// A tenant. Everything that holds user data belongs to one.
    WorkspaceId, "workspace"
);
name!(
    /// A named configuration of an agent.
    AgentName, "agent name"
);
name!(
    /// A tool that an agent can call.
    ToolName, "tool name"
);
name!(
    /// A schedule, within its workspace.
    ScheduleName, "schedule name"
);

impl Default for WorkspaceId {
    /// The workspace of a caller that names none.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

/// Number of a lease: grows with every acquisition of a task, so that a writer
/// which lost its lease is recognised whatever it believes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Fence(pub u64);

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Number of an edge's session with the hub; a newer session replaces an older.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct SessionEpoch(pub u64);

impl fmt::Display for SessionEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_and_name_their_kind() {
        let id = TaskId::generate();
        assert!(id.to_string().starts_with("task_"));
        assert_eq!(id.to_string().parse::<TaskId>(), Ok(id.clone()));
        assert!(matches!(id.to_string().parse::<EdgeId>(), Err(IdError::Prefix { .. })));
        assert!(matches!("task_x".parse::<TaskId>(), Err(IdError::Uuid { .. })));
    }

    #[test]
    fn ids_sort_by_creation() {
        let ids: Vec<_> = (0..100).map(|_| TaskId::generate().to_string()).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn ids_come_from_a_source_while_there_is_one() {
        let from_source = || {
            let mut count = 0;
            let source = move || {
                count += 1;
                [count; 16]
            };
            with_id_source(source, || (TaskId::generate(), EdgeId::generate()))
        };
        let (first, second) = (from_source(), from_source());
        assert_eq!(first, second);
        assert_ne!(first.0.as_bytes(), first.1.as_bytes());
        assert_ne!(TaskId::generate(), TaskId::generate());
    }

    #[test]
    fn names_refuse_separators() {
        for bad in ["", "a/b", "a b", "é", "a\n"] {
            assert!(bad.parse::<WorkspaceId>().is_err(), "{bad:?}");
        }
        assert_eq!("file_read".parse::<ToolName>().map(|n| n.to_string()), Ok("file_read".into()));
    }
}
