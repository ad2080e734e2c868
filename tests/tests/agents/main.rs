//! The built-in agents at work: real hub, real tools, a real sandbox, and files
//! that are there afterwards. CodeAgent and ResearchAgent are led by a scripted
//! model, for the pocket model knows questions about files and nothing else;
//! FileOpsAgent is led by the pocket model itself.

#[cfg(target_os = "linux")]
mod code;
mod desk;
mod files;
mod research;
mod web;
