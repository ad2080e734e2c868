//! `agentos doctor`: what is wrong with the system, and what to do about it.

use serde::Serialize;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::terminal::Terminal;
use crate::text::{count, one_line};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Grade {
    Ok,
    /// It works, but not as it could.
    Advice,
    /// Something does not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    grade: Grade,
    what: String,
    /// What to do; empty where nothing is to be done.
    advice: String,
}

fn finding(grade: Grade, what: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { grade, what: what.into(), advice: advice.into() }
}

/// Looks at the hub, the key, the edges and their models.
pub(crate) async fn run(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
) -> Result<Exit, CliError> {
    let health: Value = client.get("/health").await?;
    let ready = client.json_of_any_status("/ready").await?;
    let edges = client.json_of_any_status("/api/edges").await?;
    let mut findings = of_hub(&health, &ready);
    findings.push(of_key(client.has_key(), &health));
    findings.extend(of_edges(&edges));
    let broken = findings.iter().any(|finding| finding.grade == Grade::Problem);
    if json {
        terminal.json(&json!({ "findings": findings, "well": !broken }))?;
    } else {
        terminal.line(&format!("hub {}", client.url()))?;
        for finding in &findings {
            let mark = match finding.grade {
                Grade::Ok => "ok     ",
                Grade::Advice => "advice ",
                Grade::Problem => "PROBLEM",
            };
            terminal.line(&format!("{mark}  {}", finding.what))?;
            for line in finding.advice.lines() {
                terminal.line(&format!("         {line}"))?;
            }
        }
    }
    Ok(if broken { Exit::Failed } else { Exit::Ok })
}

fn of_hub(health: &Value, ready: &Value) -> Vec<Finding> {
    let version = one_line(health["version"].as_str().unwrap_or("unknown"));
    let mut findings = vec![if version == VERSION {
        finding(Grade::Ok, format!("the hub answers, version {version}"), "")
    } else {
        let what = format!("the hub has version {version}, this program {VERSION}");
        finding(Grade::Advice, what, "bring both to the same version")
    }];
    findings.push(if ready["database"] == true {
        finding(Grade::Ok, "its database works", "")
    } else {
        let advice = "look into the hub's log and for free space on its disk";
        finding(Grade::Problem, "its database fails", advice)
    });
    findings
}

fn of_key(given: bool, health: &Value) -> Finding {
    match (given, health["tenant_context"]["workspace_id"].as_str()) {
        (false, _) => finding(
            Grade::Problem,
            "no key is given",
            "run `agentos login`, or set AGENT_OS_API_KEY",
        ),
        (true, None) => finding(
            Grade::Problem,
            "the key is not valid at this hub",
            "run `agentos login` with another; an admin makes one by `agentos key create`",
        ),
        (true, Some(workspace)) => {
            finding(Grade::Ok, format!("the key is valid, workspace {}", one_line(workspace)), "")
        }
    }
}

fn of_edges(edges: &Value) -> Vec<Finding> {
    let Some(items) = edges["items"].as_array() else {
        let advice = "ask with a key of the scope admin in the workspace `default`";
        return vec![finding(Grade::Advice, "the edges are not visible with this key", advice)];
    };
    let known: Vec<&Value> = items.iter().filter(|edge| edge["revoked_at"].is_null()).collect();
    if known.is_empty() {
        let advice = "run `agentos edge invite` and, on the machine with the models,\n\
            `agentos-edge join HUB:PORT TOKEN`";
        return vec![finding(Grade::Problem, "no edge has joined the hub", advice)];
    }
    let mut findings = Vec::new();
    for edge in &known {
        let name = one_line(edge["name"].as_str().unwrap_or("unnamed"));
        if edge["connected"] == true {
            findings.push(finding(Grade::Ok, format!("edge {name} is connected"), ""));
        } else {
            let seen = one_line(edge["last_seen_at"].as_str().unwrap_or("an unknown time"));
            let advice = "start agentos-edge there, or look into its log; `agentos edge revoke` \
                forgets it";
            findings.push(finding(
                Grade::Problem,
                format!("edge {name} is away since {seen}"),
                advice,
            ));
        }
    }
    findings.push(of_models(&known));
    findings
}

fn of_models(edges: &[&Value]) -> Finding {
    let connected = edges.iter().filter(|edge| edge["connected"] == true);
    let models: Vec<&Value> = connected
        .flat_map(|edge| edge["load"]["models"].as_array().into_iter().flatten())
        .collect();
    let chosen = models.iter().filter(|model| model["demonstration"] != true).count();
    match (models.len(), chosen) {
        (0, _) => finding(
            Grade::Problem,
            "no model is loaded",
            "connect an edge; it brings a small model of its own",
        ),
        (_, 0) => finding(
            Grade::Advice,
            "only the built-in pocket model is loaded, a demonstration: file tasks, in English",
            "get a GGUF file that can call tools, Qwen3-1.7B-Q8_0.gguf for instance, and start the\n\
             edge with `--model FILE`, AGENT_OS_MODEL=FILE, or model.path in agent_os_edge.yaml",
        ),
        (_, chosen) => finding(Grade::Ok, format!("{} loaded", count(chosen as u64, "model")), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(connected: bool, models: &Value) -> Value {
        json!({ "name": "studio", "revoked_at": null, "connected": connected,
                "last_seen_at": "2026-01-01T00:00:00Z", "load": { "models": models } })
    }

    fn grades(findings: &[Finding]) -> Vec<Grade> {
        findings.iter().map(|finding| finding.grade).collect()
    }

    #[test]
    fn a_system_with_a_chosen_model_is_well() {
        let edges = json!({ "items": [edge(true, &json!([{ "demonstration": false }]))] });
        assert_eq!(grades(&of_edges(&edges)), [Grade::Ok, Grade::Ok]);
        let hub = of_hub(&json!({ "version": VERSION }), &json!({ "database": true }));
        assert_eq!(grades(&hub), [Grade::Ok, Grade::Ok]);
        let known = json!({ "tenant_context": { "workspace_id": "default" } });
        assert_eq!(of_key(true, &known).grade, Grade::Ok);
    }

    #[test]
    fn the_built_in_model_is_told_with_what_to_do() {
        let edges = json!({ "items": [edge(true, &json!([{ "demonstration": true }]))] });
        let findings = of_edges(&edges);
        assert_eq!(grades(&findings), [Grade::Ok, Grade::Advice]);
        assert!(findings[1].advice.contains("AGENT_OS_MODEL"));
    }

    #[test]
    fn what_is_missing_is_a_problem_with_advice() {
        for edges in [
            json!({ "items": [] }),
            json!({ "items": [edge(false, &Value::Null)] }),
            json!({ "items": [edge(true, &Value::Null)] }),
        ] {
            let findings = of_edges(&edges);
            let problem = findings.iter().find(|finding| finding.grade == Grade::Problem);
            assert!(!problem.unwrap().advice.is_empty(), "{findings:?}");
        }
        let hub = of_hub(&json!({ "version": "0.0.0" }), &json!({ "database": false }));
        assert_eq!(grades(&hub), [Grade::Advice, Grade::Problem]);
        assert_eq!(of_key(false, &Value::Null).grade, Grade::Problem);
        assert_eq!(of_key(true, &Value::Null).grade, Grade::Problem);
        assert_eq!(of_edges(&json!({ "code": "FORBIDDEN" }))[0].grade, Grade::Advice);
    }
}
