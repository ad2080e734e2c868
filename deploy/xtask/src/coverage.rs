//! Which lines the tests of the API, of the configuration and of the kernel reach.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo::{self, cargo};
use crate::say;

/// What is measured: a crate, its folder, and the least share of its lines that
/// its own tests have to reach, in percent.
const MEASURED: [(&str, &str, f64); 3] = [
    ("agentos-config", "shared/config/src", 90.0),
    ("agentos-api", "hub/api/src", 90.0),
    ("agentos-kernel", "hub/kernel/src", 90.0),
];

/// `cargo xtask coverage`: runs the tests of the crates, instrumented. They
/// build without llama.cpp.
pub(crate) fn run() -> Result<u8> {
    let version = cargo(&["llvm-cov", "--version"])?.output().context("cargo was not started")?;
    if !version.status.success() {
        bail!(
            "cargo-llvm-cov is not installed: `cargo install cargo-llvm-cov --locked` and \
             `rustup component add llvm-tools`"
        );
    }
    let target = cargo::target_dir(&|name| std::env::var_os(name))?.join("coverage");
    let report = target.join("report.json");
    let mut args = vec!["llvm-cov", "test", "--json", "--summary-only"];
    args.extend(MEASURED.iter().flat_map(|(name, ..)| ["--package", name]));
    let path = report.to_str().context("a path that is no UTF-8")?;
    args.extend(["--output-path", path]);
    say::stage("coverage: cargo llvm-cov");
    std::fs::create_dir_all(&target)?;
    // A folder of its own: instrumented and plain builds would undo each other.
    let status = cargo(&args)?.env("CARGO_TARGET_DIR", &target).status()?;
    if !status.success() {
        bail!("the tests failed");
    }
    let text = std::fs::read_to_string(&report).context("llvm-cov wrote no report")?;
    judge(&serde_json::from_str(&text)?, &cargo::root())
}

/// Prints the shares; 1 where one is too small.
fn judge(report: &Value, root: &Path) -> Result<u8> {
    let mut code = 0;
    let mut line = serde_json::Map::new();
    for (name, folder, least) in MEASURED {
        let (covered, count) = lines(report, &root.join(folder));
        if count == 0 {
            bail!("the report names no file of {folder}");
        }
        let percent = covered as f64 * 100.0 / count as f64;
        say::line(&format!(
            "{name}: {covered} of {count} lines, {percent:.1} % (at least {least})"
        ));
        line.insert(name.to_owned(), ((percent * 10.0).round() / 10.0).into());
        if percent < least {
            code = 1;
        }
    }
    say::line(&Value::Object(line).to_string());
    Ok(code)
}

/// The lines that tests reached and all lines, of a folder without its tests.
fn lines(report: &Value, folder: &Path) -> (u64, u64) {
    let files = report["data"].as_array().into_iter().flatten();
    let files = files.flat_map(|data| data["files"].as_array().into_iter().flatten());
    files
        .filter(|file| {
            let path = Path::new(file["filename"].as_str().unwrap_or_default());
            let inside = path.strip_prefix(folder).ok();
            inside.is_some_and(|path| path.components().all(|part| !is_test(part.as_os_str())))
        })
        .fold((0, 0), |(covered, count), file| {
            let lines = &file["summary"]["lines"];
            let number = |member: &str| lines[member].as_u64().unwrap_or(0);
            (covered + number("covered"), count + number("count"))
        })
}

fn is_test(part: &std::ffi::OsStr) -> bool {
    part == "tests" || part == "tests.rs"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(covered: u64) -> Value {
        let file = |name: &str, covered: u64| {
            let lines = json!({ "count": 100, "covered": covered });
            json!({ "filename": format!("/r/{name}"), "summary": { "lines": lines } })
        };
        json!({ "data": [{ "files": [
            file("shared/config/src/lib.rs", covered),
            file("shared/config/src/tests/lib.rs", 0),
            file("hub/api/src/tasks.rs", 95),
            file("hub/api/src/session/tests.rs", 0),
            file("hub/kernel/src/lib.rs", 95),
            file("hub/engine/src/lib.rs", 0),
        ] }] })
    }

    #[test]
    fn tests_and_other_crates_do_not_count() {
        assert_eq!(lines(&report(91), Path::new("/r/shared/config/src")), (91, 100));
        assert_eq!(judge(&report(91), Path::new("/r")).unwrap(), 0);
        assert_eq!(judge(&report(89), Path::new("/r")).unwrap(), 1);
        assert!(judge(&report(91), Path::new("/elsewhere")).is_err());
    }
}
