//! Secrets in what goes out and comes back.

mod encodings;
mod scanner;
mod shapes;

pub use encodings::Encoding;
pub use scanner::{Finding, LeakError, LeakScanner};
