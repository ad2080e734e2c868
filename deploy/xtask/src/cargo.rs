//! Where things are built, and by which cargo.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The root of the clone.
pub(crate) fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.ancestors().nth(2).map_or_else(|| here.clone(), Path::to_path_buf)
}

/// Where builds go: `CARGO_TARGET_DIR`, else a folder outside the clone, so
/// that a second clean clone uses the dependencies again.
pub(crate) fn target_dir(env: &dyn Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let path = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(target) = path("CARGO_TARGET_DIR") {
        return Ok(target);
    }
    let cache = cache_dir(env).context("or set CARGO_TARGET_DIR")?;
    Ok(cache.join("target"))
}

/// Where what can be had again is kept, for every clone.
pub(crate) fn cache_dir(env: &dyn Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let path = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = path("XDG_CACHE_HOME").filter(|cache| cache.is_absolute());
    let cache = cache.or_else(|| path("HOME").map(|home| home.join(".cache")));
    Ok(cache.context("set HOME, so that there is a place to build")?.join("agentos"))
}

/// `cargo ARGS` in the root of the clone.
pub(crate) fn cargo(args: &[&str]) -> Result<Command> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    command.env("CARGO_TARGET_DIR", target_dir(&|name| std::env::var_os(name))?);
    Ok(command)
}

/// Builds binaries and gives the folder that they lie in.
pub(crate) fn build(packages: &[&str], release: bool) -> Result<PathBuf> {
    let mut args = vec!["build", "--bins"];
    for package in packages {
        args.extend(["--package", package]);
    }
    if release {
        args.push("--release");
    }
    let status = cargo(&args)?.status().context("cargo could not be started")?;
    if !status.success() {
        bail!("the build failed; repeat it with `cargo {}`", args.join(" "));
    }
    binaries(release)
}

/// The folder that built binaries lie in.
pub(crate) fn binaries(release: bool) -> Result<PathBuf> {
    let target = target_dir(&|name| std::env::var_os(name))?;
    // A relative CARGO_TARGET_DIR is relative to where cargo runs.
    Ok(root().join(target).join(if release { "release" } else { "debug" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(env: &[(&str, &str)]) -> Option<String> {
        let lookup = |name: &str| {
            env.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        target_dir(&lookup).ok().map(|path| path.display().to_string())
    }

    #[test]
    fn builds_go_outside_the_clone_unless_told_otherwise() {
        let home = ("HOME", "/home/a");
        let default = Some("/home/a/.cache/agentos/target".to_owned());
        assert_eq!(choose(&[home]), default);
        assert_eq!(choose(&[home, ("XDG_CACHE_HOME", "/c")]), Some("/c/agentos/target".into()));
        assert_eq!(choose(&[home, ("XDG_CACHE_HOME", "relative")]), default);
        assert_eq!(choose(&[home, ("CARGO_TARGET_DIR", "/t")]), Some("/t".into()));
        assert_eq!(choose(&[home, ("CARGO_TARGET_DIR", "")]), default);
        assert_eq!(choose(&[]), None);
    }

    #[test]
    fn the_root_of_the_clone_holds_the_workspace() {
        let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[workspace]"));
    }
}
