//! Who is who: the hub's certificate authority, its server certificate, and an
//! edge's identity.
//!
//! - The hub is its own authority (`ca`); every certificate of the link comes
//!   from it.
//! - An edge is named by a URI in its certificate,
//!   `spiffe://agentos/edge/<EdgeId>`. Its private key never leaves it.
//! - Every certificate is for one side only (extended key usage), so an edge
//!   cannot pose as the hub.

mod ca;
mod files;
mod leaf;

pub(crate) use ca::CertificateAuthority;
pub(crate) use files::{read_or_create_key, write_private};
pub use leaf::EdgeIdentity;
pub(crate) use leaf::{KeyRequest, Leaf, spki_fingerprint};

/// The name that every hub's certificate carries besides its own names: an
/// edge checks this one, because a hub's address may change.
pub(crate) const HUB_NAME: &str = "agentos-hub";

/// How far the start of a certificate lies in the past, for clocks that differ.
pub(crate) const BACKDATE: std::time::Duration = std::time::Duration::from_secs(300);
