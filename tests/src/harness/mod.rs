//! Real processes of the hub and of the edge, and what tests do to them.
//!
//! A [`System`] is one hub and one edge on this machine, each in a data folder
//! of its own. Everything that waits polls an observable condition and gives
//! up after [`DEADLINE`]. Processes are killed when their owner is dropped;
//! their logs are shown unless the test has said [`Place::passed`].

mod client;
mod cloud;
mod edge;
mod events;
mod hub;
mod journal;
#[cfg(target_os = "linux")]
mod namespace;
#[cfg(target_os = "linux")]
mod network;
mod place;
mod probe;
mod process;
#[cfg(target_os = "linux")]
mod small_disk;
mod system;
mod wait;

pub use client::{Client, Reply, builder};
pub use cloud::cloud_config;
pub use edge::{Edge, EdgeProgram};
pub use events::{Event, EventPlace, Watch};
pub use hub::{Hub, HubPorts};
pub use journal::{Counts, check_continued, check_whole};
#[cfg(target_os = "linux")]
pub use namespace::{Namespace, inside};
#[cfg(target_os = "linux")]
pub use network::{Network, Way};
pub use place::{Place, note, skip};
pub use probe::Probe;
pub use process::{Launch, Process};
#[cfg(target_os = "linux")]
pub use small_disk::SmallDisk;
pub use system::{Setup, System};
pub use wait::{DEADLINE, PAUSE, eventually};
