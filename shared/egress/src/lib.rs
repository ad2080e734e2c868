//! What leaves the machine on behalf of an agent, and what may not.
//!
//! ```text
//!  web_fetch ──► Fetcher ─────┐                            ┌─► Gate      (first contact)
//!                             ├─► EgressPolicy ─► Target ──┤   Resolver  (one answer)
//!  sandbox ─► EgressProxy ────┘   list, ranges             └─► dial      (vetted addresses)
//! ```
//! A name is parsed once ([`Host`]), allowed by comparing labels
//! ([`AllowList`]), approved where it is new ([`Gate`]), resolved once, and
//! every address of the answer is checked ([`AddressRules`]). What comes out is
//! a [`Target`], the only thing that can be dialled: nothing is resolved again
//! between the decision and the connection.
//!
//! Secrets are attached by name ([`Credentials`]) and looked for in what goes
//! out and comes back ([`LeakScanner`]).

mod addresses;
mod allow;
mod bridge;
mod contact;
mod credentials;
mod dial;
mod fetch;
mod host;
mod leaks;
mod policy;
mod proxy;
mod refusal;
mod resolver;

pub use addresses::{AddressRules, unwrapped};
pub use allow::{AllowList, PatternError};
pub use bridge::bridge;
pub use contact::{Answer, Contact, ContactBook, Gate, MethodClass, OpenGate, Subject};
pub use credentials::{Credential, CredentialError, Credentials};
pub use dial::dial;
pub use fetch::{FetchError, FetchLimits, FetchRequest, Fetched, Fetcher, TlsConfig, tls_config};
pub use host::{Host, HostError, HostName};
pub use leaks::{Encoding, Finding, LeakError, LeakScanner};
pub use policy::{EgressPolicy, Target};
pub use proxy::{EgressProxy, ProxyLimits, ProxyToken};
pub use refusal::Refusal;
pub use resolver::{Resolver, ScriptedResolver, SystemResolver};

#[cfg(test)]
mod tests;
