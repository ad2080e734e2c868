//! JavaScript for Node by its syntax tree.
//!
//! Every name that is read must be declared in the file, or be a global of the
//! allow-list. From any value `constructor` leads to a function that runs text,
//! so that property and what is like it are refused, also where they are spelt
//! in pieces; so is calling what a computed name leads to.

mod bindings;
mod calls;
mod literals;
mod names;
mod walk;

pub(crate) use walk::check;
