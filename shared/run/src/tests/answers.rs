//! Answers that are checked before the run ends.

use agentos_domain::{Entry, Journal};

use super::{Crash, World, config, reply};
use crate::{Action, RunConfig, conversation, next};

/// A run of an agent whose answers are checked; `verdicts` is what each check
/// finds, and a check beyond them passes.
fn checked(verdicts: &[&[&str]], script: &[Vec<&'static str>]) -> (World, Journal, RunConfig) {
    let mut config = config();
    config.agent.validation.cite_sources = true;
    let (mut world, mut journal) = (World::default(), Journal::new());
    let mut verdicts = verdicts.iter();
    loop {
        if let Action::CheckAnswer { answer } = next(&journal, &config) {
            assert_eq!(answer, "the answer");
            let problems = verdicts.next().copied().unwrap_or_default();
            let problems = problems.iter().map(|problem| (*problem).to_owned()).collect();
            journal.push(Entry::AnswerChecked { problems }).unwrap();
        } else if !world.step(&mut journal, &config, script, Crash::Never) {
            return (world, journal, config);
        }
    }
}

fn kinds(journal: &Journal) -> Vec<&'static str> {
    journal.entries().iter().map(Entry::kind).collect()
}

#[test]
fn an_answer_that_passes_ends_the_run_as_it_is() {
    let (world, journal, config) = checked(&[&[]], &[]);
    assert_eq!(kinds(&journal), ["model_reply", "answer_checked", "finished"]);
    let end = journal.entries().last();
    assert!(matches!(end, Some(Entry::Finished { output, .. }) if output == "the answer"));
    assert_eq!(world.model_calls, 1);
    let told = conversation(journal.entries(), &config);
    assert_eq!(told.len(), 3, "a model hears nothing of a check that passed");
}

#[test]
fn an_answer_that_fails_is_given_back_once_with_the_reasons() {
    let (world, journal, config) = checked(&[&["no source"], &[]], &[]);
    let expected = ["model_reply", "answer_checked", "model_reply", "answer_checked", "finished"];
    assert_eq!((kinds(&journal), world.model_calls), (expected.to_vec(), 2));
    let end = journal.entries().last();
    assert!(matches!(end, Some(Entry::Finished { output, .. }) if output == "the answer"));
    let told = conversation(journal.entries(), &config);
    let back = &told[3];
    assert_eq!(back.role, agentos_domain::Role::User);
    assert!(back.content.contains("no source"), "{back:?}");
}

#[test]
fn an_answer_that_fails_twice_says_so() {
    let (world, journal, _) = checked(&[&["no source"], &["still none", "and no facts"]], &[]);
    assert_eq!(world.model_calls, 2, "it is given back once");
    let Some(Entry::Finished { output, .. }) = journal.entries().last() else { panic!() };
    let expected =
        "the answer\n\nThis answer did not pass its checks:\n- still none\n- and no facts";
    assert_eq!(output, expected);
}

#[test]
fn a_correction_may_use_tools_and_ends_all_the_same() {
    let script = [vec![], vec!["look"], vec![]];
    let (_, journal, _) = checked(&[&["x"], &["y"]], &script);
    let looks = kinds(&journal).iter().filter(|kind| **kind == "tool_result").count();
    assert_eq!((looks, kinds(&journal).last()), (1, Some(&"finished")));
    // One that never answers is stopped, after as many calls as the answer had.
    let endless: Vec<_> = std::iter::once(vec![]).chain(vec![vec!["look"]; 30]).collect();
    let (world, journal, config) = checked(&[&["x"]], &endless);
    let last = journal.entries().last();
    assert!(matches!(last, Some(Entry::Failed { error }) if error.code == "max_iterations"));
    assert_eq!(world.model_calls, 1 + config.agent.max_iterations as usize);
}

#[test]
fn an_agent_that_asks_for_no_checks_has_none() {
    let journal = Journal::replay([reply(vec![])]).unwrap();
    assert!(matches!(next(&journal, &config()), Action::Record(Entry::Finished { .. })));
    let mut asking = config();
    asking.agent.validation.cite_sources = true;
    assert!(matches!(next(&journal, &asking), Action::CheckAnswer { .. }));
}
