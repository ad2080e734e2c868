//! Agents from files, and their reload.

use std::path::Path;
use std::time::Duration;

use agentos_domain::{OnEdgeLost, Tier, builtin_agents};

use super::support::Place;
use crate::{AgentSet, Watch};

const GOOD: &str = "name: good\ndescription: d\nsystem_prompt: echo ${HOME} $${x}\n";

fn folder(place: &Place) -> std::path::PathBuf {
    place.folder().join("config/agents")
}

fn names(agents: &[crate::LoadedAgent]) -> Vec<&str> {
    agents.iter().map(|agent| agent.config.name.as_str()).collect()
}

#[test]
fn the_shipped_agents_are_the_built_in_ones() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/agents");
    let set = AgentSet::read(Path::new(path));
    assert!(set.errors.is_empty(), "{}", set.errors);
    assert_eq!(set.agents.len(), builtin_agents().len());
    for built_in in builtin_agents() {
        let agent = set.agents.iter().find(|agent| agent.config.name == built_in.name);
        assert_eq!(agent.map(|agent| &agent.config), Some(&built_in));
    }
}

#[test]
fn every_key_is_read() {
    let place = Place::new();
    place.write(
        "config/agents/code.yaml",
        "name: CodeAgent\ndescription: Writes code\nmodel_tier: local-smart\n\
         tools: [file_write, bash_execution]\nmax_iterations: 3\napproval_required: true\n\
         system_prompt: |\n  Write.\n  Well.\nmax_tokens: 4096\ntemperature: 0.5\n\
         timeout_seconds: 60\nstep_timeout_seconds: 20\ntool_timeout_seconds: 5\n\
         on_edge_lost: fail\nvalidation:\n  required_docstring: true\n  \
         require_type_hints: true\n  max_file_size_kb: 7\n  allowed_imports: [re, json]\n  \
         blocked_imports: [os.system]\n  require_error_handling: true\n  lint: true\n  \
         cite_sources: true\n  separate_opinion: true\n  \
         output_schema: '{\"type\": \"object\"}'\n",
    );
    let loaded = place.hub();
    assert!(loaded.agents.errors.is_empty(), "{}", loaded.agents.errors);
    let agent = &loaded.agents.agents[0];
    assert_eq!(agent.config.model_tier, Tier::LocalSmart);
    assert_eq!(agent.config.tools.len(), 2);
    assert_eq!((agent.config.max_iterations, agent.config.timeout_seconds), (3, 60));
    assert_eq!((agent.config.step_timeout_seconds, agent.config.tool_timeout_seconds), (20, 5));
    assert_eq!(agent.config.on_edge_lost, Some(OnEdgeLost::Fail));
    assert_eq!(agent.config.system_prompt, "Write.\nWell.\n");
    assert_eq!(agent.config.sampling.max_tokens, 4096);
    assert!((agent.config.sampling.temperature - 0.5).abs() < f32::EPSILON);
    let validation = &agent.config.validation;
    assert!(agent.config.approval_required && validation.require_type_hints);
    assert!(validation.required_docstring && validation.require_error_handling && validation.lint);
    assert!(validation.cite_sources && validation.separate_opinion);
    assert_eq!(validation.max_file_size_kb, 7);
    assert_eq!(validation.allowed_imports, ["re", "json"]);
    assert_eq!(validation.blocked_imports, ["os.system"]);
    assert_eq!(validation.output_schema, Some(serde_json::json!({ "type": "object" })));
}

#[test]
fn a_wrong_schema_of_answers_is_reported_with_its_line() {
    let place = Place::new();
    place.write("config/agents/good.yaml", GOOD);
    place.write(
        "config/agents/bad.yaml",
        "name: bad\ndescription: d\nsystem_prompt: p\nvalidation:\n  output_schema: '[1'\n",
    );
    let set = place.hub().agents;
    assert_eq!(names(&set.agents), ["good"]);
    let said = set.errors.to_string();
    assert!(said.contains("bad.yaml:5:18: validation.output_schema: not allowed"), "{said}");
}

#[test]
fn variables_in_a_prompt_are_text() {
    let place = Place::new().set("HOME", "/canary");
    place.write("config/agents/a.yml", GOOD);
    assert_eq!(place.hub().agents.agents[0].config.system_prompt, "echo ${HOME} $${x}");
}

#[test]
fn broken_files_are_reported_and_the_others_load() {
    let place = Place::new();
    place.write("config/agents/good.yaml", GOOD);
    place.write("config/agents/again.yaml", "name: twin\ndescription: d\nsystem_prompt: p\n");
    place.write("config/agents/bad1.yaml", "name: [\n");
    place.write(
        "config/agents/bad2.yaml",
        "name: b c\ndescription: d\nmax_iterations: 0\nmodel_teir: local-fast\n\
         tools: [ok, 'n o']\ntemperature: hot\nmodel_tier: fastest\n",
    );
    place.write("config/agents/twin.yaml", "name: twin\ndescription: d\nsystem_prompt: p\n");
    place.write("config/agents/notes.txt", "not an agent");
    let set = place.hub().agents;
    assert_eq!(names(&set.agents), ["twin", "good"]);
    insta::assert_snapshot!(place.strip(&set.errors.to_string()));
}

#[test]
fn a_change_is_seen_and_a_broken_edit_keeps_the_old_agent() {
    let place = Place::new();
    place.write("config/agents/a.yaml", GOOD);
    let mut watch = place.hub().watch_agents();
    assert!(watch.poll().is_none(), "nothing has changed");

    place.write("config/agents/b.yaml", &GOOD.replace("good", "second"));
    let update = watch.poll().unwrap();
    assert_eq!(names(&update.agents), ["good", "second"]);
    assert!(update.errors.is_empty());

    place.write("config/agents/a.yaml", "name: good\nmax_iterations: many\n");
    place.write("config/agents/b.yaml", &GOOD.replace("good", "third"));
    let update = watch.poll().unwrap();
    assert_eq!(names(&update.agents), ["good", "third"], "the old one stays in effect");
    assert!(update.errors.to_string().contains("a.yaml:2:17: max_iterations: wrong type"));
    assert!(watch.poll().is_none(), "said once");

    std::fs::remove_file(folder(&place).join("a.yaml")).unwrap();
    assert_eq!(names(&watch.poll().unwrap().agents), ["third"]);
    std::fs::remove_dir_all(folder(&place)).unwrap();
    assert!(watch.poll().unwrap().agents.is_empty());
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_change_looks_at_each_interval() {
    let place = Place::new();
    let mut watch = Watch::new(folder(&place), Duration::from_secs(5), &AgentSet::default());
    let write = async {
        tokio::time::sleep(Duration::from_secs(12)).await;
        place.write("config/agents/a.yaml", GOOD);
    };
    let start = tokio::time::Instant::now();
    let limit = Duration::from_secs(60);
    let (update, ()) = tokio::join!(tokio::time::timeout(limit, watch.changed()), write);
    assert_eq!(names(&update.unwrap().agents), ["good"]);
    assert_eq!(start.elapsed(), Duration::from_secs(15));
}
