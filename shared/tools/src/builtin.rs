//! The built-in tools, a file each.

mod bash_execution;
mod file_list;
mod file_read;
mod file_search;
mod file_write;
mod format;
mod glob;
mod metadata_extract;
mod minute;
mod skill_validator;

pub use bash_execution::{BashConfig, BashExecution};
pub use file_list::FileList;
pub use file_read::FileRead;
pub use file_search::FileSearch;
pub use file_write::{FileWrite, MAX_WRITTEN, WRITABLE_FOLDERS};
pub use metadata_extract::MetadataExtract;
pub use skill_validator::SkillValidator;
