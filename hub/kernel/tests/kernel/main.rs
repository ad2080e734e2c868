//! The kernel against fakes of the providers' administration APIs.

mod collecting;
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
mod ten_years;
