//! The built-in tools, a file each.

mod bash_execution;
mod file_list;
mod file_read;
mod file_search;
mod format;
mod glob;
mod metadata_extract;
mod minute;

pub use bash_execution::{BashConfig, BashExecution};
pub use file_list::FileList;
pub use file_read::FileRead;
pub use file_search::FileSearch;
pub use metadata_extract::MetadataExtract;
