//! Two workspaces on one hub: whatever they do, neither learns a byte of the
//! other's, and neither changes anything of the other's.

mod sides;

use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use sides::Pair;

/// Whose thing an operation names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Mine,
    Theirs,
}

/// What is done with a task.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Show,
    Cancel,
    Steps,
    Events,
}

/// What is done with a schedule.
#[derive(Debug, Clone, Copy)]
enum OfSchedule {
    Show,
    Slots,
    Pause,
    Resume,
    Remove,
}

/// One operation of one side. Names and texts are chosen among few, so that
/// the same ones come up on both sides; places in a list wrap around at its end.
#[derive(Debug, Clone, Copy)]
enum Op {
    Submit {
        idempotency_key: Option<usize>,
        text: usize,
    },
    /// A page that begins at the start, or after a task.
    ListTasks(Option<(Whose, usize)>),
    Task(Verb, Whose, usize),
    /// The hub finishes the task that has waited longest, whosever it is.
    Finish,
    PutFile {
        name: usize,
        text: usize,
    },
    /// Perhaps with the tag of the other side's content at hand.
    GetFile(Whose, usize, bool),
    DeleteFile(Whose, usize),
    ListFiles,
    MakeKey,
    ListKeys,
    RevokeKey(Whose, usize),
    SetProviderKey(usize),
    ListProviderKeys,
    RemoveProviderKey(Whose, usize),
    AddSchedule(usize),
    ListSchedules,
    Schedule(OfSchedule, Whose, usize),
    /// A route on which nobody has anything of their own.
    Elsewhere(usize),
}

fn whose() -> impl Strategy<Value = Whose> {
    prop_oneof![Just(Whose::Mine), Just(Whose::Theirs)]
}

fn op() -> impl Strategy<Value = Op> {
    let verb =
        prop_oneof![Just(Verb::Show), Just(Verb::Cancel), Just(Verb::Steps), Just(Verb::Events)];
    let of_schedule = prop_oneof![
        Just(OfSchedule::Show),
        Just(OfSchedule::Slots),
        Just(OfSchedule::Pause),
        Just(OfSchedule::Resume),
        Just(OfSchedule::Remove),
    ];
    let cursor = prop::option::of((whose(), any::<usize>()));
    prop_oneof![
        6 => (prop::option::of(0..2_usize), 0..2_usize)
            .prop_map(|(idempotency_key, text)| Op::Submit { idempotency_key, text }),
        2 => cursor.prop_map(Op::ListTasks),
        7 => (verb, whose(), any::<usize>()).prop_map(|(verb, of, at)| Op::Task(verb, of, at)),
        2 => Just(Op::Finish),
        4 => (0..3_usize, 0..2_usize).prop_map(|(name, text)| Op::PutFile { name, text }),
        4 => (whose(), 0..3_usize, any::<bool>())
            .prop_map(|(of, name, tagged)| Op::GetFile(of, name, tagged)),
        2 => (whose(), 0..3_usize).prop_map(|(of, name)| Op::DeleteFile(of, name)),
        1 => Just(Op::ListFiles),
        1 => Just(Op::MakeKey),
        1 => Just(Op::ListKeys),
        1 => (whose(), any::<usize>()).prop_map(|(of, at)| Op::RevokeKey(of, at)),
        2 => (0..2_usize).prop_map(Op::SetProviderKey),
        1 => Just(Op::ListProviderKeys),
        1 => (whose(), 0..2_usize).prop_map(|(of, name)| Op::RemoveProviderKey(of, name)),
        3 => (0..3_usize).prop_map(Op::AddSchedule),
        1 => Just(Op::ListSchedules),
        4 => (of_schedule, whose(), any::<usize>())
            .prop_map(|(verb, of, at)| Op::Schedule(verb, of, at)),
        2 => (0..8_usize).prop_map(Op::Elsewhere),
    ]
}

async fn run(ops: Vec<(usize, Op)>) {
    let mut pair = Pair::new().await;
    for (side, op) in ops {
        pair.perform(side, op).await;
    }
    pair.end().await;
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn no_workspace_sees_or_changes_anything_of_another(
        ops in prop::collection::vec((0..2_usize, op()), 20),
    ) {
        runtime().block_on(Box::pin(run(ops)));
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Whether anything is found to be wrong when the first side has done `before`
/// and the second one does `then`, perhaps being let in as the first.
fn notices(before: &[Op], then: Op, leaks: bool) -> bool {
    let search = || {
        runtime().block_on(Box::pin(async {
            let mut pair = Pair::new().await;
            for op in before {
                pair.perform(0, *op).await;
            }
            if leaks {
                pair.confuse();
            }
            pair.perform(1, then).await;
        }));
    };
    std::panic::catch_unwind(search).is_err()
}

#[test]
fn a_leak_is_found_by_every_operation() {
    use Whose::{Mine, Theirs};
    let submit = Op::Submit { idempotency_key: Some(0), text: 0 };
    let (same, own) = (Op::PutFile { name: 0, text: 1 }, Op::PutFile { name: 1, text: 1 });
    let done = [submit, Op::Finish];
    let add = Op::AddSchedule(0);
    let cases: [(&[Op], Op); 25] = [
        (&[submit], submit),
        (&[submit], Op::ListTasks(None)),
        (&[submit], Op::ListTasks(Some((Theirs, 0)))),
        (&done, Op::Task(Verb::Show, Theirs, 0)),
        (&done, Op::Task(Verb::Cancel, Theirs, 0)),
        (&done, Op::Task(Verb::Steps, Theirs, 0)),
        (&done, Op::Task(Verb::Events, Theirs, 0)),
        (&[same], Op::GetFile(Mine, 0, false)),
        (&[own], Op::GetFile(Theirs, 1, true)),
        (&[own], Op::DeleteFile(Theirs, 1)),
        (&[own], Op::ListFiles),
        (&[], Op::MakeKey),
        (&[Op::MakeKey], Op::ListKeys),
        (&[Op::MakeKey], Op::RevokeKey(Theirs, 1)),
        (&[Op::SetProviderKey(1)], Op::SetProviderKey(0)),
        (&[Op::SetProviderKey(1)], Op::ListProviderKeys),
        (&[Op::SetProviderKey(1)], Op::RemoveProviderKey(Theirs, 1)),
        (&[add], add),
        (&[add], Op::ListSchedules),
        (&[add], Op::Schedule(OfSchedule::Show, Theirs, 0)),
        (&[add], Op::Schedule(OfSchedule::Slots, Theirs, 0)),
        (&[add], Op::Schedule(OfSchedule::Pause, Theirs, 0)),
        (&[add], Op::Schedule(OfSchedule::Resume, Theirs, 0)),
        (&[add], Op::Schedule(OfSchedule::Remove, Theirs, 0)),
        (&[], Op::Elsewhere(0)),
    ];
    for (before, then) in cases {
        assert!(!notices(before, then, false), "{then:?} after {before:?}");
        assert!(notices(before, then, true), "{then:?} after {before:?} shows no leak");
    }
}
