//! The promises of a run under every journal and every sequence of crashes.

mod answers;
mod policy;

use std::collections::{HashMap, HashSet};

use agentos_domain::{
    Decision, Entry, FinishReason, GrantScope, Journal, Message, Phase, ToolCall, ToolClass,
    ToolOutcome, ToolSpec, Usage, builtin_file_agent,
};
use proptest::prelude::*;

use crate::{Action, RunConfig, conversation, next};

fn config() -> RunConfig {
    let tool =
        |name: &str, class| ToolSpec::new(name.parse().unwrap(), class, "", serde_json::json!({}));
    RunConfig {
        task_id: agentos_domain::TaskId::generate(),
        user_input: "how many files are there?".into(),
        agent: builtin_file_agent(),
        tools: vec![
            tool("look", ToolClass::Read),
            tool("put", ToolClass::Idempotent),
            tool("send", ToolClass::Once),
        ],
        first_tool: None,
        granted: vec![],
    }
}

fn reply(calls: Vec<ToolCall>) -> Entry {
    Entry::ModelReply {
        model: "m".into(),
        text: "the answer".into(),
        finish: if calls.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls },
        tool_calls: calls,
        usage: Usage::default(),
        confidence: None,
        duration_ms: 1,
    }
}

/// What the world saw.
#[derive(Default)]
struct World {
    /// Effects by idempotency key.
    effects: HashMap<String, u32>,
    /// How often a person had a lost call made again, by idempotency key.
    retries: HashMap<String, u32>,
    /// What the person will say, last first: yes or no.
    says: Vec<bool>,
    /// Which checks of an answer fail, last first.
    fails: Vec<bool>,
    model_calls: usize,
    ids: u32,
}

/// Where a crash takes everything but the journal away.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Crash {
    Never,
    BeforeCommit,
    AfterCommit,
    AfterEffect,
}

fn crashes() -> impl Strategy<Value = Crash> {
    prop_oneof![
        4 => Just(Crash::Never),
        1 => Just(Crash::BeforeCommit),
        1 => Just(Crash::AfterCommit),
        1 => Just(Crash::AfterEffect),
    ]
}

/// One reply of the model: the names of the tools that it calls.
fn replies() -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    let tool = prop_oneof![Just("look"), Just("put"), Just("send"), Just("no_such_tool")];
    prop::collection::vec(prop::collection::vec(tool, 0..3), 0..7)
}

impl World {
    fn model(&mut self, script: &[Vec<&'static str>], journal: &Journal) -> Entry {
        self.model_calls += 1;
        let turn = journal
            .entries()
            .iter()
            .filter(|entry| matches!(entry, Entry::ModelReply { .. }))
            .count();
        let calls = script.get(turn).cloned().unwrap_or_default();
        let calls = calls
            .into_iter()
            .map(|name| {
                self.ids += 1;
                ToolCall {
                    id: format!("call_{}", self.ids),
                    name: name.parse().unwrap(),
                    arguments: serde_json::json!({}),
                }
            })
            .collect();
        reply(calls)
    }

    /// One action of an executor that may crash; returns whether to go on.
    fn step(
        &mut self,
        journal: &mut Journal,
        config: &RunConfig,
        script: &[Vec<&'static str>],
        crash: Crash,
    ) -> bool {
        match next(journal, config) {
            Action::CallModel { .. } => {
                let entry = self.model(script, journal);
                if crash != Crash::BeforeCommit {
                    journal.push(entry).unwrap();
                }
            }
            Action::Record(entry) => {
                if crash != Crash::BeforeCommit {
                    journal.push(entry).unwrap();
                }
            }
            Action::CallTool { announce, call, idempotency_key } => {
                if crash == Crash::BeforeCommit {
                    return true;
                }
                journal.push(announce).unwrap();
                if crash == Crash::AfterCommit {
                    return true;
                }
                *self.effects.entry(idempotency_key).or_default() += 1;
                if crash == Crash::AfterEffect {
                    return true;
                }
                let outcome = ToolOutcome::Ok(serde_json::json!("done"));
                let result = Entry::ToolResult {
                    call_id: call.id,
                    outcome,
                    duration_ms: 1,
                    changes: agentos_domain::Changeset::default(),
                };
                journal.push(result).unwrap();
            }
            Action::Ask { call, class, reasons } => {
                if crash != Crash::BeforeCommit {
                    journal.push(Entry::ApprovalAsked { call, class, reasons }).unwrap();
                }
            }
            Action::CheckAnswer { .. } => {
                if crash != Crash::BeforeCommit {
                    let failed = self.fails.pop().unwrap_or_default();
                    let problems = failed.then(|| "no source".to_owned()).into_iter().collect();
                    journal.push(Entry::AnswerChecked { problems }).unwrap();
                }
            }
            Action::Suspend => {
                let Some(entry) = self.person(journal) else { return false };
                journal.push(entry).unwrap();
            }
            Action::Done => return false,
        }
        true
    }

    /// What the person says next, or nothing more.
    fn person(&mut self, journal: &Journal) -> Option<Entry> {
        let says = self.says.pop()?;
        let (call, decision) = match journal.phase() {
            Phase::Waiting(call) if says => (call, Decision::Approve { scope: GrantScope::Once }),
            Phase::Waiting(call) => (call, Decision::Reject { reason: "no".into() }),
            Phase::Unknown { call, idempotency_key, .. } if says => {
                *self.retries.entry(idempotency_key.clone()).or_default() += 1;
                (call, Decision::Retry)
            }
            Phase::Unknown { call, .. } => (call, Decision::Done { note: None }),
            other => panic!("nobody is asked in {other:?}"),
        };
        Some(Entry::Decided { call_id: call.id.clone(), decision, by: "key_1".into() })
    }
}

fn calls_of<'a>(
    journal: &'a Journal,
    of: impl Fn(&'a Entry) -> Option<&'a String>,
) -> HashSet<&'a String> {
    journal.entries().iter().filter_map(of).collect()
}

fn keys_of_class(journal: &Journal, wanted: ToolClass) -> Vec<String> {
    journal
        .entries()
        .iter()
        .filter_map(|entry| match entry {
            Entry::ToolIntent { class, idempotency_key, .. } if *class == wanted => {
                Some(idempotency_key.clone())
            }
            _ => None,
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_sequence_of_crashes_repeats_a_finished_step(
        script in replies(),
        faults in prop::collection::vec(crashes(), 0..60),
        says in prop::collection::vec(any::<bool>(), 0..12),
        fails in prop::collection::vec(any::<bool>(), 0..4),
        (approval_required, checked) in any::<(bool, bool)>(),
    ) {
        let mut config = config();
        config.agent.approval_required = approval_required;
        config.agent.validation.cite_sources = checked;
        let mut world = World { says, fails, ..World::default() };
        let mut journal = Journal::new();
        for crash in faults.iter().copied().chain(std::iter::repeat_n(Crash::Never, 60)) {
            let before = journal.clone();
            if !world.step(&mut journal, &config, &script, crash) {
                break;
            }
            prop_assert!(journal.entries().starts_with(before.entries()), "append-only");
            prop_assert_eq!(&Journal::replay(journal.entries().to_vec()).unwrap(), &journal);
        }
        let end = next(&journal, &config);
        prop_assert!(matches!(end, Action::Done | Action::Suspend), "the run ends: {end:?}");
        let checks = journal.entries().iter().filter(|e| matches!(e, Entry::AnswerChecked { .. }));
        prop_assert!(checks.count() <= 2, "an answer is given back once");
        for key in keys_of_class(&journal, ToolClass::Once) {
            let wanted = 1 + world.retries.get(&key).copied().unwrap_or(0);
            prop_assert!(world.effects.get(&key).copied().unwrap_or(0) <= wanted, "once is once");
        }
        if approval_required {
            let asked = calls_of(&journal, |entry| match entry {
                Entry::Decided { call_id, decision: Decision::Approve { .. }, .. } => Some(call_id),
                _ => None,
            });
            let begun = calls_of(&journal, |entry| match entry {
                Entry::ToolIntent { call, class, .. } if *class != ToolClass::Read => Some(&call.id),
                _ => None,
            });
            prop_assert!(begun.is_subset(&asked), "nothing is changed that nobody confirmed");
        }
        for entry in journal.entries() {
            if let Entry::ToolResult { call_id, .. } = entry {
                let results = journal.entries().iter().filter(
                    |e| matches!(e, Entry::ToolResult { call_id: id, .. } if id == call_id));
                prop_assert_eq!(results.count(), 1);
            }
        }
    }

    #[test]
    fn without_crashes_every_effect_happens_exactly_once(script in replies()) {
        let config = config();
        let mut world = World::default();
        let mut journal = Journal::new();
        while world.step(&mut journal, &config, &script, Crash::Never) {}
        prop_assert!(world.effects.values().all(|count| *count == 1));
        prop_assert!(world.model_calls <= config.agent.max_iterations as usize);
    }

    #[test]
    fn the_conversation_only_grows_at_its_end(script in replies()) {
        let config = config();
        let mut world = World::default();
        let mut journal = Journal::new();
        let mut before: Vec<Message> = Vec::new();
        while world.step(&mut journal, &config, &script, Crash::Never) {
            let after = conversation(journal.entries(), &config);
            prop_assert!(after.starts_with(&before));
            before = after;
        }
    }
}

#[test]
fn the_first_call_can_be_forced_and_only_the_first() {
    let mut config = config();
    config.first_tool = Some("look".parse().unwrap());
    let mut journal = Journal::new();
    assert_eq!(
        next(&journal, &config),
        Action::CallModel { must_call: Some("look".parse().unwrap()) }
    );
    let call = ToolCall {
        id: "c".into(),
        name: "no_such_tool".parse().unwrap(),
        arguments: serde_json::json!({}),
    };
    journal.push(reply(vec![call])).unwrap();
    let Action::Record(refusal) = next(&journal, &config) else { panic!("refused") };
    assert!(matches!(&refusal, Entry::ToolRefused { error, .. } if error.message.contains("look")));
    journal.push(refusal).unwrap();
    assert_eq!(next(&journal, &config), Action::CallModel { must_call: None });
}

#[test]
fn an_agent_that_never_answers_is_stopped() {
    let config = config();
    let script = vec![vec!["look"]; 20];
    let mut world = World::default();
    let mut journal = Journal::new();
    while world.step(&mut journal, &config, &script, Crash::Never) {}
    let last = journal.entries().last().unwrap();
    assert!(matches!(last, Entry::Failed { error } if error.code == "max_iterations"));
    assert_eq!(world.model_calls, 5);
}

#[test]
fn an_answer_that_was_cut_off_before_it_began_is_a_failure() {
    let cut = |text: &str| Entry::ModelReply {
        model: "m".into(),
        text: text.into(),
        tool_calls: vec![],
        finish: FinishReason::Length,
        usage: Usage::default(),
        confidence: None,
        duration_ms: 1,
    };
    let ends = |text: &str| match next(&Journal::replay([cut(text)]).unwrap(), &config()) {
        Action::Record(entry) => entry,
        other => panic!("{other:?}"),
    };
    assert!(matches!(ends("half"), Entry::Finished { truncated: true, .. }));
    assert!(matches!(ends(" "), Entry::Failed { error } if error.code == "no_answer"));
}

#[test]
fn a_call_that_may_have_happened_waits_for_a_person() {
    let config = config();
    let mut world = World::default();
    let mut journal = Journal::new();
    let script = [vec!["send"]];
    assert!(world.step(&mut journal, &config, &script, Crash::Never));
    assert!(world.step(&mut journal, &config, &script, Crash::AfterEffect));
    assert!(world.step(&mut journal, &config, &script, Crash::Never));
    assert_eq!(next(&journal, &config), Action::Suspend);
    assert!(world.effects.values().all(|count| *count == 1));
}

/// The tools that are asked for while a model calls `send` four times.
fn asked(config: &RunConfig, scope: GrantScope) -> usize {
    let script = vec![vec!["send"]; 4];
    let (mut world, mut journal) = (World::default(), Journal::new());
    loop {
        while world.step(&mut journal, config, &script, Crash::Never) {}
        let Phase::Waiting(call) = journal.phase() else { break };
        let (call_id, decision) = (call.id.clone(), Decision::Approve { scope });
        journal.push(Entry::Decided { call_id, decision, by: "key_1".into() }).unwrap();
    }
    assert_eq!(world.effects.len(), 4);
    let asked = |entry: &&Entry| matches!(entry, Entry::ApprovalAsked { .. });
    journal.entries().iter().filter(asked).count()
}

#[test]
fn an_approval_reaches_as_far_as_the_person_said() {
    let mut config = config();
    assert_eq!(asked(&config, GrantScope::Once), 0, "the agent does not ask");
    config.agent.approval_required = true;
    assert_eq!(asked(&config, GrantScope::Once), 4);
    assert_eq!(asked(&config, GrantScope::Task), 1);
    config.granted = vec!["send".parse().unwrap()];
    assert_eq!(asked(&config, GrantScope::Once), 0, "granted for good");
}

#[test]
fn the_model_is_told_what_a_person_said() {
    let mut config = config();
    config.agent.approval_required = true;
    let (mut world, mut journal) = (World::default(), Journal::new());
    while world.step(&mut journal, &config, &[vec!["send"]], Crash::Never) {}
    let decision = Decision::Reject { reason: "not to him".into() };
    journal.push(Entry::Decided { call_id: "call_1".into(), decision, by: "k".into() }).unwrap();
    let told = conversation(journal.entries(), &config);
    let last = told.last().unwrap();
    assert_eq!(last.tool_call_id.as_deref(), Some("call_1"));
    assert!(last.content.contains("rejected") && last.content.contains("not to him"), "{last:?}");
}
