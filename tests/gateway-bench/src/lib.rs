//! What the gateway costs: the hub's API of OpenAI beside a bare proxy, in the
//! same run.
//!
//! ```text
//!            ┌─────────────────────────────► mock-provider   direct
//!  client ───┼─► bare-proxy ───────────────► mock-provider   bare
//!  (here)    ├─► agentos-hub, free model ──► mock-provider   free
//!            └─► agentos-hub, with budget ─► mock-provider   priced
//! ```
//! All but the client are processes of their own. The rounds are interleaved:
//! each measures all four, and what one adds is the difference within a round,
//! so that other work on the machine falls on both sides of it.
//!
//! The load is open: requests are sent when they are due, whether or not earlier
//! ones are answered, and a latency counts from when the request was due.
//! Processor time is that of the measured process and its children, by the
//! system's own count.

mod client;
mod load;
mod machine;
mod options;
mod process;
mod report;
mod request;
mod rounds;
mod run;
mod soak;
mod stats;
mod target;

pub use options::Options;
pub use report::{Figures, Line, table};
pub use run::{Outcome, run};
