//! The built-in tools, and the registry that checks and runs calls.
//!
//! A tool declares itself ([`Tool::spec`]); the [`Registry`] checks that a call
//! is granted and that its arguments fit the declared schema, then runs it.
//! Whatever goes wrong is a result too, written for the model that called.
//!
//! A tool that cannot show everything says in `next` which arguments show the
//! rest.

mod arguments;
mod blocking;
mod builtin;
mod limits;
mod registry;
mod tool;
mod web;

pub use builtin::{
    BashConfig, BashExecution, FileList, FileRead, FileSearch, FileWrite, MAX_WRITTEN,
    MetadataExtract, SkillValidator, WRITABLE_FOLDERS,
};
pub use registry::{Registry, RegistryError};
pub use tool::{Tool, ToolContext};
pub use web::{
    DocumentParser, DocumentPart, PackageIndex, PackageIndexes, PackageSearch, ParserProgram,
    SearchEngine, Web, WebAccess, WebFetch, WebSearch, parse_document,
};

#[cfg(test)]
mod tests;
