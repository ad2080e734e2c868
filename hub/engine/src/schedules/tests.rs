//! Schedules under a clock that the test moves.

use std::collections::BTreeSet;
use std::sync::Arc;

use agentos_domain::{Clock as _, ManualClock, Priority, ScheduledTask, SlotOutcome, Task};
use agentos_store::TaskFilter;

use super::*;
use crate::testing::{TestEngine, engine_with};
use crate::{EngineConfig, EngineError};

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

struct Scene {
    engine: TestEngine,
    clock: Arc<ManualClock>,
    _dir: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let look_again = Duration::from_millis(10);
        Self::with(EngineConfig { look_again, ..EngineConfig::default() }).await
    }

    async fn with(config: EngineConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(START)));
        let engine = engine_with(dir.path(), Arc::clone(&clock) as _, config).await.unwrap();
        Self { engine, clock, _dir: dir }
    }

    fn handle(&self) -> &EngineHandle {
        &self.engine.handle
    }

    async fn add(&self, name: &str, when: When, timezone: &str) -> Result<Schedule, EngineError> {
        self.handle().create_schedule(request(name, when, timezone)).await
    }

    async fn cron(&self, name: &str, expression: &str, timezone: &str) -> Schedule {
        self.add(name, When::Cron(expression.into()), timezone).await.unwrap()
    }

    /// Time passes, and then the schedules are looked at.
    async fn after(&self, time: Duration) {
        self.clock.advance(time);
        turn(&self.handle().shared).await.unwrap();
    }

    async fn again(&self, schedule: &Schedule) -> Schedule {
        self.handle().schedule(&schedule.workspace_id, &schedule.schedule_id).await.unwrap()
    }

    /// All slots, oldest first.
    async fn slots(&self, of: &Schedule) -> Vec<Slot> {
        let (ws, id) = (&of.workspace_id, &of.schedule_id);
        let mut slots = self.handle().slots(ws, id, None, u32::MAX).await.unwrap();
        slots.reverse();
        slots
    }

    async fn states(&self, of: &Schedule) -> Vec<&'static str> {
        self.slots(of).await.iter().map(|slot| slot.outcome.as_str()).collect()
    }

    async fn tasks(&self) -> Vec<Task> {
        let filter = TaskFilter { limit: u32::MAX, ..TaskFilter::default() };
        self.handle().tasks(&WorkspaceId::default(), &filter).await.unwrap()
    }
}

fn request(name: &str, when: When, timezone: &str) -> ScheduleRequest {
    ScheduleRequest {
        workspace_id: WorkspaceId::default(),
        name: name.parse().unwrap(),
        when,
        timezone: timezone.into(),
        task: ScheduledTask {
            input: "what is new?".into(),
            agent: None,
            tier: None,
            tool_choice: Some("file_list".parse().unwrap()),
            session: None,
            max_tokens: Some(77),
            temperature: None,
            seed: Some(3),
            priority: Priority::High,
            on_edge_lost: None,
            privacy: None,
        },
        created_by: "ann".into(),
    }
}

#[tokio::test]
async fn a_slot_makes_a_task_as_a_user_would() {
    let scene = Scene::new().await;
    let schedule = scene.cron("report", "0 6 * * *", "Europe/Berlin").await;
    assert_eq!(schedule.next_slot.unwrap().to_string(), "2026-01-01T05:00:00.000Z");
    scene.after(HOUR * 5 - MINUTE).await;
    assert_eq!(scene.tasks().await, []);
    scene.after(MINUTE).await;
    let task = scene.tasks().await.pop().unwrap();
    assert_eq!((task.user_input.as_str(), task.priority), ("what is new?", Priority::High));
    let key = format!("{}/2026-01-01T05:00:00.000Z", schedule.schedule_id);
    assert_eq!(task.idempotency_key, Some(key));
    let slots = scene.slots(&schedule).await;
    assert_eq!(slots[0].outcome, SlotOutcome::Run { task_id: task.task_id });
    // It is one slot however often one looks.
    scene.after(Duration::ZERO).await;
    scene.after(HOUR).await;
    assert_eq!((scene.tasks().await.len(), scene.slots(&schedule).await.len()), (1, 1));
    let next = scene.again(&schedule).await.next_slot.unwrap();
    assert_eq!(next.to_string(), "2026-01-02T05:00:00.000Z");
}

#[tokio::test]
async fn a_single_time_happens_once_also_when_it_is_late() {
    let scene = Scene::new().await;
    let once = |at: &str| When::At(at.to_owned());
    let schedule = scene.add("once", once("2026-01-02T01:00"), "Europe/Berlin").await.unwrap();
    scene.after(HOUR * 24 * 3).await;
    assert_eq!(scene.states(&schedule).await, ["run"]);
    let over = scene.again(&schedule).await;
    assert_eq!((over.enabled, over.next_slot), (true, None));
    // Just over is not too late, and longer ago is.
    let now = scene.clock.now();
    let just = before(now, LEEWAY / 2).to_string();
    let just = scene.add("just", once(&just), "UTC").await.unwrap();
    let late = before(now, LEEWAY * 2).to_string();
    let error = scene.add("late", once(&late), "UTC").await.unwrap_err();
    assert!(error.to_string().contains("is over"), "{error}");
    scene.after(Duration::ZERO).await;
    assert_eq!(scene.states(&just).await, ["run"]);
    // It does not come back.
    let paused = scene.handle().pause_schedule(&just.workspace_id, &just.schedule_id);
    assert!(!paused.await.unwrap().enabled);
    let resumed = scene.handle().resume_schedule(&just.workspace_id, &just.schedule_id);
    assert!(matches!(resumed.await, Err(EngineError::Invalid(_))));
}

#[tokio::test]
async fn after_a_long_sleep_the_newest_slot_runs_and_all_others_are_missed() {
    let scene = Scene::new().await;
    let schedule = scene.cron("minutely", "* * * * *", "UTC").await;
    let other = scene.cron("hourly", "0 * * * *", "UTC").await;
    // More than one transaction takes.
    scene.after(HOUR * 24 * 3).await;
    let slots = scene.slots(&schedule).await;
    assert_eq!(slots.len(), 3 * 24 * 60);
    for (slot, minute) in slots.iter().zip(1..) {
        assert_eq!(slot.slot_at.millis(), START + minute * 60_000);
    }
    let (newest, older) = slots.split_last().unwrap();
    assert!(matches!(newest.outcome, SlotOutcome::Run { .. }));
    assert!(older.iter().all(|slot| slot.outcome == SlotOutcome::Missed));
    assert_eq!(scene.states(&other).await.len(), 72);
    assert_eq!(scene.tasks().await.len(), 2);
}

/// Numbers that are as good as any, and the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % end
    }
}

/// Looks at the schedules and is killed after some steps of the work.
async fn killed_turn(scene: &Scene, steps: usize) {
    let mut turn = Box::pin(turn(&scene.handle().shared));
    for _ in 0..steps {
        if futures::poll!(turn.as_mut()).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn in_a_year_of_sleep_and_crashes_every_slot_is_a_row_and_none_is_run_twice() {
    let scene = Scene::new().await;
    let mut schedules = Vec::new();
    for (zone, name) in
        [("Europe/Berlin", "a"), ("America/New_York", "b"), ("Australia/Lord_Howe", "c")]
    {
        for (kind, expression) in
            ["30 2 * * *", "*/45 1-3 * * *", "15 */6 * * SUN", "0 0 29 2 *"].iter().enumerate()
        {
            schedules.push(scene.cron(&format!("{name}{kind}"), expression, zone).await);
        }
    }
    let steps = [MINUTE, MINUTE * 20, HOUR, HOUR * 7, HOUR * 24, HOUR * 24 * 6];
    let (mut dice, mut looks) = (Dice(20_261_121), Vec::new());
    while scene.clock.now().millis() < START + 366 * 24 * 3_600_000 {
        scene.clock.advance(steps[dice.below(steps.len())]);
        let steps = dice.below(40);
        killed_turn(&scene, steps).await;
        scene.after(Duration::ZERO).await;
        looks.push(scene.clock.now());
    }
    let mut made = BTreeSet::new();
    for schedule in &schedules {
        let calendar = Calendar::of(&schedule.timing, &schedule.timezone).unwrap();
        let mut expected = Vec::new();
        let mut last = schedule.created_at;
        while let Some(next) = calendar.next_after(last).filter(|next| *next <= scene.clock.now()) {
            // The newest at one of the looks runs.
            let look = looks.iter().find(|look| **look >= next).unwrap();
            let runs = calendar.next_after(next).is_none_or(|after| after > *look);
            expected.push((next, if runs { "run" } else { "missed" }));
            last = next;
        }
        let slots = scene.slots(schedule).await;
        let found: Vec<_> =
            slots.iter().map(|slot| (slot.slot_at, slot.outcome.as_str())).collect();
        assert_eq!(found, expected, "{} in {}", schedule.name, schedule.timezone);
        for slot in slots {
            if let SlotOutcome::Run { task_id } = slot.outcome {
                assert!(made.insert(task_id.to_string()), "a task of two slots");
            }
        }
    }
    let tasks: BTreeSet<_> =
        scene.tasks().await.iter().map(|task| task.task_id.to_string()).collect();
    assert_eq!(tasks, made);
    assert!(made.len() > 300, "{}", made.len());
}

#[tokio::test]
async fn a_slot_waits_for_room_in_the_queue_until_the_next_is_due() {
    let scene = Scene::with(EngineConfig { queue_limit: 1, ..EngineConfig::default() }).await;
    let first = scene.cron("first", "0 * * * *", "UTC").await;
    scene.after(HOUR).await;
    let waiting = scene.cron("waiting", "30 * * * *", "UTC").await;
    scene.after(MINUTE * 30).await;
    assert_eq!((scene.states(&waiting).await.len(), scene.tasks().await.len()), (0, 1));
    let held = scene.again(&waiting).await;
    assert!(held.held_up.unwrap().contains("wait"));
    // There is room, and the slot is run although it is late.
    scene.engine.complete_next(|_| "done".into()).await.unwrap();
    scene.after(TRY_AGAIN).await;
    assert_eq!(scene.states(&waiting).await, ["run"]);
    assert_eq!(scene.again(&waiting).await.held_up, None);
    // There is none until the next one is due.
    scene.after(HOUR).await;
    scene.after(HOUR).await;
    let slots = scene.slots(&waiting).await;
    assert_eq!(slots.len(), 2);
    let SlotOutcome::Failed { reason } = &slots[1].outcome else { panic!("{slots:?}") };
    assert!(reason.contains("wait until some are done"), "{reason}");
    assert_eq!(scene.states(&first).await, ["run", "failed"]);
}

#[tokio::test]
async fn a_slot_whose_task_cannot_be_made_fails_with_the_reason() {
    let scene = Scene::new().await;
    let mut careful = agentos_domain::builtin_file_agent();
    careful.name = "Careful".parse().unwrap();
    scene.handle().set_agents(vec![careful.clone()]);
    let mut wanted = request("report", When::Cron("0 * * * *".into()), "UTC");
    wanted.task.agent = Some(careful.name.clone());
    let schedule = scene.handle().create_schedule(wanted.clone()).await.unwrap();
    scene.handle().set_agents(vec![]);
    scene.after(HOUR).await;
    scene.handle().set_agents(vec![careful]);
    scene.after(HOUR).await;
    let slots = scene.slots(&schedule).await;
    let SlotOutcome::Failed { reason } = &slots[0].outcome else { panic!("{slots:?}") };
    assert!(reason.contains("no agent `Careful`"), "{reason}");
    assert_eq!(scene.states(&schedule).await, ["failed", "run"]);
    // What could never be made is refused at once.
    for (agent, tool) in [("Nobody", None), ("Careful", Some("no_such_tool"))] {
        wanted.name = "other".parse().unwrap();
        wanted.task.agent = Some(agent.parse().unwrap());
        wanted.task.tool_choice = tool.map(|tool| tool.parse().unwrap());
        let error = scene.handle().create_schedule(wanted.clone()).await.unwrap_err();
        assert!(matches!(error, EngineError::Invalid(_)), "{error}");
    }
}

#[tokio::test]
async fn a_paused_schedule_has_no_slots_and_loses_none_that_it_had() {
    let scene = Scene::new().await;
    let schedule = scene.cron("hourly", "0 * * * *", "UTC").await;
    let (ws, id) = (&schedule.workspace_id, &schedule.schedule_id);
    scene.after(HOUR).await;
    // Two are due that nobody has looked at.
    scene.clock.advance(HOUR * 2);
    for _ in 0..2 {
        let paused = scene.handle().pause_schedule(ws, id).await.unwrap();
        assert_eq!((paused.enabled, paused.next_slot), (false, None));
    }
    assert_eq!(scene.states(&schedule).await, ["run", "missed", "missed"]);
    scene.after(HOUR * 5).await;
    for _ in 0..2 {
        let resumed = scene.handle().resume_schedule(ws, id).await.unwrap();
        assert_eq!(resumed.next_slot.unwrap().millis(), START + 9 * 3_600_000);
    }
    scene.after(HOUR).await;
    assert_eq!(scene.states(&schedule).await, ["run", "missed", "missed", "run"]);
    scene.handle().delete_schedule(ws, id).await.unwrap();
    scene.after(HOUR).await;
    for missing in [
        scene.handle().pause_schedule(ws, id).await.err(),
        scene.handle().resume_schedule(ws, id).await.err(),
        scene.handle().delete_schedule(ws, id).await.err(),
        scene.handle().slots(ws, id, None, 1).await.err(),
    ] {
        assert!(matches!(missing, Some(EngineError::NotFound(_))), "{missing:?}");
    }
    assert_eq!(scene.tasks().await.len(), 2);
}

#[tokio::test]
async fn a_clock_that_is_put_back_repeats_nothing() {
    let scene = Scene::new().await;
    let schedule = scene.cron("hourly", "0 * * * *", "UTC").await;
    scene.after(HOUR * 3).await;
    let (ws, id) = (&schedule.workspace_id, &schedule.schedule_id);
    scene.handle().pause_schedule(ws, id).await.unwrap();
    let back = i64::try_from((HOUR * 2).as_millis()).unwrap();
    let clock = ManualClock::at(Timestamp::from_millis(scene.clock.now().millis() - back));
    let shared = &scene.handle().shared;
    let next = Timestamp::from_millis(START + 2 * 3_600_000);
    shared.store.resume_schedule(ws, id, next).await.unwrap();
    for _ in 0..3 {
        clock.advance(HOUR);
        let schedule = scene.again(&schedule).await;
        shared.settle(&schedule, clock.now(), true).await.unwrap();
    }
    assert_eq!(scene.states(&schedule).await, ["missed", "missed", "run", "run"]);
    assert_eq!(scene.tasks().await.len(), 2);
}

#[tokio::test]
async fn a_workspace_has_so_many_schedules_and_no_name_twice() {
    let scene = Scene::with(EngineConfig { schedule_limit: 2, ..EngineConfig::default() }).await;
    let cron = || When::Cron("0 * * * *".into());
    scene.add("one", cron(), "UTC").await.unwrap();
    let same = scene.add("one", cron(), "UTC").await.unwrap_err().to_string();
    assert!(same.contains("`one`"), "{same}");
    scene.add("two", cron(), "UTC").await.unwrap();
    let many = scene.add("three", cron(), "UTC").await.unwrap_err().to_string();
    assert!(many.contains("has 2 schedules"), "{many}");
}

/// Waits until the last slot of a schedule has been run.
async fn has_run(scene: &Scene, schedule: &Schedule) {
    let ran = async {
        while scene.states(schedule).await.last() != Some(&"run") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(MINUTE, ran).await.unwrap();
}

#[tokio::test]
async fn the_loop_wakes_for_a_clock_that_was_set() {
    let scene = Scene::new().await;
    let schedule = scene.cron("minutely", "* * * * *", "UTC").await;
    let shared = &scene.handle().shared;
    let woken = async {
        // Nobody tells it.
        scene.clock.advance(HOUR);
        has_run(&scene, &schedule).await;
    };
    tokio::select! {
        () = keep_schedules(shared) => {}
        () = woken => {}
    }
    assert_eq!(scene.slots(&schedule).await.len(), 60);
}

#[tokio::test]
async fn the_loop_wakes_for_a_schedule_that_is_due_at_once() {
    // So that it would sleep for an hour.
    let scene = Scene::with(EngineConfig { look_again: HOUR, ..EngineConfig::default() }).await;
    let later = scene.cron("later", "0 0 29 2 *", "UTC").await;
    let shared = &scene.handle().shared;
    let woken = async {
        let now = scene.clock.now().to_string();
        let once = scene.add("once", When::At(now), "UTC").await.unwrap();
        has_run(&scene, &once).await;
    };
    tokio::select! {
        () = keep_schedules(shared) => {}
        () = woken => {}
    }
    assert_eq!(scene.states(&later).await.len(), 0);
}
