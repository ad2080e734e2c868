//! What runs change of files.

use agentos_domain::{
    BlobHash, Change, Changeset, EdgeId, Entry, Fence, Manifest, RelPath, TaskStatus, ToolClass,
    ToolOutcome, WorkspaceId,
};
use agentos_store::{Appended, BlobOffer, Claimed, Store, StoreError};

use crate::fixture::{add_task, append, at, call, claim, file, held, intent, reply, ws};

/// How many bytes a run may bring here.
const LIMIT: u64 = 100;

fn path(text: &str) -> RelPath {
    text.parse().unwrap()
}

fn hash(text: &str) -> BlobHash {
    BlobHash::of(text.as_bytes())
}

fn put(text: &str, base: Option<&str>) -> Change {
    let entry = file(text);
    let (hash, size, modified) = (entry.hash, entry.size, entry.modified);
    Change::Put { hash, size, modified, base: base.map(|text| BlobHash::of(text.as_bytes())) }
}

fn delete(base: &str) -> Change {
    Change::Delete { base: hash(base) }
}

fn changes(files: &[(&str, Change)]) -> Changeset {
    let files = files.iter().map(|(name, change)| (path(name), change.clone())).collect();
    Changeset { files, ..Changeset::default() }
}

fn result(id: &str, files: &[(&str, Change)]) -> Entry {
    let (call_id, outcome) = (id.to_owned(), ToolOutcome::Ok(serde_json::json!("written")));
    Entry::ToolResult { call_id, outcome, duration_ms: 1, changes: changes(files) }
}

fn offer(run: &Claimed, text: &str, now: i64) -> BlobOffer {
    let (edge, held) = (run.edge.clone(), held(run));
    BlobOffer { edge, held, hash: hash(text), size: text.len() as u64, limit: LIMIT, now: at(now) }
}

async fn bring(store: &dyn Store, run: &Claimed, texts: &[&str]) {
    for text in texts {
        store.note_blob(offer(run, text, 2)).await.unwrap();
    }
}

/// Files of a workspace.
async fn fill(store: &dyn Store, files: &[(&str, &str)]) -> WorkspaceId {
    for (name, text) in files {
        store.put_file(&ws("a"), &path(name), &file(text), at(0)).await.unwrap();
    }
    ws("a")
}

/// A run in the middle of its first call; three calls are to be made.
async fn in_a_call(store: &dyn Store) -> Claimed {
    add_task(store, "a", 0).await;
    let run = claim(store, &EdgeId::generate(), 1).await;
    let calls = ["1", "2", "3"].map(|id| call(id, "x")).to_vec();
    let entries = [reply(calls), intent("1", "x", ToolClass::Idempotent)];
    append(store, &run, 1, &entries, 2).await.unwrap();
    run
}

/// Ends the first call of a run.
async fn end_call(
    store: &dyn Store,
    run: &Claimed,
    files: &[(&str, Change)],
) -> Result<Appended, StoreError> {
    append(store, run, 3, &[result("1", files)], 3).await
}

async fn files(store: &dyn Store, ws: &WorkspaceId) -> Vec<(String, BlobHash)> {
    contents(&store.manifest(ws).await.unwrap())
}

fn contents(manifest: &Manifest) -> Vec<(String, BlobHash)> {
    manifest.files.iter().map(|(path, entry)| (path.to_string(), entry.hash)).collect()
}

fn texts(files: &[(&str, &str)]) -> Vec<(String, BlobHash)> {
    files.iter().map(|(name, text)| ((*name).to_owned(), hash(text))).collect()
}

/// Has another executor claim the task of `run`.
async fn take_over(store: &dyn Store, run: &Claimed, now: i64) -> Claimed {
    store.release(&held(run), at(now)).await.unwrap().unwrap();
    let next = claim(store, &EdgeId::generate(), now).await;
    assert_eq!(next.task.task_id, run.task.task_id);
    next
}

pub(crate) async fn a_result_and_its_changes_are_committed_together(store: &dyn Store) {
    let a = fill(store, &[("a", "1"), ("b", "2"), ("c", "3")]).await;
    let run = in_a_call(store).await;
    bring(store, &run, &["one", "new"]).await;
    let made = [("a", put("one", Some("1"))), ("b", delete("2")), ("d/e", put("new", None))];
    let done = end_call(store, &run, &made).await.unwrap();
    assert_eq!((done.durable_seq, done.steps[0].entry.clone()), (3, result("1", &made)));
    let after = texts(&[("a", "one"), ("c", "3"), ("d/e", "new")]);
    assert_eq!(files(store, &a).await, after);
    assert_eq!(store.manifest(&a).await.unwrap().files["a"], file("one"));
    // Who comes later sees it too.
    add_task(store, "a", 4).await;
    let later = claim(store, &EdgeId::generate(), 5).await;
    assert_eq!(contents(&later.manifest), after);
}

pub(crate) async fn a_takeover_gets_the_files_of_the_last_step(store: &dyn Store) {
    let a = fill(store, &[("a", "1"), ("b", "2")]).await;
    let run = in_a_call(store).await;
    bring(store, &run, &["one", "two"]).await;
    end_call(store, &run, &[("a", put("one", Some("1"))), ("b", delete("2"))]).await.unwrap();
    // Somebody else goes on in the workspace; the run does not see it.
    store.put_file(&a, &path("a"), &file("theirs"), at(4)).await.unwrap();
    store.put_file(&a, &path("z"), &file("theirs"), at(4)).await.unwrap();
    let second = take_over(store, &run, 5).await;
    assert_eq!(contents(&second.manifest), texts(&[("a", "one")]));
    assert_eq!(second.manifest.files["a"], file("one"));
    assert_eq!(second.journal.len(), 3);
    let opens = async |text: &str| {
        store.blob_in_lease(&second.edge, &second.task.task_id, &hash(text)).await.unwrap()
    };
    assert!(opens("one").await, "what the run wrote");
    assert!(!opens("theirs").await);
    // Its next step builds on that, and so does the third executor.
    let more = [
        intent("2", "x", ToolClass::Idempotent),
        result("2", &[("a", delete("one")), ("a/b", put("two", None))]),
    ];
    let error = append(store, &second, 4, &more, 6).await.unwrap_err();
    assert_eq!(error, StoreError::FilesChanged { paths: vec![path("a")] });
    let own = [more[0].clone(), result("2", &[("b", put("two", None))])];
    append(store, &second, 4, &own, 6).await.unwrap();
    let third = take_over(store, &second, 7).await;
    assert_eq!(contents(&third.manifest), texts(&[("a", "one"), ("b", "two")]));
    assert_eq!(files(store, &a).await, texts(&[("a", "theirs"), ("b", "two"), ("z", "theirs")]));
}

pub(crate) async fn a_repeated_append_changes_files_once(store: &dyn Store) {
    let a = fill(store, &[("a", "1")]).await;
    let run = in_a_call(store).await;
    bring(store, &run, &["one"]).await;
    let made = [("a", put("one", Some("1")))];
    end_call(store, &run, &made).await.unwrap();
    // The reply was lost; meanwhile somebody else goes on.
    store.put_file(&a, &path("a"), &file("theirs"), at(4)).await.unwrap();
    let again = end_call(store, &run, &made).await.unwrap();
    assert_eq!((again.durable_seq, again.steps.len()), (3, 0));
    assert_eq!(files(store, &a).await, texts(&[("a", "theirs")]));
}

pub(crate) async fn a_fenced_writer_changes_no_file(store: &dyn Store) {
    let a = fill(store, &[("a", "1")]).await;
    let late = in_a_call(store).await;
    bring(store, &late, &["one"]).await;
    let next = take_over(store, &late, 3).await;
    let made = [("a", put("one", Some("1")))];
    assert_eq!(end_call(store, &late, &made).await, Err(StoreError::Fenced));
    assert_eq!(files(store, &a).await, texts(&[("a", "1")]));
    // What the late one brought is there for the next.
    end_call(store, &next, &made).await.unwrap();
    assert_eq!(files(store, &a).await, texts(&[("a", "one")]));
}

pub(crate) async fn who_changed_a_file_meanwhile_keeps_it(store: &dyn Store) {
    let a = fill(store, &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]).await;
    let run = in_a_call(store).await;
    bring(store, &run, &["mine", "same"]).await;
    store.put_file(&a, &path("a"), &file("theirs"), at(2)).await.unwrap();
    store.delete_file(&a, &path("b"), at(2)).await.unwrap();
    store.put_file(&a, &path("c"), &file("theirs"), at(2)).await.unwrap();
    store.put_file(&a, &path("d"), &file("same"), at(2)).await.unwrap();
    store.put_file(&a, &path("new"), &file("theirs"), at(2)).await.unwrap();
    let before = files(store, &a).await;
    let made = [
        ("a", put("mine", Some("1"))),
        ("b", put("mine", Some("2"))),
        ("c", delete("3")),
        // Both did the same: nobody loses anything.
        ("d", put("same", Some("4"))),
        ("new", put("mine", None)),
    ];
    let error = end_call(store, &run, &made).await.unwrap_err();
    let paths = ["a", "b", "c", "new"].map(path).to_vec();
    assert_eq!(error, StoreError::FilesChanged { paths: paths.clone() });
    assert_eq!(files(store, &a).await, before);
    let steps = store.steps(&a, &run.task.task_id, 0, 10).await.unwrap();
    assert_eq!(steps.len(), 2, "the result waits for its changes");

    let mut gives_way = changes(&made);
    for path in &paths {
        gives_way.give_way(path, &run.task.task_id, &run.manifest);
    }
    let entry = match result("1", &[]) {
        Entry::ToolResult { call_id, outcome, duration_ms, .. } => {
            Entry::ToolResult { call_id, outcome, duration_ms, changes: gives_way }
        }
        other => other,
    };
    append(store, &run, 3, &[entry], 4).await.unwrap();
    let after = files(store, &a).await;
    assert!(before.iter().all(|file| after.contains(file)), "{after:?}");
    let id = &run.task.task_id;
    for name in ["a", "b", "new"] {
        assert!(after.contains(&(format!("{name} ({id})"), hash("mine"))), "{after:?}");
    }
    assert_eq!(after.len(), before.len() + 3);
}

pub(crate) async fn a_file_is_no_folder_to_a_changeset(store: &dyn Store) {
    let a = fill(store, &[("old", "1")]).await;
    let run = in_a_call(store).await;
    bring(store, &run, &["mine"]).await;
    // Somebody else makes a file of what the run made a folder, and the reverse.
    store.put_file(&a, &path("x"), &file("theirs"), at(2)).await.unwrap();
    store.put_file(&a, &path("y/z"), &file("theirs"), at(2)).await.unwrap();
    store.put_file(&a, &path("y-z"), &file("theirs"), at(2)).await.unwrap();
    let made = [("x/y", put("mine", None)), ("y", put("mine", None)), ("y-", put("mine", None))];
    let error = end_call(store, &run, &made).await.unwrap_err();
    assert_eq!(error, StoreError::FilesChanged { paths: vec![path("x/y"), path("y")] });
    let made = [("old", delete("1")), ("old/new", put("mine", None))];
    end_call(store, &run, &made).await.unwrap();
}

pub(crate) async fn contents_that_nobody_brought_are_refused(store: &dyn Store) {
    let a = fill(store, &[("a", "1")]).await;
    // Another workspace has it; who knows its hash does not get it by that.
    store.put_file(&ws("b"), &path("s"), &file("secret"), at(0)).await.unwrap();
    let run = in_a_call(store).await;
    bring(store, &run, &["one"]).await;
    let made = [
        ("a", put("one", Some("1"))),
        // What the snapshot holds needs not be brought.
        ("copy", put("1", None)),
        ("s", put("secret", None)),
    ];
    let error = end_call(store, &run, &made).await.unwrap_err();
    assert_eq!(error, StoreError::BlobsMissing { hashes: vec![hash("secret")] });
    assert!(error.to_string().contains("bring them"), "{error}");
    assert_eq!(files(store, &a).await, texts(&[("a", "1")]));
    let Change::Put { hash: one, modified, base, .. } = put("one", Some("1")) else { return };
    let wrong_size = Change::Put { hash: one, size: 4, modified, base };
    let error = end_call(store, &run, &[("a", wrong_size)]).await.unwrap_err();
    assert_eq!(error, StoreError::BlobsMissing { hashes: vec![one] });
    end_call(store, &run, &made[..2]).await.unwrap();
}

pub(crate) async fn only_who_holds_the_lease_brings_contents(store: &dyn Store) {
    let run = in_a_call(store).await;
    store.admit_blob(&offer(&run, "x", 3)).await.unwrap();
    let stranger = BlobOffer { edge: EdgeId::generate(), ..offer(&run, "x", 3) };
    let mut old = offer(&run, "x", 3);
    old.held.fence = Fence(7);
    for refused in [stranger, old, offer(&run, "x", 100)] {
        assert_eq!(store.admit_blob(&refused).await, Err(StoreError::Fenced));
        assert_eq!(store.note_blob(refused).await, Err(StoreError::Fenced));
    }
    let (most, one) = ("x".repeat(60), "y".repeat(40));
    store.note_blob(offer(&run, &most, 3)).await.unwrap();
    store.note_blob(offer(&run, &most, 3)).await.unwrap();
    store.note_blob(offer(&run, &one, 3)).await.unwrap();
    let limit = StoreError::TooMuchWritten { limit: LIMIT };
    assert_eq!(store.admit_blob(&offer(&run, "z", 3)).await, Err(limit.clone()));
    assert_eq!(store.note_blob(offer(&run, "z", 3)).await, Err(limit));
    store.admit_blob(&offer(&run, &one, 3)).await.unwrap();
}

pub(crate) async fn changes_from_other_files_are_refused(store: &dyn Store) {
    let a = fill(store, &[("a", "1")]).await;
    let run = in_a_call(store).await;
    bring(store, &run, &["one"]).await;
    for made in [
        vec![("a", put("one", None))],
        vec![("a", put("one", Some("2")))],
        vec![("b", delete("1"))],
        vec![("a/b", put("one", None))],
        vec![("n", put("one", None)), ("n/m", put("one", None))],
    ] {
        let error = end_call(store, &run, &made).await.unwrap_err();
        assert!(matches!(error, StoreError::JournalConflict { .. }), "{made:?}: {error}");
    }
    assert_eq!(files(store, &a).await, texts(&[("a", "1")]));
    end_call(store, &run, &[("a", put("one", Some("1")))]).await.unwrap();
    let only_reads = [intent("2", "x", ToolClass::Read), result("2", &[("a", delete("one"))])];
    let error = append(store, &run, 4, &only_reads, 4).await.unwrap_err();
    assert!(matches!(error, StoreError::JournalConflict { .. }), "{error}");
}

pub(crate) async fn a_task_that_ended_leaves_its_changes_to_the_workspace(store: &dyn Store) {
    let a = fill(store, &[("a", "1")]).await;
    let run = in_a_call(store).await;
    bring(store, &run, &["one"]).await;
    end_call(store, &run, &[("a", put("one", Some("1")))]).await.unwrap();
    let failed = Entry::Failed { error: agentos_domain::ErrorInfo::new("x", "y") };
    let done = append(store, &run, 4, &[failed], 4).await.unwrap();
    assert_eq!(done.task.status, TaskStatus::Failed);
    // Each step counts, whatever comes after it.
    assert_eq!(files(store, &a).await, texts(&[("a", "one")]));
    assert_eq!(store.admit_blob(&offer(&run, "x", 5)).await, Err(StoreError::Fenced));
    let next = in_a_call(store).await;
    bring(store, &next, &["two"]).await;
    end_call(store, &next, &[("a", put("two", Some("one")))]).await.unwrap();
    let cancelled = store.cancel(&a, &next.task.task_id, "x", at(5)).await.unwrap().unwrap();
    assert_eq!(cancelled.task.status, TaskStatus::Cancelled);
    assert_eq!(files(store, &a).await, texts(&[("a", "two")]));
}
