//! Python by its syntax tree.
//!
//! Every name that is read must be bound in the file, or be a builtin of the
//! allow-list. A module may only stand before a dot, and only names of
//! [`modules`] may follow: modules hold other modules (`json.codecs.builtins`),
//! so neither they nor their private names may be passed on. Attributes with
//! two underscores lead from any object to everything, and are refused but for
//! a few. What remains cannot reach what was not imported.

mod attributes;
mod bindings;
mod calls;
mod imports;
mod literals;
mod modules;
mod names;
mod walk;

pub(crate) use walk::check;
