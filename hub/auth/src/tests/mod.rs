//! Tests of the whole verifier, against keys made here and a stub of an issuer.

mod config;
mod cost;
mod identity;
mod memory;
mod property;
mod rotation;
mod stub;
mod support;
mod table;
mod tls;
mod vectors;
