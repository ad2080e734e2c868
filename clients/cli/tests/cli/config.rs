//! The configuration: checked, shown and described without a hub.

use std::path::Path;
use std::process::Output;

use crate::support::*;
use serde_json::{Value, json};

const AGENT: &str = "name: A\ndescription: d\nsystem_prompt: p\n";
const SECRET: &str = "never-to-be-seen-0123456789-abcdef";

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// `agentos config ARGS` in a folder that is also the home, with no hub and no key.
fn config(folder: &Path, args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = command("nonsense", &[&["config"], args].concat());
    command.env_remove("AGENT_OS_API_KEY").env("HOME", folder).current_dir(folder);
    command.envs(environment.iter().copied()).output().unwrap()
}

fn document(output: &Output) -> Value {
    serde_json::from_str(&out(output)).unwrap()
}

fn setting<'a>(document: &'a Value, key: &str) -> &'a Value {
    document["settings"].as_array().unwrap().iter().find(|one| one["key"] == key).unwrap()
}

#[test]
fn a_good_configuration_is_ok_with_its_agents() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().canonicalize().unwrap();
    let output = config(&folder, &["check"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(out(&output), "ok: no file, 0 agents\n");

    write(&folder, "agent_os.yaml", "server: { port: 7000 }\n");
    write(&folder, "config/agents/a.yaml", AGENT);
    let output = config(&folder, &["check"], &[("REDIS_URL", "redis://nas")]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let file = folder.join("agent_os.yaml");
    assert_eq!(out(&output), format!("ok: {}, 1 agent\n", file.display()));
    assert!(err(&output).starts_with("notice: REDIS_URL is set"), "{}", err(&output));
    assert_eq!(err(&output).lines().count(), 1);

    write(&folder, "sub/other.yaml", "");
    let output = config(&folder, &["check", "--config", "sub/other.yaml", "--json"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let file = folder.join("sub/other.yaml");
    let expected = json!({"valid": true, "file": file, "agents": 0, "errors": [], "notices": []});
    assert_eq!(document(&output), expected);
}

#[test]
fn a_wrong_configuration_names_every_place() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().canonicalize().unwrap();
    write(&folder, "agent_os.yaml", "server:\n  port: 70000\n  prot: 1\n");
    // The agents are not asked when the configuration itself is wrong.
    write(&folder, "config/agents/a.yaml", "nonsense: 1\n");
    let wrong = [("AGENT_OS_SERVER__HOST", SECRET)];
    for args in [&["check"][..], &["check", "--quiet"], &["show"], &["show", "--json"]] {
        let output = config(&folder, args, &wrong);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(out(&output), "", "{args:?}");
        let text = err(&output);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        let file = folder.join("agent_os.yaml");
        assert!(lines[0].starts_with(&format!("{}:2:9: server.port: ", file.display())), "{text}");
        assert!(lines[1].starts_with(&format!("{}:3:3: server.prot: ", file.display())), "{text}");
        assert!(lines[2].starts_with("environment AGENT_OS_SERVER__HOST: server.host"), "{text}");
        assert!(!text.contains(SECRET), "{text}");
    }
    let output = config(&folder, &["check", "--json"], &wrong);
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(2), ""));
    let found = document(&output);
    assert_eq!(found["valid"], false);
    assert_eq!(found["errors"].as_array().unwrap().len(), 3);
    let file = folder.join("agent_os.yaml");
    let origin = json!({"from": "file", "path": file, "line": 2, "column": 9});
    assert_eq!(found["errors"][0]["origin"], origin);
    assert_eq!(found["errors"][0]["key"], "server.port");
    assert_eq!(found["errors"][0]["code"], "out_of_range");
    let origin = json!({"from": "environment", "name": "AGENT_OS_SERVER__HOST"});
    assert_eq!(found["errors"][2]["origin"], origin);
}

#[test]
fn a_file_that_is_not_there_is_wrong_and_forges_no_line() {
    let place = tempfile::tempdir().unwrap();
    let output = config(place.path(), &["check", "--config", "a\u{1b}[2J\nok: b"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(err(&output).lines().count(), 1, "{}", err(&output));
    assert!(err(&output).contains("no file at "), "{}", err(&output));
    assert!(!err(&output).contains('\u{1b}'));
}

#[test]
fn a_broken_agent_fails_the_check_alone() {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), "agent_os.yaml", "");
    write(place.path(), "config/agents/a.yaml", AGENT);
    write(place.path(), "config/agents/b.yaml", "name: B\nnonsense: 1\n");
    let output = config(place.path(), &["check"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(out(&output), "");
    let text = err(&output);
    assert!(text.lines().count() > 1, "{text}");
    assert!(text.lines().all(|line| line.contains("/config/agents/b.yaml")), "{text}");
    assert!(text.contains("b.yaml:2:1: nonsense: "), "{text}");

    let output = config(place.path(), &["check", "--json"], &[]);
    assert_eq!(output.status.code(), Some(1));
    let found = document(&output);
    assert_eq!((&found["valid"], &found["agents"]), (&json!(false), &json!(1)));
    assert_eq!(found["errors"].as_array().unwrap().len(), text.lines().count());
    let output = config(place.path(), &["show"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
}

#[test]
fn what_is_shown_has_its_origin_and_no_secret() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().canonicalize().unwrap();
    write(&folder, "agent_os.yaml", "server: { port: 7000 }\nlogging: { level: info }\n");
    write(&folder, ".env", &format!("AGENT_OS_PROVIDERS__OPENAI_API_KEY={SECRET}\n"));
    let set = [("AGENT_OS_LOGGING__LEVEL", "debug"), ("ANTHROPIC_API_KEY", SECRET)];
    let output = config(&folder, &["show"], &set);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    let file = folder.join("agent_os.yaml");
    assert!(text.contains(&format!("  port: 7000  # {}:1:17\n", file.display())), "{text}");
    assert!(text.contains("  level: debug  # environment AGENT_OS_LOGGING__LEVEL\n"), "{text}");
    assert!(text.contains("  host: 127.0.0.1  # default\n"), "{text}");
    assert!(text.contains("********"), "{text}");
    assert!(!text.contains(SECRET), "{text}");

    let output = config(&folder, &["show", "--json"], &set);
    assert!(!out(&output).contains(SECRET), "{}", out(&output));
    let found = document(&output);
    assert_eq!(found["file"], json!(file));
    let expected = json!({"key": "server.port", "value": 7000,
        "origin": {"from": "file", "path": file, "line": 1, "column": 17}});
    assert_eq!(setting(&found, "server.port"), &expected);
    assert_eq!(setting(&found, "server.host")["origin"], json!({"from": "default"}));
    let key = setting(&found, "providers.openai_api_key");
    assert_eq!(key["value"], "********");
    assert_eq!(key["origin"]["from"], "dotenv");
    assert_eq!(key["origin"]["line"], 1);
}

#[test]
fn the_example_of_each_machine_passes_its_check() {
    let place = tempfile::tempdir().unwrap();
    for (args, name, other) in [
        (&["--edge"][..], "agent_os_edge.yaml", "agent_os.yaml"),
        (&[], "agent_os.yaml", "agent_os_edge.yaml"),
    ] {
        let example = config(place.path(), &[&["example"], args].concat(), &[]);
        assert_eq!(example.status.code(), Some(0), "{}", err(&example));
        write(place.path(), name, &out(&example));
        let output = config(place.path(), &[&["check"], args].concat(), &[]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert!(out(&output).contains(&format!("/{name}, 0 agents")), "{}", out(&output));
        assert!(!out(&output).contains(other));
        let schema = config(place.path(), &[&["schema"], args].concat(), &[]);
        assert_eq!(document(&schema)["title"], name);
    }
}
