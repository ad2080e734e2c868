//! Schedules: every slot a row, none run twice.

use agentos_domain::{
    OnEdgeLost, Priority, Privacy, Schedule, ScheduleId, ScheduledTask, Slot, SlotOutcome, TaskId,
    Timestamp, Timing,
};
use agentos_store::{Settle, Settled, SlotAction, SlotRun, Store, StoreError, TaskFilter};

use crate::fixture::{add_task, at, new_task, ws};

const MANY: u32 = 1000;

fn schedule(workspace: &str, name: &str) -> Schedule {
    Schedule {
        schedule_id: ScheduleId::generate(),
        workspace_id: ws(workspace),
        name: name.parse().unwrap(),
        timing: Timing::Cron { cron: "* * * * *".into() },
        timezone: "Europe/Berlin".into(),
        task: ScheduledTask {
            input: "what is new?".into(),
            agent: Some("FileOpsAgent".parse().unwrap()),
            tier: None,
            tool_choice: None,
            session: None,
            max_tokens: Some(5),
            temperature: Some(0.25),
            seed: Some(u64::MAX),
            priority: Priority::Low,
            on_edge_lost: Some(OnEdgeLost::Elsewhere),
            privacy: Some(Privacy::LocalOnly),
        },
        enabled: true,
        next_slot: Some(at(60)),
        held_up: None,
        created_by: "ann".into(),
        created_at: at(0),
    }
}

async fn add(store: &dyn Store, workspace: &str, name: &str) -> Schedule {
    let schedule = schedule(workspace, name);
    store.create_schedule(&schedule, MANY).await.unwrap();
    schedule
}

/// Records the slots of these seconds, of which the last one is run, as of
/// `now`; the next one is a minute later.
fn settle(schedule: &Schedule, seconds: &[i64], now: i64, queue_limit: u32) -> Settle {
    let (newest, missed) = seconds.split_last().unwrap();
    let run = SlotRun {
        task_id: TaskId::generate(),
        task: new_task(schedule.workspace_id.as_str()),
        request_hash: [0; 32],
        queue_limit,
        retry_at: at(now + 5),
    };
    Settle {
        schedule_id: schedule.schedule_id.clone(),
        expected: at(seconds[0]),
        missed: missed.iter().map(|second| at(*second)).collect(),
        newest: Some((at(*newest), SlotAction::Run(Box::new(run)))),
        next: Some(at(newest + 60)),
        now: at(now),
    }
}

/// Time and state of the slots, oldest first.
async fn slots(store: &dyn Store, of: &Schedule) -> Vec<(Timestamp, &'static str)> {
    let slots = all_slots(store, of).await;
    slots.iter().rev().map(|slot| (slot.slot_at, slot.outcome.as_str())).collect()
}

async fn all_slots(store: &dyn Store, of: &Schedule) -> Vec<Slot> {
    store.slots(&of.workspace_id, &of.schedule_id, None, MANY).await.unwrap()
}

async fn again(store: &dyn Store, of: &Schedule) -> Schedule {
    store.schedule(&of.workspace_id, &of.schedule_id).await.unwrap().unwrap()
}

async fn tasks(store: &dyn Store, workspace: &str) -> usize {
    let filter = TaskFilter { limit: MANY, ..TaskFilter::default() };
    store.tasks(&ws(workspace), &filter).await.unwrap().len()
}

pub(crate) async fn a_schedule_is_kept_as_it_was_made(store: &dyn Store) {
    let cron = add(store, "a", "report").await;
    assert_eq!(again(store, &cron).await, cron);
    let timing = Timing::Once { at: at(500) };
    let once = Schedule { timing, next_slot: Some(at(500)), ..schedule("a", "once") };
    store.create_schedule(&once, MANY).await.unwrap();
    assert_eq!(again(store, &once).await, once);
    assert_eq!(store.next_due().await.unwrap(), Some(at(60)));
    assert_eq!(store.due_schedules(at(59), 10).await.unwrap(), []);
    assert_eq!(store.due_schedules(at(60), 10).await.unwrap(), std::slice::from_ref(&cron));
    assert_eq!(store.due_schedules(at(500), 10).await.unwrap(), [cron.clone(), once]);
    assert_eq!(store.due_schedules(at(500), 1).await.unwrap(), [cron]);
}

pub(crate) async fn names_and_numbers_of_schedules_have_limits(store: &dyn Store) {
    let first = add(store, "a", "report").await;
    let same = store.create_schedule(&schedule("a", "report"), MANY).await.unwrap_err();
    assert_eq!(same, StoreError::ScheduleExists { name: "report".into() });
    let many = store.create_schedule(&schedule("a", "more"), 1).await.unwrap_err();
    assert_eq!(many, StoreError::TooManySchedules { limit: 1 });
    store.create_schedule(&schedule("b", "report"), 1).await.unwrap();
    assert!(store.delete_schedule(&ws("a"), &first.schedule_id).await.unwrap());
    store.create_schedule(&schedule("a", "report"), 1).await.unwrap();
}

pub(crate) async fn schedules_and_slots_come_in_pages_of_their_workspace(store: &dyn Store) {
    let (a, b) = (ws("a"), ws("b"));
    let (one, two) = (add(store, "a", "one").await, add(store, "a", "two").await);
    let other = add(store, "b", "one").await;
    assert_eq!(store.schedules(&a, None, 1).await.unwrap(), std::slice::from_ref(&two));
    let rest = store.schedules(&a, Some(&two.schedule_id), 5).await.unwrap();
    assert_eq!(rest, std::slice::from_ref(&one));
    assert_eq!(store.schedules(&b, None, 5).await.unwrap(), [other]);
    let cursor = store.schedules(&b, Some(&one.schedule_id), 5).await.unwrap_err();
    assert_eq!(cursor, StoreError::UnknownCursor);

    store.settle_slots(settle(&one, &[60, 120, 180], 200, MANY)).await.unwrap();
    let page = store.slots(&a, &one.schedule_id, Some(at(180)), 1).await.unwrap();
    assert_eq!(page.iter().map(|slot| slot.slot_at).collect::<Vec<_>>(), [at(120)]);
    let id = &one.schedule_id;
    assert_eq!(store.slots(&b, id, None, 5).await.unwrap(), []);
    assert_eq!(store.schedule(&b, id).await.unwrap(), None);
    assert!(!store.pause_schedule(&b, id, Some(at(240))).await.unwrap());
    assert!(!store.delete_schedule(&b, id).await.unwrap());
    assert!(store.pause_schedule(&a, id, Some(at(240))).await.unwrap());
    assert!(!store.resume_schedule(&b, id, at(300)).await.unwrap());
    assert!(!again(store, &one).await.enabled);
}

pub(crate) async fn slots_are_recorded_with_the_task_of_the_newest(store: &dyn Store) {
    let schedule = add(store, "a", "report").await;
    let settled = store.settle_slots(settle(&schedule, &[60, 120, 180], 200, MANY)).await.unwrap();
    let Settled::Ran(task) = settled else { panic!("{settled:?}") };
    assert_eq!(store.task(&ws("a"), &task.task_id).await.unwrap().as_ref(), Some(&*task));
    let expected = [(at(60), "missed"), (at(120), "missed"), (at(180), "run")];
    assert_eq!(slots(store, &schedule).await, expected);
    let newest = &all_slots(store, &schedule).await[0];
    assert_eq!(newest.outcome, SlotOutcome::Run { task_id: task.task_id });
    assert_eq!(newest.recorded_at, at(200));
    assert_eq!(again(store, &schedule).await.next_slot, Some(at(240)));

    // A part of many that are due, and one that cannot be run, the last of all.
    let part = Settle { newest: None, ..settle(&schedule, &[240, 300, 360], 900, MANY) };
    let part = Settle { next: Some(at(360)), ..part };
    assert_eq!(store.settle_slots(part).await.unwrap(), Settled::Recorded);
    let fail = SlotAction::Fail { reason: "no such agent".into() };
    let last = Settle {
        newest: Some((at(360), fail)),
        next: None,
        ..settle(&schedule, &[360], 901, MANY)
    };
    assert_eq!(store.settle_slots(last).await.unwrap(), Settled::Recorded);
    let recorded = slots(store, &schedule).await;
    assert_eq!(recorded[3..], [(at(240), "missed"), (at(300), "missed"), (at(360), "failed")]);
    let ended = again(store, &schedule).await;
    assert_eq!((ended.enabled, ended.next_slot), (true, None));
    assert_eq!(store.next_due().await.unwrap(), None);
    assert_eq!(tasks(store, "a").await, 1);
}

pub(crate) async fn whoever_read_another_next_slot_changes_nothing(store: &dyn Store) {
    let schedule = add(store, "a", "report").await;
    let first = settle(&schedule, &[60], 60, MANY);
    let same = settle(&schedule, &[60], 61, MANY);
    assert!(matches!(store.settle_slots(first).await.unwrap(), Settled::Ran(_)));
    assert_eq!(store.settle_slots(same).await.unwrap(), Settled::Moved);
    let ahead = settle(&schedule, &[180], 180, MANY);
    assert_eq!(store.settle_slots(ahead).await.unwrap(), Settled::Moved);
    assert!(!store.pause_schedule(&ws("a"), &schedule.schedule_id, Some(at(60))).await.unwrap());
    assert_eq!(slots(store, &schedule).await, [(at(60), "run")]);
    assert_eq!(tasks(store, "a").await, 1);
}

pub(crate) async fn a_slot_with_a_row_is_not_run_again(store: &dyn Store) {
    let (a, schedule) = (ws("a"), add(store, "a", "report").await);
    store.settle_slots(settle(&schedule, &[60, 120], 130, MANY)).await.unwrap();
    // The clock is put back, and somebody pauses and resumes.
    let id = &schedule.schedule_id;
    assert!(store.pause_schedule(&a, id, Some(at(180))).await.unwrap());
    assert!(store.resume_schedule(&a, id, at(60)).await.unwrap());
    let again = settle(&schedule, &[60, 120], 125, MANY);
    assert_eq!(store.settle_slots(again).await.unwrap(), Settled::Recorded);
    assert_eq!(slots(store, &schedule).await, [(at(60), "missed"), (at(120), "run")]);
    assert_eq!(tasks(store, "a").await, 1);
}

pub(crate) async fn a_full_queue_holds_a_slot_up_until_it_is_too_late(store: &dyn Store) {
    add_task(store, "a", 0).await;
    let schedule = add(store, "a", "report").await;
    let held = store.settle_slots(settle(&schedule, &[60, 120], 130, 1)).await.unwrap();
    let Settled::HeldUp { reason } = held else { panic!("{held:?}") };
    assert!(reason.contains("wait"), "{reason}");
    assert_eq!(slots(store, &schedule).await, [(at(60), "missed")]);
    let waits = again(store, &schedule).await;
    assert_eq!((waits.next_slot, waits.held_up.as_ref()), (Some(at(120)), Some(&reason)));
    assert_eq!(store.due_schedules(at(134), 5).await.unwrap(), []);
    assert_eq!(store.due_schedules(at(135), 5).await.unwrap(), [waits]);

    // It is tried again, and then the next one is due: this one has failed.
    assert_eq!(
        store.settle_slots(settle(&schedule, &[120], 135, 1)).await.unwrap(),
        Settled::HeldUp { reason: reason.clone() }
    );
    let late = store.settle_slots(settle(&schedule, &[120, 180, 240], 250, 9)).await.unwrap();
    assert!(matches!(late, Settled::Ran(_)), "{late:?}");
    let recorded = slots(store, &schedule).await;
    assert_eq!(recorded[1..], [(at(120), "failed"), (at(180), "missed"), (at(240), "run")]);
    let failed = &all_slots(store, &schedule).await[2];
    assert_eq!(failed.outcome, SlotOutcome::Failed { reason });
    assert_eq!(again(store, &schedule).await.held_up, None);
}

pub(crate) async fn a_paused_schedule_is_not_due(store: &dyn Store) {
    let (a, schedule) = (ws("a"), add(store, "a", "report").await);
    let id = &schedule.schedule_id;
    assert!(!store.resume_schedule(&a, id, at(90)).await.unwrap());
    assert!(store.pause_schedule(&a, id, Some(at(60))).await.unwrap());
    let paused = Schedule { enabled: false, next_slot: None, ..schedule.clone() };
    assert_eq!(again(store, &schedule).await, paused);
    assert_eq!(store.due_schedules(at(1000), 5).await.unwrap(), []);
    let late = settle(&schedule, &[60], 60, MANY);
    assert_eq!(store.settle_slots(late).await.unwrap(), Settled::Moved);
    assert!(store.resume_schedule(&a, id, at(300)).await.unwrap());
    let resumed = Schedule { next_slot: Some(at(300)), ..schedule.clone() };
    assert_eq!(again(store, &schedule).await, resumed);
    assert_eq!(slots(store, &schedule).await, []);
}

pub(crate) async fn a_deleted_schedule_leaves_its_tasks_alone(store: &dyn Store) {
    let (a, schedule) = (ws("a"), add(store, "a", "report").await);
    let kept = add(store, "a", "other").await;
    store.settle_slots(settle(&schedule, &[60, 120, 180], 200, MANY)).await.unwrap();
    store.settle_slots(settle(&kept, &[60, 120], 200, MANY)).await.unwrap();
    assert!(store.delete_schedule(&a, &schedule.schedule_id).await.unwrap());
    assert!(!store.delete_schedule(&a, &schedule.schedule_id).await.unwrap());
    assert_eq!(store.schedule(&a, &schedule.schedule_id).await.unwrap(), None);
    assert_eq!(slots(store, &schedule).await, []);
    let late = settle(&schedule, &[240], 240, MANY);
    assert_eq!(store.settle_slots(late).await.unwrap(), Settled::Moved);
    assert_eq!(store.next_due().await.unwrap(), Some(at(180)), "of the other one");
    // Piece by piece.
    assert!(store.purge_schedules(2).await.unwrap());
    assert!(!store.purge_schedules(2).await.unwrap());
    assert!(!store.purge_schedules(2).await.unwrap());
    assert_eq!(slots(store, &kept).await.len(), 2);
    assert_eq!(tasks(store, "a").await, 2);
}
