//! What programs have in common: the hub's, the edge's, and those that test and
//! measure them.

mod beside;
mod exit;
mod folders;
mod parts;
mod signals;

pub use beside::program;
pub use exit::{exit_code, verdict};
pub use folders::{create_private, default_data_dir, own_folder};
pub use parts::until_end;
pub use signals::stop_on_signal;
