//! Environment over `.env` over file over default, for every setting.

use serde_json::Value;

use super::support::{Place, as_text, file_with, samples};
use crate::kind::{Alias, AliasForm, Leaf, leaves};
use crate::{Machine, Origin};

fn each(check: impl Fn(Machine, &Leaf, [Value; 2])) {
    for machine in [Machine::Hub, Machine::Edge] {
        for leaf in leaves(machine.settings()) {
            check(machine, &leaf, samples(&leaf));
        }
    }
}

/// Asserts the value that a setting has, and gives its origin.
fn effective(place: &Place, machine: Machine, leaf: &Leaf, expected: &Value) -> Origin {
    let resolution = place.resolution(machine);
    assert!(resolution.errors.is_empty(), "{}: {:?}", leaf.path, resolution.errors);
    let pointer = format!("/{}", leaf.path.replace('.', "/"));
    assert_eq!(resolution.value.pointer(&pointer), Some(expected), "{}", leaf.path);
    let row = resolution.rows.iter().find(|row| row.key == leaf.path);
    row.unwrap_or_else(|| panic!("{} is not shown", leaf.path)).origin.clone()
}

fn place(machine: Machine, leaf: &Leaf, value: &Value) -> Place {
    let place = Place::new();
    place.write(machine.file_name(), &file_with(&leaf.path, value));
    place
}

fn alias_text(alias: &Alias, value: &Value) -> String {
    match alias.form {
        AliasForm::Value => as_text(value),
        AliasForm::SqliteUrl => format!("sqlite:{}", as_text(value)),
    }
}

fn is_environment(origin: &Origin, variable: &str) -> bool {
    matches!(origin, Origin::Environment { name } if name == variable)
}

#[test]
fn there_are_settings() {
    assert!(leaves(Machine::Hub.settings()).len() > 60);
    assert!(leaves(Machine::Edge.settings()).len() > 8);
}

#[test]
fn without_anything_every_setting_has_its_default() {
    let place = Place::new();
    for machine in [Machine::Hub, Machine::Edge] {
        let resolution = place.resolution(machine);
        assert!(resolution.errors.is_empty());
        assert!(resolution.rows.iter().all(|row| row.origin == Origin::Default));
        assert_eq!(resolution.rows.len(), leaves(machine.settings()).len());
    }
}

#[test]
fn the_file_wins_over_the_default() {
    each(|machine, leaf, [first, _]| {
        let place = place(machine, leaf, &first);
        let origin = effective(&place, machine, leaf, &first);
        assert!(matches!(origin, Origin::File { line: 1, .. }), "{}: {origin}", leaf.path);
    });
}

#[test]
fn the_environment_wins_over_the_file() {
    each(|machine, leaf, [first, second]| {
        let place = place(machine, leaf, &first).set(&leaf.variable(), &as_text(&second));
        let origin = effective(&place, machine, leaf, &second);
        assert!(is_environment(&origin, &leaf.variable()), "{}: {origin}", leaf.path);
    });
}

#[test]
fn every_alias_wins_over_the_file_and_yields_to_the_long_name() {
    each(|machine, leaf, [first, second]| {
        for alias in leaf.setting.aliases {
            let place = place(machine, leaf, &first).set(alias.name, &alias_text(alias, &second));
            let origin = effective(&place, machine, leaf, &second);
            assert!(is_environment(&origin, alias.name), "{}: {origin}", leaf.path);
            let place = place.set(&leaf.variable(), &as_text(&first));
            let origin = effective(&place, machine, leaf, &first);
            assert!(is_environment(&origin, &leaf.variable()), "{}: {origin}", leaf.path);
        }
    });
}

#[test]
fn of_several_aliases_the_first_wins() {
    each(|machine, leaf, [first, second]| {
        for pair in leaf.setting.aliases.windows(2) {
            let [strong, weak] = pair else { panic!("two") };
            let place = Place::new()
                .set(weak.name, &alias_text(weak, &first))
                .set(strong.name, &alias_text(strong, &second));
            let origin = effective(&place, machine, leaf, &second);
            assert!(is_environment(&origin, strong.name), "{}: {origin}", leaf.path);
        }
    });
}

#[test]
fn dotenv_wins_over_the_file_and_yields_to_the_environment() {
    each(|machine, leaf, [first, second]| {
        let place = place(machine, leaf, &first);
        let line = |name: &str, text: &str| format!("{name}='{text}'\n");
        place.write(".env", &line(&leaf.variable(), &as_text(&second).replace('\n', "")));
        let origin = effective(&place, machine, leaf, &second);
        assert!(matches!(origin, Origin::DotEnv { line: 1, .. }), "{}: {origin}", leaf.path);

        let place = place.set(&leaf.variable(), &as_text(&first));
        effective(&place, machine, leaf, &first);
        for alias in leaf.setting.aliases {
            let place = Place::new().set(alias.name, &alias_text(alias, &first));
            place.write(".env", &line(&leaf.variable(), &as_text(&second).replace('\n', "")));
            let origin = effective(&place, machine, leaf, &first);
            assert!(is_environment(&origin, alias.name), "{}: {origin}", leaf.path);
        }
    });
}

#[test]
fn no_two_settings_share_a_variable() {
    for machine in [Machine::Hub, Machine::Edge] {
        let mut seen = std::collections::BTreeSet::new();
        for leaf in leaves(machine.settings()) {
            assert!(seen.insert(leaf.variable()), "{}", leaf.variable());
            for alias in leaf.setting.aliases {
                assert!(seen.insert(alias.name.to_owned()), "{}", alias.name);
            }
        }
    }
}
