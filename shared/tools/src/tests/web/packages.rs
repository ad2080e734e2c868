//! `package_search`, and where the user's own pip and npm look.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};

use super::super::Place;
use super::{Server, certificate, reply, resolver};
use crate::*;

fn discover(variables: &[(&str, &str)], files: &[(&str, &str)]) -> PackageIndexes {
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    let files: HashMap<&str, &str> = files.iter().copied().collect();
    PackageIndexes::discover(
        &|name| variables.get(name).map(|value| (*value).to_owned()),
        &|path: &Path| files.get(path.to_str()?).map(|text| (*text).to_owned()),
    )
}

fn pypi(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Option<String> {
    discover(variables, files).pypi.map(|index| index.base.into())
}

#[test]
fn the_index_of_pip_is_read_as_pip_reads_it() {
    let home = ("HOME", "/home/u");
    let machine = ("/etc/pip.conf", "[global]\nindex-url = https://machine.test/simple\n");
    let user = (
        "/home/u/.config/pip/pip.conf",
        "# mine\n[global]\ntimeout = 1\nindex-url=https://user.test/simple/\n",
    );
    let both = (
        "/etc/pip.conf",
        "[global]\nindex_url: https://g.test/\n[install]\nindex-url: https://i.test/\n",
    );
    assert_eq!(pypi(&[], &[]), None);
    assert_eq!(pypi(&[home], &[machine]).as_deref(), Some("https://machine.test/simple"));
    assert_eq!(pypi(&[home], &[machine, user]).as_deref(), Some("https://user.test/simple/"));
    assert_eq!(pypi(&[], &[both]).as_deref(), Some("https://i.test/"));
    let venv = [home, ("VIRTUAL_ENV", "/v")];
    let of_venv = ("/v/pip.conf", "[global]\nindex-url = https://venv.test/\n");
    assert_eq!(pypi(&venv, &[machine, user, of_venv]).as_deref(), Some("https://venv.test/"));
    let named = [home, ("PIP_INDEX_URL", "https://env.test/simple")];
    assert_eq!(pypi(&named, &[user]).as_deref(), Some("https://env.test/simple"));
    let moved = [home, ("XDG_CONFIG_HOME", "/x"), ("PIP_CONFIG_FILE", "/own.conf")];
    let own = ("/own.conf", "[global]\nindex-url = https://own.test/\n");
    assert_eq!(pypi(&moved, &[machine, own]).as_deref(), Some("https://own.test/"));
    assert_eq!(pypi(&[home, ("PIP_CONFIG_FILE", "/dev/null")], &[machine, user]), None);
    for broken in ["", "  ", "no url", "file:///x", "ftp://x.test"] {
        assert_eq!(pypi(&[("PIP_INDEX_URL", broken)], &[]), None, "{broken}");
    }
}

#[test]
fn the_registry_of_npm_is_read_as_npm_reads_it() {
    let npm = |variables: &[(&str, &str)], files: &[(&str, &str)]| discover(variables, files).npm;
    let home = ("HOME", "/home/u");
    assert_eq!(npm(&[home], &[]), None);
    let rc = "; mine\nregistry=https://npm.test/api/npm/\n//npm.test/api/npm/:_authToken=${TOKEN}\n\
        //other.test/:_authToken=wrong\n";
    let found = npm(&[home, ("TOKEN", "CANARY")], &[("/home/u/.npmrc", rc)]).unwrap();
    assert_eq!(found.base.as_str(), "https://npm.test/api/npm/");
    assert_eq!(found.authorization.as_ref().unwrap().as_str(), "Bearer CANARY");
    assert!(!format!("{found:?}").contains("CANARY"));
    let named = [home, ("npm_config_registry", "https://env.test")];
    let found = npm(&named, &[("/home/u/.npmrc", rc)]).unwrap();
    assert_eq!((found.base.as_str(), found.authorization), ("https://env.test/", None));
    let elsewhere =
        [("NPM_CONFIG_USERCONFIG", "/rc"), ("NPM_CONFIG_REGISTRY", "https://caps.test/")];
    assert_eq!(npm(&elsewhere, &[]).unwrap().base.as_str(), "https://caps.test/");
    let above = "registry=https://npm.test/a/b\n//npm.test/:_auth=eHk=\n";
    let found = npm(&[home], &[("/home/u/.npmrc", above)]).unwrap();
    assert_eq!(found.authorization.unwrap().as_str(), "Basic eHk=");
}

#[test]
fn a_password_in_an_address_becomes_a_header() {
    let index = PackageIndex::new("https://us%40er:p%2Bw+CANARY@pip.test/simple?x=y").unwrap();
    assert_eq!(index.base.as_str(), "https://pip.test/simple");
    let encoded =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, "us@er:p+w+CANARY");
    assert_eq!(index.authorization.as_ref().unwrap().as_str(), format!("Basic {encoded}"));
    assert!(!format!("{index:?}").contains("CANARY"));
}

fn place(indexes: PackageIndexes) -> Place {
    let tls = agentos_egress::tls_config().unwrap();
    Place::with_tool(PackageSearch::new(indexes, &tls, &resolver("index.home")).unwrap())
}

fn of(ecosystem: &str, name: &str) -> Value {
    json!({ "ecosystem": ecosystem, "name": name })
}

fn at(server: &Server) -> Option<PackageIndex> {
    PackageIndex::new(&format!("http://index.home:{}/simple", server.port))
}

#[tokio::test]
async fn without_an_index_it_says_what_to_set() {
    let place = place(PackageIndexes::default());
    for (ecosystem, word) in [("pypi", "PIP_INDEX_URL"), ("npm", ".npmrc")] {
        let error = place.error("package_search", of(ecosystem, "left-pad")).await;
        assert_eq!(error.code, "not_configured");
        assert!(error.message.contains(word), "{error}");
    }
}

#[tokio::test]
async fn python_packages_are_looked_up_in_either_form_of_the_api() {
    let json = json!({ "name": "my-tool", "files": [
        { "filename": "my_tool-1.0.tar.gz", "requires-python": ">=3.6" },
        { "filename": "my_tool-1.10-py3-none-any.whl", "requires-python": ">=3.9", "yanked": false },
        { "filename": "my_tool-1.9-py3-none-any.whl" },
        { "filename": "my_tool-1.11-py3-none-any.whl", "yanked": "broken" },
        { "filename": "my_tool-2.0rc1-py3-none-any.whl" },
        { "filename": "nonsense.exe" },
    ]})
    .to_string();
    let html = "<a href='/f/my_old-1.0.tar.gz#sha256=0'>my_old-1.0.tar.gz</a><br>\
        <a href='/f/x'>my_old-1.2-py3-none-any.whl</a>";
    let server = Server::start(move |line| match line {
        _ if line.starts_with("GET /simple/my-tool/ ") => {
            reply("200 OK", "application/vnd.pypi.simple.v1+json", &json)
        }
        _ if line.starts_with("GET /simple/my-old/ ") => reply("200 OK", "text/html", html),
        _ if line.starts_with("GET /simple/broken/ ") => reply("500 Oops", "text/html", ""),
        _ => reply("404 Not Found", "text/html", ""),
    })
    .await;
    let place = place(PackageIndexes { pypi: at(&server), npm: None });
    let got = place.ok("package_search", of("pypi", "My_Tool")).await;
    let expected = json!({
        "ecosystem": "pypi", "name": "My_Tool", "found": true, "latest": "1.10",
        "versions": ["2.0rc1", "1.10", "1.9", "1.0"], "total_versions": 4,
        "requires_python": ">=3.9",
    });
    assert_eq!(got, expected);
    let got = place.ok("package_search", of("pypi", "my.old")).await;
    assert_eq!(got["versions"], json!(["1.2", "1.0"]));
    let got = place.ok("package_search", of("pypi", "absent")).await;
    assert_eq!(got["found"], false);
    let error = place.error("package_search", of("pypi", "broken")).await;
    assert_eq!(error.code, "index_failed");
    for name in ["../x", "a/b", "a b", "-a", "a-", "a?b", "a#b", "a%2fb", ".."] {
        assert_eq!(place.code("package_search", of("pypi", name)).await, "invalid_name", "{name}");
    }
    assert_eq!(server.heads().len(), 4);
}

#[tokio::test]
async fn javascript_packages_are_looked_up() {
    let json = json!({ "name": "it", "dist-tags": { "latest": "1.2.0" }, "versions": {
        "1.0.0": { "deprecated": "old" }, "1.2.0": { "engines": { "node": ">=18" } }, "2.0.0-beta.1": {},
    }})
    .to_string();
    let (server_tls, client_tls) = certificate("index.home");
    let answer = move |line: &str| match line {
        _ if line.starts_with("GET /npm/@scope%2fit ") || line.starts_with("GET /npm/it ") => {
            reply("200 OK", "application/json", &json)
        }
        _ => reply("404 Not Found", "application/json", "{}"),
    };
    let server = Server::with(Some(server_tls), answer).await;
    let address = format!("https://me:CANARY@index.home:{}/npm/", server.port);
    let indexes = PackageIndexes { pypi: None, npm: PackageIndex::new(&address) };
    let tool = PackageSearch::new(indexes, &client_tls, &resolver("index.home")).unwrap();
    assert!(!format!("{tool:?}").contains("CANARY"));
    let place = Place::with_tool(tool);
    for name in ["@scope/it", "it"] {
        let got = place.ok("package_search", of("npm", name)).await;
        assert_eq!((&got["latest"], &got["engines"]), (&json!("1.2.0"), &json!(">=18")));
        assert_eq!(got["versions"], json!(["2.0.0-beta.1", "1.2.0"]));
    }
    assert_eq!(place.ok("package_search", of("npm", "absent")).await["found"], false);
    for name in ["../x", "@a", "@/a", "@a/b/c", "a/b", "_a", ".a", "a?b", "http://evil.test/x"] {
        assert_eq!(place.code("package_search", of("npm", name)).await, "invalid_name", "{name}");
    }
    assert_eq!(server.heads().len(), 3);
    assert!(
        server.heads().iter().all(|head| head.contains("authorization: Basic bWU6Q0FOQVJZ\r\n"))
    );
}
