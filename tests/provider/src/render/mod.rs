//! Answers as bytes: rendered once for each form in which they are asked for.

mod chat;
mod event;
mod messages;
mod parts;
mod responses;

pub(crate) use event::{data, named};
pub(crate) use parts::{CREATED, Form, MODEL, Rendered, Shape, render};
