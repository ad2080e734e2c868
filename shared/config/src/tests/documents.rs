//! The example, the schema and what is shown.

use std::path::Path;

use super::support::Place;
use crate::yaml::{self, Content, Node};
use crate::{Configuration, EdgeConfig, HubConfig, Machine, Origin, example, schema, show};

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A file as JSON, as an editor sees it.
fn as_json(node: &Node) -> serde_json::Value {
    use crate::scalar::Found;
    match &node.content {
        Content::Scalar(scalar) => match scalar.found() {
            Found::Null => serde_json::Value::Null,
            Found::Bool(value) => value.into(),
            Found::Integer(value) => value.into(),
            Found::Number(value) => value.into(),
            Found::Text => scalar.text.clone().into(),
        },
        Content::List(items) => items.iter().map(as_json).collect(),
        Content::Map(entries) => {
            entries.iter().map(|entry| (entry.key.clone(), as_json(&entry.node))).collect()
        }
    }
}

fn valid(machine: Machine, text: &str) -> bool {
    let mut errors = Vec::new();
    let node = yaml::parse(Path::new("file"), text, &mut errors).unwrap();
    assert!(errors.is_empty(), "{errors:?}");
    let validator = jsonschema::validator_for(&schema(machine)).unwrap();
    validator.is_valid(&as_json(&node))
}

fn means_the_defaults<C: Configuration + PartialEq + std::fmt::Debug>() {
    let place = Place::new();
    let without = place.load::<C>().unwrap();
    place.write(C::MACHINE.file_name(), &example(C::MACHINE));
    let with = place.load::<C>().unwrap();
    assert_eq!(with.config, without.config);
    let values = |rows: &[crate::Effective]| {
        rows.iter().map(|row| (row.key.clone(), row.value.clone())).collect::<Vec<_>>()
    };
    assert_eq!(values(&with.origins), values(&without.origins));
    let from_file = |row: &&crate::Effective| matches!(row.origin, Origin::File { .. });
    assert!(with.origins.iter().filter(from_file).count() > 2);
}

#[test]
fn the_example_means_the_defaults() {
    means_the_defaults::<HubConfig>();
    means_the_defaults::<EdgeConfig>();
}

#[test]
fn the_example_with_every_comment_taken_in_loads_too() {
    for machine in [Machine::Hub, Machine::Edge] {
        let text: String = example(machine)
            .lines()
            .map(|line| {
                let bare = line.trim_start();
                let setting = bare.strip_prefix("# ").filter(|rest| {
                    let key = rest.split(": ").next().unwrap_or_default();
                    rest.contains(": ") && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                });
                let indent = &line[..line.len() - bare.len()];
                setting.map_or_else(|| format!("{line}\n"), |rest| format!("{indent}{rest}\n"))
            })
            .collect();
        // The two places of the key set exclude each other.
        let text = text.replace("    file: jwks.json\n", "");
        let place = Place::new()
            .set("BETTER_AUTH_SECRET", "0123456789012345678901234567890123456789")
            .set("AGENT_OS_SECRETS_KEY", &"0f".repeat(32))
            .set("AGENT_OS_WEBHOOK_SECRET", "whsec_b25lLXNlY3JldA==")
            .set("AGENT_OS_WEBHOOK_URL", "https://hooks.example/x")
            .set("DISCORD_WEBHOOK_URL", "https://discord.example/x");
        let keys = ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_ADMIN_KEY"];
        let more = ["OPENAI_ADMIN_KEY", "CONTROL_PLANE_API_KEY", "AGENT_OS_SEARCH_KEY"];
        let place =
            keys.iter().chain(&more).fold(place, |place, name| place.set(name, "sk-example"));
        place.write(machine.file_name(), &text);
        let defaults = match machine {
            Machine::Hub => place.load::<HubConfig>().map(|loaded| loaded.origins),
            Machine::Edge => place.load::<EdgeConfig>().map(|loaded| loaded.origins),
        };
        let rows = defaults.unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        let left: Vec<_> = rows
            .iter()
            .filter(|row| row.origin == Origin::Default && row.key != "auth.jwks.file")
            .map(|row| &row.key)
            .collect();
        assert!(left.is_empty(), "not in the example: {left:?}");
    }
}

#[test]
fn the_examples_in_the_repository_are_current() {
    for (machine, file) in
        [(Machine::Hub, "agent_os.yaml.example"), (Machine::Edge, "agent_os_edge.yaml.example")]
    {
        let committed = std::fs::read_to_string(repository().join(file)).unwrap_or_default();
        let current = example(machine);
        if committed != current {
            let new = std::env::temp_dir().join(file);
            std::fs::write(&new, current).unwrap();
            panic!("{file} is not what `example` makes; copy {} there", new.display());
        }
    }
}

#[test]
fn the_schema_accepts_the_example_and_refuses_what_is_wrong() {
    for machine in [Machine::Hub, Machine::Edge] {
        assert!(valid(machine, &example(machine)));
        assert!(valid(machine, "logging:\n"));
        assert!(!valid(machine, "logging: {levle: info}\n"));
        assert!(!valid(machine, "loging: {}\n"));
    }
    assert!(valid(Machine::Hub, "server: {port: '${PORT}'}\n"));
    assert!(!valid(Machine::Hub, "server: {port: 70000}\n"));
    assert!(!valid(Machine::Hub, "server: {port: text}\n"));
    assert!(!valid(Machine::Hub, "server: {tls: {mode: on}}\n"));
    assert!(!valid(Machine::Hub, "models: {model_list: [{model_name: x}]}\n"));
    assert!(valid(Machine::Hub, "collectors: {own: {timeout: 3}}\n"));
}

#[test]
fn what_is_shown_loads_again() {
    let place = Place::with_file("server: {port: 81, tls: {mode: hub_ca}}\n")
        .set("AGENT_OS_LINK_NAMES", "nas.local");
    let loaded = place.hub();
    let shown = show(&loaded);
    let again = Place::with_file(&shown).hub();
    assert_eq!(again.config, loaded.config);
    insta::assert_snapshot!(place.strip(&shown));
}

#[test]
fn the_schema_of_the_edge() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&schema(Machine::Edge)).unwrap());
}
