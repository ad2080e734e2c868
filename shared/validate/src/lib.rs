//! Judges what agents make, before anything uses it.
//!
//! - [`check_code`]: code by its syntax tree. Whatever is not known to be
//!   harmless is refused: imports, names and attributes come from allow-lists
//!   that are tied to the permissions which the code declares. Text search
//!   would miss what is spelt in pieces; a list of what is forbidden would miss
//!   what nobody thought of. It is one layer: what passes still runs confined.
//! - [`results`]: the answer of a run by what its journal shows.
//! - [`quality`]: formatters and type checkers, which say whether code is
//!   good, not whether it is safe.

mod bash;
mod code;
mod finding;
mod javascript;
mod language;
mod paths;
mod policy;
mod python;
pub mod quality;
pub mod results;
mod secrets;
mod text;
mod tree;

pub use code::{check_code, check_code_bytes};
pub use finding::Finding;
pub use language::Language;
pub use policy::CodePolicy;
