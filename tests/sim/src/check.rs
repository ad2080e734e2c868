//! Whether every promise was kept, judged when all is over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentos_domain::{
    Decision, Entry, Fence, Journal, Step, Task, TaskId, TaskStatus, ToolClass, ToolOutcome,
    WorkspaceId,
};
use agentos_engine::{EngineHandle, TaskFilter};

use crate::model::{ANSWER, calls_of};
use crate::site::{HASTY, Site};
use crate::users::{Promises, Users};
use crate::world::World;

/// How long the last tasks may take once everything works, in simulated time.
const LAST_TASKS: Duration = Duration::from_secs(400);
/// Between two looks.
const LOOK: Duration = Duration::from_secs(2);

/// Waits until every accepted task has ended, then judges.
pub(crate) async fn settle(site: &Arc<Site>, users: &Arc<Users>) {
    let open = Mutex::new("the hub does not start".to_owned());
    let ended = tokio::time::timeout(LAST_TASKS, all_ended(site, &open)).await;
    let Ok(tasks) = ended else {
        let open = open.lock().unwrap_or_else(PoisonError::into_inner);
        return site.world.violated(&*open);
    };
    let hub = site.hub_up().await;
    judge(&site.world, &hub.engine, &tasks, users).await;
}

/// All tasks, once they have ended; until then `open` says what has not.
async fn all_ended(site: &Site, open: &Mutex<String>) -> Vec<Task> {
    loop {
        let hub = site.hub_up().await;
        if let Some(tasks) = hub.life.while_alive(all_tasks(&hub.engine)).await.flatten() {
            let not_ended = |task: &&Task| !task.status.is_final();
            let still = |task: &Task| format!("{} is still {}", task.task_id, task.status);
            let left: Vec<_> = tasks.iter().filter(not_ended).map(still).collect();
            if left.is_empty() {
                return tasks;
            }
            *open.lock().unwrap_or_else(PoisonError::into_inner) = left.join("; ");
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn all_tasks(engine: &EngineHandle) -> Option<Vec<Task>> {
    let mut all = Vec::new();
    for workspace in ["default", "other"] {
        let workspace: WorkspaceId = workspace.parse().ok()?;
        let filter = TaskFilter { limit: 1000, ..TaskFilter::default() };
        all.extend(engine.tasks(&workspace, &filter).await.ok()?);
    }
    Some(all)
}

async fn judge(world: &World, engine: &EngineHandle, tasks: &[Task], users: &Users) {
    let mut journals = BTreeMap::new();
    for task in tasks {
        match engine.steps(&task.workspace_id, &task.task_id, 0).await {
            Ok(steps) => drop(journals.insert(task.task_id.clone(), steps)),
            Err(error) => world.violated(format_args!("{}: no journal: {error}", task.task_id)),
        }
    }
    let promises = users.promises();
    for (id, plan) in &promises.tasks {
        let Some(task) = tasks.iter().find(|task| task.task_id == *id) else {
            world.violated(format_args!("{id} was accepted and is lost"));
            continue;
        };
        let steps = journals.get(id).map(Vec::as_slice).unwrap_or_default();
        journal_is_sound(world, task, steps);
        plan_was_followed(world, task, plan, steps);
    }
    for id in &promises.cancelled {
        let status = tasks.iter().find(|task| task.task_id == *id).map(|task| task.status);
        if status != Some(TaskStatus::Cancelled) {
            world.violated(format_args!("{id} was cancelled and is {status:?}"));
        }
    }
    decisions_stand(world, &promises, &journals);
    effects_are_accounted_for(world, &promises, &journals);
    world.note(format_args!("{} tasks judged", tasks.len()));
}

fn journal_is_sound(world: &World, task: &Task, steps: &[Step]) {
    let id = &task.task_id;
    if let Err(error) = Journal::replay(steps.iter().map(|step| step.entry.clone())) {
        world.violated(format_args!("{id}: {error}"));
    }
    let mut fence = Fence(0);
    for (expected, step) in (1..).zip(steps) {
        if step.seq != expected || step.fence < fence {
            world.violated(format_args!("{id}: step {} under {}", step.seq, step.fence));
        }
        fence = step.fence;
    }
    if task.steps != steps.len() as u64 {
        world.violated(format_args!("{id}: {} steps, {} told", steps.len(), task.steps));
    }
}

/// Each call of the plan came to one end, in its order, and no reply of the
/// model was asked for twice.
fn plan_was_followed(world: &World, task: &Task, plan: &str, steps: &[Step]) {
    let id = &task.task_id;
    let wanted = (0..).map(|index| calls_of(plan, index));
    let wanted: Vec<_> = wanted.take_while(|calls| !calls.is_empty()).collect();
    let replies: Vec<_> = steps
        .iter()
        .filter_map(|step| match &step.entry {
            Entry::ModelReply { tool_calls, .. } => Some(tool_calls.clone()),
            _ => None,
        })
        .collect();
    let expected: Vec<_> = wanted.iter().cloned().chain([Vec::new()]).take(replies.len()).collect();
    if replies != expected {
        world.violated(format_args!("{id}: {} replies that nobody planned", replies.len()));
    }
    let ended: Vec<_> = steps.iter().filter_map(|step| ended_call(&step.entry)).collect();
    let calls: Vec<_> = wanted.iter().flatten().map(|call| call.id.clone()).collect();
    if ended.len() > calls.len() || ended != calls[..ended.len()] {
        world.violated(format_args!("{id}: calls ended as {ended:?} of {calls:?}"));
    }
    match task.status {
        TaskStatus::Completed => {
            let output = task.output.as_deref();
            if ended.len() != calls.len() || output != Some(ANSWER) {
                world.violated(format_args!("{id}: completed with {ended:?}, {output:?}"));
            }
        }
        TaskStatus::Cancelled => {}
        TaskStatus::Failed
            if task.agent_type.as_str() == HASTY
                && task.error.as_ref().is_some_and(|error| error.code == "edge_lost") => {}
        status => {
            world.violated(format_args!("{id} is {status}: {:?}", task.error));
        }
    }
}

/// The call that this entry is the last of.
fn ended_call(entry: &Entry) -> Option<String> {
    match entry {
        Entry::ToolResult { call_id, .. } | Entry::ToolRefused { call_id, .. } => {
            Some(call_id.clone())
        }
        Entry::Decided { call_id, decision, .. } => match decision {
            Decision::Reject { .. } | Decision::Expire | Decision::Done { .. } => {
                Some(call_id.clone())
            }
            Decision::Approve { .. } | Decision::Retry | Decision::Abort => None,
        },
        _ => None,
    }
}

/// What people decided is in the journals, as often as they decided it.
fn decisions_stand(world: &World, promises: &Promises, journals: &BTreeMap<TaskId, Vec<Step>>) {
    let written = |decision: &Decision| {
        let steps = journals.values().flatten();
        steps
            .filter(
                |step| matches!(&step.entry, Entry::Decided { decision: d, .. } if d == decision),
            )
            .count()
    };
    for decision in promises.decided.values() {
        let confirmed = promises.decided.values().filter(|other| *other == decision).count();
        if written(decision) < confirmed {
            let word = decision.as_str();
            world.violated(format_args!("{confirmed} times {word} confirmed, fewer written"));
        }
    }
}

/// Every effect was announced before it happened, and none happened more often
/// than its class and the people allowed.
fn effects_are_accounted_for(
    world: &World,
    promises: &Promises,
    journals: &BTreeMap<TaskId, Vec<Step>>,
) {
    let mut announced = BTreeMap::new();
    for step in journals.values().flatten() {
        if let Entry::ToolIntent { idempotency_key, .. } = &step.entry {
            announced.entry(idempotency_key.clone()).or_insert(step.recorded_at);
        }
    }
    for (key, effect) in world.effects() {
        if !announced.contains_key(&key) {
            world.violated(format_args!("an effect that nobody announced: {key}"));
        }
        let allowed = 1 + promises.retries.get(&key).copied().unwrap_or(0);
        if effect.class == ToolClass::Once && effect.times.len() > allowed {
            let times = effect.times.len();
            world.violated(format_args!("{key}: {times} times, {allowed} allowed"));
        }
    }
    for steps in journals.values() {
        results_have_effects(world, steps);
    }
}

/// No result without its effect.
fn results_have_effects(world: &World, steps: &[Step]) {
    let mut key = None;
    for step in steps {
        match &step.entry {
            Entry::ToolIntent { idempotency_key, .. } => key = Some(idempotency_key),
            Entry::ToolResult { call_id, outcome: ToolOutcome::Ok(_), .. }
                if key.is_none_or(|key| world.happened(key) == 0) =>
            {
                world.violated(format_args!("{call_id} has a result and no effect"));
            }
            _ => {}
        }
    }
}
