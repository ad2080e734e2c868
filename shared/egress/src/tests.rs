//! The crate against servers of this machine. What counts is what they saw.
//!
//! Where a test needs a public host it uses a name that is excepted for an
//! address of the loopback interface: no test leaves the machine.

mod addresses;
mod bodies;
mod contacts;
mod credentials;
mod flips;
mod hosts;
mod leaks;
mod proxy;
mod redirects;
mod spellings;
mod support;
mod tunnels;
