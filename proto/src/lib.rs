//! Messages and services of the link, generated from `proto/agentos/v1`.
//!
//! A change that breaks an older peer shows in the test
//! `tests/compatibility.rs`, which compares the files with a snapshot.

/// Version 1 of the protocol.
pub mod v1 {
    #![allow(
        missing_docs,
        unreachable_pub,
        clippy::all,
        clippy::allow_attributes_without_reason,
        clippy::too_many_lines,
        reason = "generated code"
    )]
    tonic::include_proto!("agentos.v1");
}
