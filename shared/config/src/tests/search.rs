//! Where the file is looked for.

use std::path::{Path, PathBuf};

use super::support::Place;
use crate::{EdgeConfig, HubConfig, Machine};

fn file(port: u16) -> String {
    format!("server: {{port: {port}}}\n")
}

fn everywhere() -> Place {
    let mut place = Place::new();
    place.write("given.yaml", &file(1));
    place.write("named.yaml", &file(2));
    place.write("agent_os.yaml", &file(3));
    place.write("config/agent_os.yaml", &file(4));
    place.write("home/.agent_os.yaml", &file(5));
    place.home = Some(place.folder().join("home"));
    place
}

#[test]
fn places_are_tried_in_order() {
    let mut place = everywhere().set("AGENT_OS_CONFIG", "named.yaml");
    place.path = Some(PathBuf::from("given.yaml"));
    assert_eq!(place.hub().config.server.port, 1);
    place.path = None;
    assert_eq!(place.hub().config.server.port, 2);
    place.environment = crate::MapEnvironment::default();
    for (port, remove) in
        [(3, "agent_os.yaml"), (4, "config/agent_os.yaml"), (5, "home/.agent_os.yaml")]
    {
        let loaded = place.hub();
        assert_eq!(loaded.config.server.port, port);
        assert_eq!(loaded.file, Some(place.folder().join(remove)));
        std::fs::remove_file(place.folder().join(remove)).unwrap();
    }
    let loaded = place.hub();
    assert_eq!((loaded.config.server.port, loaded.file), (7777, None));
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let mut place = Place::new().set("AGENT_OS_CONFIG", "nowhere.yaml");
    assert_eq!(
        place.errors(),
        "environment AGENT_OS_CONFIG: no file at nowhere.yaml; \
         allowed: the path of a file; `agentos config example` prints one"
    );
    place.path = Some(PathBuf::from("neither.yaml"));
    assert!(place.errors().starts_with("neither.yaml: no file at neither.yaml"));
}

#[test]
fn the_edge_has_its_own_file() {
    let place = Place::with_file("server: {port: 1}\n");
    place.write("agent_os_edge.yaml", "model: {threads: 3}\n");
    let loaded = place.load::<EdgeConfig>().unwrap();
    assert_eq!(loaded.config.model.threads, Some(3));
    assert_eq!(Machine::Edge.variable(), "AGENT_OS_EDGE_CONFIG");
}

#[test]
fn what_is_beside_the_file_goes_with_it() {
    let mut place = Place::new();
    place.write("etc/hub.yaml", "agents: {path: mine}\n");
    place.write("etc/.env", "AGENTOS_PORT=42\n");
    place.write(".env", "AGENTOS_PORT=43\n");
    place.write("etc/mine/a.yaml", "name: a\ndescription: d\nsystem_prompt: p\n");
    place.path = Some(PathBuf::from("etc/hub.yaml"));
    let loaded = place.hub();
    assert_eq!(loaded.config.server.port, 42);
    assert_eq!(loaded.agents.agents.len(), 1);
    assert_eq!(loaded.resolve(Path::new("x.pem")), place.folder().join("etc/x.pem"));
    assert_eq!(loaded.resolve(Path::new("/x.pem")), Path::new("/x.pem"));
}

#[test]
fn two_instances_live_side_by_side() {
    let (mut one, mut two) = (everywhere(), everywhere());
    one.path = Some("agent_os.yaml".into());
    two.path = Some("named.yaml".into());
    let (one, two) = (one.load::<HubConfig>().unwrap(), two.load::<HubConfig>().unwrap());
    assert_ne!(one.config.server.port, two.config.server.port);
}

#[test]
fn a_file_that_cannot_be_read_is_said() {
    let place = Place::new();
    std::fs::write(place.folder().join("agent_os.yaml"), [0xff, 0xfe, 0x00]).unwrap();
    assert_eq!(place.errors(), "agent_os.yaml: cannot be read: invalid data");
    place.write("agent_os.yaml", &"#".repeat(1024 * 1024 + 1));
    assert_eq!(place.errors(), "agent_os.yaml: larger than 1 MiB, so hardly a configuration");
}
