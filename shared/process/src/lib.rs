//! What the hub's and the edge's programs have in common.

mod exit;
mod folders;
mod parts;
mod signals;

pub use exit::exit_code;
pub use folders::{create_private, default_data_dir};
pub use parts::until_end;
pub use signals::stop_on_signal;
