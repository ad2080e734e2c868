//! The kernel against fakes of the providers' administration APIs.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod collecting;
mod crash;
mod daily;
mod declared;
mod exports;
mod faults;
mod idempotent;
mod money;
mod reconciling;
mod runs;
mod secrets;
mod support;
mod tasks;
mod ten_years;
mod yearly;
