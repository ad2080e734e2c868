//! The table of settings as text: an example, a schema, and what is in effect.

mod example;
mod schema;
mod show;
mod text;

pub use example::example;
pub use schema::schema;
pub use show::show;
