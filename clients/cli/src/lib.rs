//! The command line of the hub: asks its REST API, shows tasks as they happen.
//!
//! - `args`: what can be typed
//! - `settings`: where the hub is and with which key, from arguments, environment and login
//! - `trust`: which certificates of a hub that speaks https are accepted
//! - `client`: the REST API, `error`: what can go wrong and the exit code of each
//! - `terminal`: the only place that prints; makes foreign text harmless
//! - `live`: events of a task, `render`: how they look, `follow`: reconnecting
//! - `task`, `approvals`, `schedule`, `files`, `edge`, `key`, `login`, `config`, `health`, `doctor`: the commands

mod approvals;
mod args;
mod billing;
mod calibrate;
mod client;
mod commands;
mod config;
mod doctor;
mod edge;
mod error;
mod files;
mod follow;
mod health;
mod key;
mod live;
mod login;
mod provider_key;
mod render;
mod schedule;
mod settings;
mod spending;
mod task;
mod terminal;
mod text;
mod trust;

pub use args::Cli;
pub use commands::main;
