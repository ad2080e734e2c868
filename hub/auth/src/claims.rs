//! What a token says, once its signature holds. A claim of the wrong type is
//! refused, never skipped.

use agentos_domain::{Timestamp, WorkspaceId};
use serde_json::Value;

use crate::error::invalid;
use crate::identity::own_workspace;
use crate::object::Object;
use crate::{Identity, TokenError};

/// The last second of the year 9999.
const MAX_SECONDS: f64 = 253_402_300_799.0;
/// The longest subject, in bytes.
const MAX_SUBJECT: usize = 256;
/// The scopes that exist.
const SCOPES: [&str; 4] = ["read", "run", "approve", "admin"];
/// The scopes of a token that does not speak of scopes.
const DEFAULT_SCOPES: [&str; 2] = ["read", "run"];

/// What is demanded of a token's claims.
#[derive(Debug)]
pub(crate) struct Demands {
    pub(crate) audience: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) leeway_millis: i64,
}

impl Demands {
    /// Judges the claims at `now`. A token that is wrong in another way too is
    /// invalid rather than expired: a fresh one would not help its bearer.
    pub(crate) fn judge(&self, payload: &[u8], now: Timestamp) -> Result<Identity, TokenError> {
        let claims = Object::parse(payload)
            .ok_or_else(|| invalid("its claims are no JSON object with distinct names"))?;
        let expires = date(&claims, "exp", "its exp is no number of seconds")?
            .ok_or_else(|| invalid("it has no exp"))?;
        let begins = date(&claims, "nbf", "its nbf is no number of seconds")?;
        self.check_audience(&claims)?;
        self.check_issuer(&claims)?;
        let expires = expires.saturating_add(self.leeway_millis);
        let identity = identity(&claims, Timestamp::from_millis(expires))?;
        if begins.is_some_and(|begins| now.millis().saturating_add(self.leeway_millis) < begins) {
            return Err(invalid("it is not valid yet"));
        }
        if now >= identity.expires_at {
            return Err(TokenError::Expired);
        }
        Ok(identity)
    }

    fn check_audience(&self, claims: &Object) -> Result<(), TokenError> {
        let named = match claims.get("aud") {
            None => Vec::new(),
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(all)) => all
                .iter()
                .map(Value::as_str)
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| invalid("its aud is no text and no list of texts"))?,
            Some(_) => return Err(invalid("its aud is no text and no list of texts")),
        };
        match &self.audience {
            Some(ours) if !named.contains(&ours.as_str()) => {
                Err(invalid("it is for another audience"))
            }
            _ => Ok(()),
        }
    }

    fn check_issuer(&self, claims: &Object) -> Result<(), TokenError> {
        let named = match claims.get("iss") {
            None => None,
            Some(Value::String(issuer)) => Some(issuer),
            Some(_) => return Err(invalid("its iss is no text")),
        };
        match &self.issuer {
            Some(expected) if named != Some(expected) => Err(invalid("it is of another issuer")),
            _ => Ok(()),
        }
    }
}

fn identity(claims: &Object, expires_at: Timestamp) -> Result<Identity, TokenError> {
    let subject = text(claims, "sub", "its sub is no text")?
        .filter(|sub| !sub.is_empty() && sub.len() <= MAX_SUBJECT)
        .ok_or_else(|| invalid("it has no sub of 1 to 256 bytes"))?;
    let workspace = match text(claims, "workspaceId", "its workspaceId is no text")? {
        Some(name) => name
            .parse::<WorkspaceId>()
            .map_err(|_| invalid("its workspaceId is no valid name of a workspace"))?,
        None => own_workspace(&subject).ok_or_else(|| invalid("its sub names no workspace"))?,
    };
    Ok(Identity {
        session: text(claims, "sessionId", "its sessionId is no text")?,
        email: text(claims, "email", "its email is no text")?,
        name: text(claims, "name", "its name is no text")?,
        scopes: scopes(claims)?,
        subject,
        workspace,
        expires_at,
    })
}

/// A text without control characters; none where the claim is missing or null.
fn text(claims: &Object, name: &str, wrong: &'static str) -> Result<Option<String>, TokenError> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.chars().any(char::is_control) => Ok(Some(text.clone())),
        Some(_) => Err(invalid(wrong)),
    }
}

/// An instant in milliseconds since 1970.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked just before")]
fn date(claims: &Object, name: &str, wrong: &'static str) -> Result<Option<i64>, TokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => match number.as_f64() {
            Some(seconds) if (0.0..=MAX_SECONDS).contains(&seconds) => {
                Ok(Some((seconds * 1000.0) as i64))
            }
            _ => Err(invalid(wrong)),
        },
        Some(_) => Err(invalid(wrong)),
    }
}

/// The known scopes that a token grants. Others (`openid`, `email`) mean
/// nothing here and are left out.
fn scopes(claims: &Object) -> Result<Vec<String>, TokenError> {
    let granted = match (scope_list(claims, "scope")?, scope_list(claims, "scopes")?) {
        (None, None) => DEFAULT_SCOPES.to_vec(),
        (Some(granted), None) | (None, Some(granted)) => granted,
        (Some(one), Some(other)) if one == other => one,
        (Some(_), Some(_)) => return Err(invalid("its scope and scopes differ")),
    };
    Ok(granted.into_iter().map(str::to_owned).collect())
}

fn scope_list(claims: &Object, name: &str) -> Result<Option<Vec<&'static str>>, TokenError> {
    let wrong = || invalid("its scope is no text and no list of texts");
    let named: Vec<&str> = match claims.get(name) {
        None => return Ok(None),
        Some(Value::String(text)) => text.split(' ').collect(),
        Some(Value::Array(all)) => {
            all.iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(wrong)?
        }
        Some(_) => return Err(wrong()),
    };
    Ok(Some(SCOPES.into_iter().filter(|scope| named.contains(scope)).collect()))
}
