use crate::{Options, simulate};
