//! Who a bearer token speaks for: verification of JSON web tokens.
//!
//! ```text
//! token ─► token (shape, header) ─► keys (the one key that may have signed it)
//!       ─► signature ─► claims (types, times, audience, issuer) ─► Identity
//! ```
//!
//! Nothing of a token is believed before its signature holds, and the token
//! never chooses how it is checked: a key has one algorithm, and a token that
//! names another is refused. `jku`, `x5u`, `x5c` and `jwk` headers are ignored;
//! any `crit` is refused, since no extension is understood here.
//!
//! The signatures are checked by ring, which the link uses as well. A JWT
//! library would bring a second cryptographic stack (aws-lc, or the `rsa` crate
//! with its open timing advisory RUSTSEC-2023-0071), and all but its signature
//! check would be turned off: its rules for times, duplicates, `crit` and
//! audience are laxer than ours.
//!
//! A set of keys (JWKS) is read when it is first needed, again when it is five
//! minutes old, and when a token names a key that it lacks, at most once in ten
//! seconds. A set that cannot be read leaves the keys of the last one in place.
//!
//! A token that was verified is remembered for a minute, at most until its end
//! and never beyond the set of keys that it was verified by (`memory`): an
//! elliptic signature costs 43 µs, and a client sends one token many times.

mod claims;
mod config;
mod error;
mod fetch;
mod identity;
mod jwks;
mod keys;
mod memory;
mod object;
mod token;
mod verifier;

#[cfg(test)]
mod tests;

pub use config::{AuthConfig, JwksSource, Secret};
pub use error::{AuthError, TokenError};
pub use identity::Identity;
pub use token::looks_like_jwt;
pub use verifier::Verifier;
