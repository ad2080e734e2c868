use super::*;

fn file(path: &str, content: &str) -> WrittenFile {
    WrittenFile { path: path.parse().unwrap(), content: content.as_bytes().to_vec() }
}

/// The environment with the checkers, where a developer or CI made one.
fn checker() -> Option<VenvChecker> {
    let venv = std::env::var_os("AGENTOS_QUALITY_VENV").map(PathBuf::from)?;
    venv.join("bin/ruff").exists().then(|| VenvChecker::new(&venv))
}

const GOOD: &str = "\"\"\"Adds.\"\"\"\n\n\ndef add(a: int, b: int) -> int:\n    \"\"\"The sum.\"\"\"\n    return a + b\n";

#[tokio::test]
async fn what_is_well_made_passes_and_what_is_not_is_said() {
    let Some(checker) = checker() else {
        eprintln!("not run: AGENTOS_QUALITY_VENV names no environment with ruff, black and mypy");
        return;
    };
    assert_eq!(checker.check(&[file("skills/add.py", GOOD)]).await.unwrap(), []);
    assert_eq!(checker.check(&[file("skills/a.sh", "echo  1")]).await.unwrap(), []);
    let bad = "import os  # noqa\n\n\ndef add(a: int) -> str:\n    return  a + 1\n";
    let found =
        checker.check(&[file("skills/bad.py", bad), file("skills/add.py", GOOD)]).await.unwrap();
    let rules: Vec<_> = found.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, ["ruff", "mypy", "black"], "{found:?}");
    assert!(found.iter().all(|finding| finding.message.starts_with("skills/bad.py:")), "{found:?}");
    assert_eq!((found[0].line, found[1].line), (1, 5));
}

#[tokio::test]
async fn a_configuration_beside_the_code_is_not_heeded() {
    let Some(checker) = checker() else {
        eprintln!("not run: AGENTOS_QUALITY_VENV names no environment with ruff, black and mypy");
        return;
    };
    let plugin = "import pathlib\n\npathlib.Path(\"canary\").touch()\n";
    let files = [
        file(
            "pyproject.toml",
            "[tool.ruff]\nexclude = [\"*\"]\n[tool.mypy]\nplugins = [\"plugin\"]\n",
        ),
        file("mypy.ini", "[mypy]\nplugins = plugin.py\nignore_errors = True\n"),
        file("plugin.py", plugin),
        file("bad.py", "import os\n"),
    ];
    let found = checker.check(&files).await.unwrap();
    assert!(found.iter().any(|finding| finding.rule == "ruff"), "{found:?}");
}

#[tokio::test]
async fn checkers_that_are_not_there_are_said_so() {
    let missing = VenvChecker::new(std::path::Path::new("no/such/venv"));
    let error = missing.check(&[file("a.py", "")]).await.unwrap_err();
    assert_eq!(error.code(), "checker_not_runnable");
}
