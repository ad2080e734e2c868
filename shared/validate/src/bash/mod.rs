//! Shell scripts by their syntax tree.
//!
//! A command must be a word that is written out and stands in a list, or a
//! function of the script: no command is put together, none runs another, and
//! variables of the environment are not read. Some commands run programs by an
//! option (`find -exec`, `sed e`, `sort --compress-program`); these are
//! refused.

mod commands;
mod walk;
mod words;

pub(crate) use walk::check;
