//! The rules that ARCHITECTURE.md and the house rules state, held by the code.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// Lines that no file may exceed.
const HARD_LIMIT: usize = 800;
/// Lines that a file outside the tests may not exceed.
const LIMIT: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The parts of the system, lowest first. An arrow points to a lower part, or
/// to a crate beside it where both are of the hub or both of the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// Vocabulary and protocol.
    Ground,
    /// The rules about calls of tools, over the vocabulary alone.
    Policy,
    /// What both machines use.
    Shared,
    /// The tools and the snapshots of files, over the sandbox; its launcher.
    Tools,
    /// What works on runs, on either machine.
    Worker,
    /// Components of the hub.
    Hub,
    /// Components of the edge.
    Edge,
    /// The hub's program.
    HubProgram,
    /// The edge's program.
    EdgeProgram,
    /// Programs that know only the API, and the form of the configuration.
    Client,
    /// Tests and developers' tools: may use everything.
    Outside,
}

impl Part {
    /// Where a crate belongs, by its folder.
    fn of(folder: &str) -> Option<Self> {
        Some(match folder {
            "proto" | "shared/domain" => Self::Ground,
            "shared/policy" => Self::Policy,
            "shared/tools" | "shared/snapshot" | "shared/sandbox/launcher" => Self::Tools,
            "shared/worker" => Self::Worker,
            "hub" => Self::HubProgram,
            "edge" => Self::EdgeProgram,
            "deploy/xtask" | "tests" => Self::Outside,
            _ if folder.starts_with("tests/") => Self::Outside,
            _ if folder.starts_with("shared/") => Self::Shared,
            _ if folder.starts_with("hub/") => Self::Hub,
            _ if folder.starts_with("edge/") => Self::Edge,
            _ if folder.starts_with("clients/") => Self::Client,
            _ => return None,
        })
    }

    fn may_use(self, other: &str, part: Self) -> bool {
        use Part::{
            Client, Edge, EdgeProgram, Ground, Hub, HubProgram, Outside, Policy, Shared, Tools,
            Worker,
        };
        match self {
            Ground => false,
            Policy => part == Ground,
            Shared => matches!(part, Ground | Policy),
            Tools => matches!(part, Ground | Policy | Shared),
            Worker => matches!(part, Ground | Policy | Shared | Tools),
            Hub => matches!(part, Ground | Policy | Shared | Tools | Hub),
            Edge => matches!(part, Ground | Policy | Shared | Tools | Edge),
            HubProgram => matches!(part, Ground | Policy | Shared | Tools | Worker | Hub),
            EdgeProgram => matches!(part, Ground | Policy | Shared | Tools | Worker | Edge),
            Client => matches!(other, "agentos-domain" | "agentos-config"),
            Outside => true,
        }
    }
}

#[test]
fn layers_point_one_way() -> Result<()> {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec()?;
    let base = metadata.workspace_root.as_std_path();
    let mut parts = HashMap::new();
    for package in &metadata.packages {
        let folder = package.manifest_path.parent().context("no folder")?.as_std_path();
        let folder = folder.strip_prefix(base)?.to_string_lossy().into_owned();
        let part = Part::of(&folder)
            .with_context(|| format!("{folder} is no part of the system: add it to this test"))?;
        parts.insert(package.name.to_string(), part);
    }
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let part = parts[&package.name.to_string()];
        for dependency in &package.dependencies {
            let Some(other) = parts.get(&dependency.name) else { continue };
            let tested = dependency.kind == DependencyKind::Development;
            if !tested && !part.may_use(&dependency.name, *other) {
                wrong.push(format!("{} → {}", package.name, dependency.name));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that point upwards or across: {wrong:?}");
    Ok(())
}

/// The platform of this machine, as the compiler calls it.
fn platform() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("no rustc")?;
    let said = String::from_utf8(output.stdout)?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc names no host")?.to_owned())
}

/// The names of everything that `root` links, tests left out.
fn linked(metadata: &Metadata, root: &str) -> Result<BTreeSet<String>> {
    let resolve = metadata.resolve.as_ref().context("nothing was resolved")?;
    let names: HashMap<&PackageId, String> =
        metadata.packages.iter().map(|package| (&package.id, package.name.to_string())).collect();
    let nodes: HashMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let start = names.iter().find(|(_, name)| *name == root).context("no such crate")?;
    let (mut waiting, mut seen) = (vec![*start.0], HashSet::new());
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        let Some(node) = nodes.get(id) else { continue };
        let linked = |kinds: &[cargo_metadata::DepKindInfo]| {
            kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
        };
        waiting.extend(node.deps.iter().filter(|dep| linked(&dep.dep_kinds)).map(|dep| &dep.pkg));
    }
    Ok(seen.into_iter().filter_map(|id| names.get(id).cloned()).collect())
}

#[test]
fn the_hub_links_no_inference_engine() -> Result<()> {
    let options = ["--locked".to_owned(), "--filter-platform".to_owned(), platform()?];
    let metadata = MetadataCommand::new().current_dir(root()).other_options(options).exec()?;
    let heavy = |name: &String| name.starts_with("llama-cpp") || name.starts_with("candle");
    let hub = linked(&metadata, "agentos-hub")?;
    let found: Vec<_> = hub.iter().filter(|name| heavy(name)).collect();
    assert!(found.is_empty(), "the hub links {found:?}");
    // The way of looking is right: the edge does link one.
    assert!(linked(&metadata, "agentos-edge")?.iter().any(heavy));
    Ok(())
}

/// All files of Rust code in the repository.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if entry.file_type()?.is_dir() {
            if !name.starts_with('.') && name != "target" {
                sources(&path, found)?;
            }
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    Ok(())
}

fn all_sources() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    sources(&root(), &mut found)?;
    assert!(found.len() > 100, "only {} files found", found.len());
    Ok(found)
}

#[test]
fn no_file_is_too_long() -> Result<()> {
    let mut wrong = Vec::new();
    for path in all_sources()? {
        let shown = path.strip_prefix(root())?.to_string_lossy().into_owned();
        let is_test = shown.contains("/tests/") || shown.ends_with("/tests.rs");
        let lines = std::fs::read_to_string(&path)?.lines().count();
        let limit = if is_test { HARD_LIMIT } else { LIMIT };
        if lines > limit {
            wrong.push(format!("{shown}: {lines} lines, at most {limit}"));
        }
    }
    assert!(wrong.is_empty(), "split these files by topic:\n{}", wrong.join("\n"));
    Ok(())
}

/// The names between back-ticks after the word `test` or `tests`.
fn named_tests(invariant: &str) -> Vec<&str> {
    let Some((_, after)) = invariant.rsplit_once("test") else { return Vec::new() };
    let quoted = after.split('`').skip(1).step_by(2);
    quoted.map(|path| path.rsplit("::").next().unwrap_or(path)).collect()
}

/// The invariants of ARCHITECTURE.md: each begins `- **I<number>**`, and goes
/// on to the next item or the next empty line.
fn invariants(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let number = line.strip_prefix("- **I").and_then(|rest| rest.split_once("**"));
        if number.is_some_and(|(number, _)| number.parse::<u32>().is_ok()) {
            found.push(line.to_owned());
            inside = true;
        } else if line.trim().is_empty() || line.starts_with(['-', '#']) {
            inside = false;
        } else if let (true, Some(last)) = (inside, found.last_mut()) {
            last.push(' ');
            last.push_str(line.trim());
        }
    }
    found
}

#[test]
fn every_invariant_names_a_test_that_exists() -> Result<()> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md"))
        .context("there is no ARCHITECTURE.md")?;
    let invariants = invariants(&text);
    assert!(!invariants.is_empty(), "no line begins `- **I1**`");
    let code: Vec<String> =
        all_sources()?.iter().map(std::fs::read_to_string).collect::<Result<_, _>>()?;
    let mut wrong = Vec::new();
    for invariant in &invariants {
        let tests = named_tests(invariant);
        if tests.is_empty() {
            wrong.push(format!("names no test: {invariant}"));
        }
        for test in tests {
            let function = format!("fn {test}(");
            if !code.iter().any(|code| code.contains(&function)) {
                wrong.push(format!("there is no test `{test}`: {invariant}"));
            }
        }
    }
    let numbers: Vec<_> = invariants.iter().map(|line| line.split("**").nth(1)).collect();
    let distinct: HashSet<_> = numbers.iter().collect();
    assert_eq!(distinct.len(), numbers.len(), "a number was given twice: {numbers:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn invariants_are_read_as_they_are_written() {
    let text = "# I\n- **I1** One thing.\n  And more (test: `a::b::one`)\n- **I2** Two. \
        (tests: `two`, `three`)\n\nNo `code` of it.\n- **In general** not one.\n";
    let found = invariants(text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(named_tests(&found[0]), ["one"]);
    assert_eq!(named_tests(&found[1]), ["two", "three"]);
    assert!(named_tests("- **I3** Nothing holds it.").is_empty());
}

/// The names in `crash_point("…")` of a source.
fn points_in(code: &str) -> Vec<String> {
    let calls = code.split("crash_point(\"").skip(1);
    calls.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}

/// The folder of the part of the system that a point's name begins with.
fn room_of(point: &str) -> &'static str {
    match point.split('.').next() {
        Some("store") => "hub/store/src",
        Some("hub") => "hub/",
        // What works on runs.
        _ => "shared/worker/src",
    }
}

#[test]
fn every_crash_point_is_in_the_table_and_used_once() -> Result<()> {
    let mut used: HashMap<String, Vec<String>> = HashMap::new();
    for path in all_sources()? {
        let shown = path.strip_prefix(root())?.to_string_lossy().into_owned();
        if shown.starts_with("tests/") || shown.starts_with("shared/faults/") {
            continue;
        }
        for point in points_in(&std::fs::read_to_string(&path)?) {
            used.entry(point).or_default().push(shown.clone());
        }
    }
    let mut wrong = Vec::new();
    for point in agentos_faults::POINTS {
        let places = used.remove(point.name).unwrap_or_default();
        if places.len() != 1 || !places[0].starts_with(room_of(point.name)) {
            wrong.push(format!("{} is used in {places:?}", point.name));
        }
    }
    wrong.extend(used.into_iter().map(|(name, places)| format!("{name} of {places:?} is unknown")));
    assert!(wrong.is_empty(), "see shared/faults/src/points.rs:\n{}", wrong.join("\n"));
    assert!(agentos_faults::POINTS.len() >= 30, "the table has shrunk");
    Ok(())
}

#[test]
fn no_shipped_program_has_crash_points() -> Result<()> {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec()?;
    let mut users = BTreeSet::new();
    for package in &metadata.packages {
        for dependency in &package.dependencies {
            if dependency.name == "agentos-faults"
                && dependency.features.iter().any(|feature| feature == "crash-points")
            {
                users.insert(package.name.to_string());
            }
        }
        let forwards = |(name, parts): (&String, &Vec<String>)| {
            name == "default" || parts.iter().any(|part| part.contains("agentos-faults"))
        };
        let forwards = package.features.iter().any(forwards);
        assert!(!forwards, "{} has a feature that could switch them on", package.name);
    }
    assert_eq!(users, BTreeSet::from(["agentos-tests".to_owned()]));
    Ok(())
}

#[test]
fn crash_points_are_read_as_they_are_written() {
    let code = "a();\n agentos_faults::crash_point(\"x.y\");\n b(crash_point(\"z\"))";
    assert_eq!(points_in(code), ["x.y", "z"]);
}
