//! Runs whose model is not on this machine.

use agentos_domain::{Entry, Journal, Tier};
use agentos_generation::{EngineError, ScriptedEngine};

use super::{MemoryHub, Scene, read_note, says, scene};

fn away() -> EngineError {
    EngineError::Unanswered { code: "connect", message: "nobody is there".into(), passes: true }
}

/// A run of the cloud's tier; the model of this machine has nothing to say.
fn cloud(models: ScriptedEngine) -> Scene {
    let hub = MemoryHub { models, ..MemoryHub::default() };
    Scene { tier: Tier::CloudSmart, ..scene(vec![], hub, &Journal::new()) }
}

#[tokio::test]
async fn a_run_of_the_clouds_tier_asks_the_hub() {
    let scene = cloud(ScriptedEngine::new(vec![read_note(), says("In March.", None)]));
    scene.run(Journal::new()).await.unwrap();
    let expected = ["model_reply", "tool_intent", "tool_result", "model_reply", "finished"];
    assert_eq!(scene.kinds(), expected);
    assert_eq!(scene.engine.requests(), []);
    let asked = scene.hub.models.requests();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].messages.last().unwrap().content.contains("serviced in March"));
}

#[tokio::test]
async fn without_a_model_of_its_own_every_tier_is_asked_of_the_hub() {
    let models = ScriptedEngine::new(vec![says("In March.", None)]);
    let hub = MemoryHub { models, ..MemoryHub::default() };
    let mut scene = scene(vec![], hub, &Journal::new());
    let bench = std::sync::Arc::get_mut(&mut scene.bench).unwrap();
    bench.engine = None;
    scene.run(Journal::new()).await.unwrap();
    assert_eq!(scene.kinds(), ["model_reply", "finished"]);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_away_is_asked_again() {
    let models = ScriptedEngine::default();
    for _ in 0..3 {
        models.push(Err(away()));
    }
    models.push(Ok(says("In March.", None)));
    let scene = cloud(models);
    scene.run(Journal::new()).await.unwrap();
    assert_eq!(scene.kinds(), ["model_reply", "finished"]);
    assert_eq!(scene.hub.models.requests().len(), 4);
}

#[tokio::test]
async fn a_refusal_ends_the_task_with_its_reason() {
    let models = ScriptedEngine::default();
    let message = "the budget does not allow this call".to_owned();
    let refused = EngineError::Unanswered { code: "budget_exceeded", message, passes: false };
    models.push(Err(refused));
    let scene = cloud(models);
    scene.run(Journal::new()).await.unwrap();
    let entries = scene.hub.entries.lock().unwrap().clone();
    let [Entry::Failed { error }] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(error.code, "budget_exceeded");
}
