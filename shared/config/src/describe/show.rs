//! What is in effect, and where it is from.

use std::fmt::Write as _;

use super::text::inline;
use crate::load::Loaded;

/// Every setting with its effective value and its origin, as YAML. Secrets
/// are masked.
#[must_use]
pub fn show<C>(loaded: &Loaded<C>) -> String {
    let mut out = match &loaded.file {
        Some(file) => format!("# {}\n", file.display()),
        None => "# no file: environment and defaults\n".to_owned(),
    };
    let mut sections: Vec<&str> = Vec::new();
    for setting in &loaded.origins {
        let mut path: Vec<_> = setting.key.split('.').collect();
        let Some(key) = path.pop() else { continue };
        let common = path.iter().zip(&sections).take_while(|(one, other)| one == other).count();
        for (depth, section) in path.iter().enumerate().skip(common) {
            let _ = writeln!(out, "{}{section}:", "  ".repeat(depth));
        }
        let indent = "  ".repeat(path.len());
        let _ = writeln!(out, "{indent}{key}: {}  # {}", inline(&setting.value), setting.origin);
        sections = path;
    }
    out
}
