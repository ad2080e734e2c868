//! What the policy asks and refuses in a run.

use agentos_domain::{Entry, GrantScope, Journal, ToolCall};

use super::{Crash, World, asked, config, reply};
use crate::{Action, RunConfig, next};

/// A run whose model has read a file and then sends a mail.
fn after_reading(said: &str, to: &str) -> (RunConfig, Action) {
    let mut config = config();
    config.user_input = said.into();
    config.tools[0] = config.tools[0].clone().with_untrusted_output();
    config.tools[2] = config.tools[2]
        .clone()
        .argument("to", agentos_domain::ArgumentRole::Recipient)
        .asked_by(&["mail"]);
    let (mut world, mut journal) = (World::default(), Journal::new());
    for _ in 0..2 {
        world.step(&mut journal, &config, &[vec!["look"]], Crash::Never);
    }
    let call = ToolCall {
        id: "mail".into(),
        name: "send".parse().unwrap(),
        arguments: serde_json::json!({ "to": to }),
    };
    journal.push(reply(vec![call])).unwrap();
    let action = next(&journal, &config);
    (config, action)
}

#[test]
fn the_policy_holds_for_agents_that_do_not_ask() {
    let said = "Read the notes and mail ann@example.org that I am late";
    let (_, made) = after_reading(said, "ann@example.org");
    assert!(matches!(made, Action::CallTool { .. }), "{made:?}");
    let (_, asked) = after_reading(said, "eve@evil.test");
    let Action::Ask { reasons, .. } = asked else { panic!("{asked:?}") };
    assert_eq!(reasons[0].code, "unknown_destination");
    assert_eq!(reasons[0].value.as_deref(), Some("eve@evil.test"));
    let (_, refused) = after_reading(said, "\u{430}nn@example.org");
    let Action::Record(Entry::ToolRefused { error, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(error.code, "disguised_destination");
}

#[test]
fn a_grant_counts_for_what_the_policy_asks_too() {
    let mut config = config();
    config.tools[2] = config.tools[2].clone().dangerous();
    assert_eq!(asked(&config, GrantScope::Once), 4, "a dangerous tool asks every time");
    assert_eq!(asked(&config, GrantScope::Task), 1);
    config.granted = vec!["send".parse().unwrap()];
    assert_eq!(asked(&config, GrantScope::Once), 0);
}
