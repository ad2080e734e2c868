//! Runs whose calls change files.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use agentos_domain::{Change, Changeset};
use tokio::sync::Notify;

use super::*;

/// Does what its arguments say, in this order: `write` (a path and a text that
/// is added), `remove` (a path), `link` (a path), then `fail` or `hang`.
#[derive(Default)]
pub(super) struct Edit {
    spec: OnceLock<ToolSpec>,
    hangs: Notify,
}

/// The real path of the folder: this tool works like a foreign program.
fn folder_of(context: &ToolContext) -> PathBuf {
    let marker = "where-am-i".parse().unwrap();
    context.root.write_atomic(&marker, context.idempotency_key.as_bytes()).unwrap();
    let is_it = |folder: &PathBuf| {
        std::fs::read_to_string(folder.join("where-am-i"))
            .is_ok_and(|t| t == context.idempotency_key)
    };
    let found = RUNS
        .lock()
        .unwrap()
        .iter()
        .flat_map(|runs| {
            std::fs::read_dir(runs).into_iter().flatten().map(|entry| entry.unwrap().path())
        })
        .find(is_it)
        .unwrap();
    std::fs::remove_file(found.join("where-am-i")).unwrap();
    found
}

/// Where the folders of runs are, of all tests of this process.
static RUNS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

#[async_trait]
impl Tool for Edit {
    fn spec(&self) -> &ToolSpec {
        self.spec.get_or_init(|| {
            ToolSpec::new(
                "edit".parse().unwrap(),
                ToolClass::Idempotent,
                "Changes files",
                serde_json::json!({ "type": "object" }),
            )
            // What the policy says is tried elsewhere.
            .with_effect(agentos_domain::Effect::None)
            .needs("fs.write")
        })
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<Value, ToolError> {
        let folder = folder_of(context);
        if let Some(path) = arguments["write"].as_str() {
            use std::io::Write as _;
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut file =
                std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
            file.write_all(arguments["text"].as_str().unwrap().as_bytes()).unwrap();
        }
        if let Some(path) = arguments["remove"].as_str() {
            std::fs::remove_file(folder.join(path)).unwrap();
        }
        if let Some(path) = arguments["link"].as_str() {
            symlink("/etc/passwd", folder.join(path)).unwrap();
        }
        if arguments["hang"] == true {
            self.hangs.notified().await;
        }
        if arguments["fail"] == true {
            return Err(ToolError::new("broken", "it broke"));
        }
        Ok("edited".into())
    }
}

fn edit(arguments: Value) -> Completion {
    says("", Some(("edit", arguments)))
}

fn read(path: &str) -> Completion {
    says("", Some(("file_read", serde_json::json!({ "path": path }))))
}

fn add(path: &str, text: &str) -> Value {
    serde_json::json!({ "write": path, "text": text })
}

fn begin(script: Vec<Completion>, hub: MemoryHub, journal: &Journal) -> Scene {
    let scene = scene(script, hub, journal);
    RUNS.lock().unwrap().push(scene.dir.path().join("runs"));
    scene
}

impl Scene {
    fn results(&self) -> Vec<(ToolOutcome, Changeset)> {
        let entries = self.hub.entries.lock().unwrap().clone();
        let results = entries.into_iter().filter_map(|entry| match entry {
            Entry::ToolResult { outcome, changes, .. } => Some((outcome, changes)),
            _ => None,
        });
        results.collect()
    }

    /// What the model read last.
    fn told(&self) -> String {
        self.engine.requests().last().unwrap().messages.last().unwrap().content.clone()
    }
}

fn text(outcome: &ToolOutcome) -> String {
    match outcome {
        ToolOutcome::Ok(value) => value.to_string(),
        ToolOutcome::Err(error) => error.code.clone(),
    }
}

fn note_and(more: &str) -> String {
    format!("{}{more}", std::str::from_utf8(NOTE).unwrap())
}

#[tokio::test]
async fn what_a_call_changed_goes_with_its_result_and_the_next_call_finds_it() {
    let script = vec![
        edit(add("notes.md", ", and in May")),
        edit(add("new/list.md", "one")),
        read("notes.md"),
        edit(serde_json::json!({ "remove": "new/list.md" })),
        says("Done.", None),
    ];
    let scene = begin(script, MemoryHub::default(), &Journal::new());
    scene.run(Journal::new()).await.unwrap();
    let results = scene.results();
    let (new, base) = (note_and(", and in May"), BlobHash::of(NOTE));
    let Some(Change::Put { hash, size, base: seen, .. }) = results[0].1.files.get("notes.md")
    else {
        panic!("{results:?}")
    };
    assert_eq!((*hash, *size, *seen), (BlobHash::of(new.as_bytes()), new.len() as u64, Some(base)));
    assert_eq!(results[1].1.files.keys().map(|p| p.as_str()).collect::<Vec<_>>(), ["new/list.md"]);
    assert!(text(&results[2].0).contains("and in May") && results[2].1.is_empty());
    let gone = Change::Delete { base: BlobHash::of(b"one") };
    assert_eq!(results[3].1.files, [("new/list.md".parse().unwrap(), gone)].into());
    let brought: Vec<_> = scene.hub.blobs.lock().unwrap().values().cloned().collect();
    assert_eq!(brought.len(), 2);
    assert!(brought.contains(&new.into_bytes()) && brought.contains(&b"one".to_vec()));
    assert!(std::fs::read_dir(scene.dir.path().join("runs")).unwrap().next().is_none());
}

/// From the journal and the manifest alone, with an empty cache.
#[tokio::test]
async fn another_edge_takes_over_with_the_files_of_the_last_step() {
    let script = vec![edit(add("notes.md", " 1")), says("Done.", None)];
    let first = begin(script, MemoryHub::default(), &Journal::new());
    first.run(Journal::new()).await.unwrap();
    let entries = first.hub.entries.lock().unwrap()[..3].to_vec();
    let mut manifest = first.assignment(Journal::new()).manifest;
    manifest.apply(&first.results()[0].1).unwrap();

    let journal = Journal::replay(entries).unwrap();
    let brought = std::mem::take(&mut *first.hub.blobs.lock().unwrap());
    let hub = MemoryHub { blobs: Mutex::new(brought), ..MemoryHub::default() };
    let script = vec![edit(add("notes.md", " 2")), read("notes.md"), says("Done.", None)];
    let second = begin(script, hub, &journal);
    let mut assignment = second.assignment(journal);
    assignment.manifest = manifest;
    let (bench, attempt) = (Arc::clone(&second.bench), Arc::clone(&second.attempt));
    Runner::run(bench, attempt, assignment).await.unwrap();
    let results = second.results();
    assert_eq!(
        results[1].1.files["notes.md"].base(),
        Some(BlobHash::of(note_and(" 1").as_bytes()))
    );
    assert!(text(&results[2].0).contains(&note_and(" 1 2")), "{results:?}");
    assert_eq!(*second.hub.fetched.lock().unwrap(), [BlobHash::of(note_and(" 1").as_bytes())]);
}

#[tokio::test]
async fn what_a_failed_call_left_is_undone() {
    let mut broken = add("notes.md", ", half");
    broken["fail"] = true.into();
    let script = vec![edit(broken), read("notes.md"), says("It failed.", None)];
    let scene = begin(script, MemoryHub::default(), &Journal::new());
    scene.run(Journal::new()).await.unwrap();
    let results = scene.results();
    assert_eq!((text(&results[0].0).as_str(), results[0].1.is_empty()), ("broken", true));
    assert!(!text(&results[1].0).contains("half"), "{results:?}");
    assert!(scene.hub.blobs.lock().unwrap().is_empty());
}

#[tokio::test]
async fn changes_that_cannot_be_taken_are_undone_and_told() {
    let mut odd = add("notes.md", ", odd");
    odd["link"] = "passwords".into();
    let script = vec![edit(odd), read("notes.md"), says("It failed.", None)];
    let scene = begin(script, MemoryHub::default(), &Journal::new());
    scene.run(Journal::new()).await.unwrap();
    let results = scene.results();
    assert_eq!((text(&results[0].0).as_str(), results[0].1.is_empty()), ("not_a_file", true));
    assert!(!text(&results[1].0).contains("odd"), "{results:?}");
}

/// A process dies in a call. The next one makes the call again, in the folder
/// as of the last step.
#[tokio::test]
async fn a_call_that_is_made_again_finds_nothing_of_its_first_try() {
    let mut slow = add("notes.md", ", once");
    slow["hang"] = true.into();
    let scene = begin(vec![edit(slow.clone())], MemoryHub::default(), &Journal::new());
    let mut process = tokio::task::JoinSet::new();
    let run = process.spawn({
        let (bench, attempt) = (Arc::clone(&scene.bench), Arc::clone(&scene.attempt));
        Runner::run(bench, attempt, scene.assignment(Journal::new()))
    });
    let runs = scene.dir.path().join("runs");
    let written = || {
        let folder = std::fs::read_dir(&runs).unwrap().next()?.unwrap().path();
        let file = folder.join("notes.md");
        std::fs::read_to_string(&file).ok().filter(|text| text.ends_with("once"))?;
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o644);
        Some(())
    };
    while written().is_none() {
        tokio::task::yield_now().await;
    }
    run.abort();
    assert!(process.join_next().await.unwrap().unwrap_err().is_cancelled());

    let mut entries = scene.hub.entries.lock().unwrap().clone();
    for entry in &mut entries {
        if let Entry::ToolIntent { call, .. } = entry {
            call.arguments["hang"] = false.into();
        }
        if let Entry::ModelReply { tool_calls, .. } = entry {
            tool_calls[0].arguments["hang"] = false.into();
        }
    }
    let journal = Journal::replay(entries).unwrap();
    let again = begin(vec![says("Done.", None)], MemoryHub::default(), &journal);
    again.run(journal).await.unwrap();
    assert_eq!(again.kinds()[2..4], ["tool_retry", "tool_result"]);
    let contents = again.results()[0].1.contents();
    assert_eq!(
        contents.into_keys().collect::<Vec<_>>(),
        [BlobHash::of(note_and(", once").as_bytes())]
    );
}

#[tokio::test]
async fn a_run_gives_way_to_what_somebody_else_changed_and_its_model_is_told() {
    let path = "notes.md".parse().unwrap();
    let obstacles = Mutex::new([Taken::Conflicts(vec![path])].into());
    let hub = MemoryHub { obstacles, ..MemoryHub::default() };
    let script = vec![edit(add("notes.md", ", mine")), read("notes.md"), says("Done.", None)];
    let scene = begin(script, hub, &Journal::new());
    scene.run(Journal::new()).await.unwrap();
    let name = format!("notes ({}).md", scene.attempt.task);
    let results = scene.results();
    assert_eq!(results[0].1.files.keys().map(|p| p.as_str()).collect::<Vec<_>>(), [&name]);
    let requests = scene.engine.requests();
    let told = &requests[1].messages.last().unwrap().content;
    assert!(told.contains("edited") && told.contains(&name), "{told}");
    assert!(!text(&results[1].0).contains("mine"), "the run's own copy follows the journal");
    assert!(!scene.told().contains("mine"));
}

/// A process that dies between a result and its report leaves both the result
/// and the content to the next.
#[tokio::test]
async fn a_kept_result_brings_its_content_along() {
    let script = vec![edit(add("notes.md", ", kept")), says("Done.", None)];
    let scene = begin(script, MemoryHub::default(), &Journal::new());
    scene.run(Journal::new()).await.unwrap();
    let entries = scene.hub.entries.lock().unwrap()[..3].to_vec();
    // The hub knows of the call, and of no result.
    scene.hub.entries.lock().unwrap().truncate(2);
    scene.hub.blobs.lock().unwrap().clear();
    let mut assignment = scene.assignment(Journal::replay(entries).unwrap());
    assignment.durable = 2;
    let attempt = Arc::clone(&scene.attempt);
    // The script is over: the model's turn ends the run, the report came before.
    Runner::run(Arc::clone(&scene.bench), attempt, assignment).await.ok();
    assert_eq!(scene.kinds()[..3], ["model_reply", "tool_intent", "tool_result"]);
    let brought = scene.hub.blobs.lock().unwrap().clone();
    assert_eq!(brought.into_values().collect::<Vec<_>>(), [note_and(", kept").into_bytes()]);
}

#[tokio::test]
async fn content_that_the_hub_does_not_have_stays_in_the_cache() {
    let scene = begin(vec![], MemoryHub::default(), &Journal::new());
    let dir = tempfile::tempdir().unwrap();
    let files = RunFiles::open(dir.path(), 0, Blocking::Threads).unwrap();
    let manifest = Arc::new(scene.assignment(Journal::new()).manifest);
    let lay_out = async || files.lay_out(&scene.attempt, &manifest, &*scene.hub).await.unwrap();
    let folder = lay_out().await;
    files.make_writable(&folder, &manifest).await.unwrap();
    folder.root.write_atomic(&"new".parse().unwrap(), &b"new"[..]).unwrap();
    let (changes, pinned) = files.take_changes(folder, &manifest).await.unwrap().unwrap();
    let (hash, size) = changes.contents().pop_first().unwrap();
    let upload = async || files.upload(&scene.attempt, &hash, size, &*scene.hub).await;
    let other = files.pin(&changes);
    drop(pinned);
    lay_out().await;
    upload().await.unwrap();
    drop(other);
    lay_out().await;
    assert!(matches!(upload().await, Err(WorkerError::Spool(_))));
}
