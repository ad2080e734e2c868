//! Who a verified token speaks for.

use agentos_domain::{Timestamp, WorkspaceId};
use ring::digest;

/// The hex digits of a hash that name a workspace.
const HASH_DIGITS: usize = 16;

/// Who a verified token speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The issuer's name of the user (`sub`).
    pub subject: String,
    /// The issuer's name of the user's session (`sessionId`).
    pub session: Option<String>,
    /// The workspace that the token is for (`workspaceId`), or else the user's own.
    pub workspace: WorkspaceId,
    /// The user's address (`email`).
    pub email: Option<String>,
    /// The user's name as people read it (`name`).
    pub name: Option<String>,
    /// Those of `read`, `run`, `approve` and `admin` that the token grants;
    /// `read` and `run` where it does not speak of scopes.
    pub scopes: Vec<String>,
    /// When the token ceases to be accepted: its `exp`, and the leeway.
    pub expires_at: Timestamp,
}

/// The workspace of a user whose token names none: `user-` and the subject, or
/// a part of its SHA-256 where that is no valid name. A subject that looks like
/// such a part is hashed too: nobody gets another's workspace by choosing his
/// subject well.
pub(crate) fn own_workspace(subject: &str) -> Option<WorkspaceId> {
    let looks_hashed = subject.len() == HASH_DIGITS
        && subject.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !looks_hashed && let Ok(workspace) = format!("user-{subject}").parse() {
        return Some(workspace);
    }
    let hash = hex::encode(digest::digest(&digest::SHA256, subject.as_bytes()));
    format!("user-{}", hash.get(..HASH_DIGITS)?).parse().ok()
}
