use agentos_domain::{
    Entry, Fence, FinishReason, NanoUsd, Step, Task, TaskId, TaskStatus, Tier, Timestamp, ToolCall,
    ToolClass, Usage, WorkspaceId, builtin_file_agent,
};

use super::*;

fn task(agent: &str, status: TaskStatus) -> Task {
    Task {
        task_id: TaskId::generate(),
        workspace_id: WorkspaceId::default(),
        user_input: "x".into(),
        status,
        agent_type: agent.parse().unwrap(),
        model_used: None,
        output: None,
        error: None,
        input_tokens: 0,
        output_tokens: 0,
        execution_time_ms: Some(1500),
        tool_calls: 0,
        context_sources: vec![],
        created_at: Timestamp::from_millis(0),
        started_at: None,
        completed_at: None,
        cost: NanoUsd(0),
        idempotency_key: None,
        session: None,
        priority: agentos_domain::Priority::Normal,
        on_edge_lost: agentos_domain::OnEdgeLost::Wait,
        privacy: agentos_domain::Privacy::Any,
        steps: 0,
    }
}

fn steps(task: &Task, entries: Vec<Entry>) -> Vec<Step> {
    let step = |entry| Step {
        task_id: task.task_id.clone(),
        seq: 1,
        fence: Fence(1),
        recorded_at: Timestamp::from_millis(0),
        entry,
    };
    entries.into_iter().map(step).collect()
}

fn reply(model: &str) -> Entry {
    Entry::ModelReply {
        model: model.into(),
        text: String::new(),
        tool_calls: vec![],
        finish: FinishReason::Stop,
        usage: Usage { input_tokens: 30, cached_tokens: 10, output_tokens: 4 },
        confidence: None,
        duration_ms: 1,
    }
}

fn intent(tool: &str) -> Entry {
    let call = ToolCall { id: "1".into(), name: tool.parse().unwrap(), arguments: ().into() };
    Entry::ToolIntent { call, class: ToolClass::Read, idempotency_key: "k".into() }
}

fn finished() -> Entry {
    Entry::Finished { output: String::new(), truncated: false }
}

fn page(metrics: &Metrics) -> Vec<String> {
    let mut page = String::new();
    metrics.write(&mut page);
    page.lines().map(ToOwned::to_owned).collect()
}

#[track_caller]
fn holds(page: &[String], line: &str) {
    assert!(page.iter().any(|held| held == line), "no `{line}` in\n{}", page.join("\n"));
}

#[test]
fn a_run_is_counted() {
    let metrics = Metrics::new(&[builtin_file_agent()]);
    let running = task("FileOpsAgent", TaskStatus::Running);
    metrics.leased(&running.task_id, Tier::LocalSmart);
    metrics.observe(&running, &steps(&running, vec![reply("m"), intent("file_read")]));
    let ended = Task { status: TaskStatus::Completed, ..running };
    metrics.observe(&ended, &steps(&ended, vec![reply("m"), finished()]));
    // A repeated report brings no step that is new.
    metrics.observe(&ended, &[]);

    let page = page(&metrics);
    holds(&page, "tasks_total{agent=\"FileOpsAgent\",status=\"completed\"} 1");
    holds(&page, "model_requests_total{model=\"m\",tier=\"local-smart\"} 2");
    holds(&page, "model_tokens_total{model=\"m\",direction=\"input\"} 60");
    holds(&page, "model_tokens_total{model=\"m\",direction=\"output\"} 8");
    holds(&page, "agent_tool_calls_total{agent=\"FileOpsAgent\",tool=\"file_read\"} 1");
    holds(&page, "agent_iterations_bucket{agent=\"FileOpsAgent\",le=\"1\"} 0");
    holds(&page, "agent_iterations_bucket{agent=\"FileOpsAgent\",le=\"2\"} 1");
    holds(&page, "agent_iterations_sum{agent=\"FileOpsAgent\"} 2");
    holds(&page, "task_duration_seconds_bucket{le=\"1\"} 0");
    holds(&page, "task_duration_seconds_bucket{le=\"2.5\"} 1");
    holds(&page, "task_duration_seconds_bucket{le=\"+Inf\"} 1");
    holds(&page, "task_duration_seconds_sum 1.5");
    holds(&page, "task_duration_seconds_count 1");
}

#[test]
fn labels_are_bounded_whatever_edges_report() {
    let metrics = Metrics::new(&[builtin_file_agent()]);
    for number in 0..100 {
        let running = task(&format!("Agent{number}"), TaskStatus::Running);
        let entries = vec![reply(&format!("model {number}")), intent(&format!("tool{number}"))];
        metrics.observe(&running, &steps(&running, entries));
    }
    let page = page(&metrics);
    let series = |name: &str| page.iter().filter(|line| line.starts_with(name)).count();
    assert_eq!(series("model_requests_total{"), 65);
    holds(&page, "model_requests_total{model=\"other\",tier=\"other\"} 36");
    assert_eq!(series("agent_tool_calls_total{"), 1);
    holds(&page, "agent_tool_calls_total{agent=\"other\",tool=\"other\"} 100");
    assert!(!page.join("").contains("task_0"), "an id is no label");
}

#[test]
fn a_family_never_grows_without_end() {
    let family = CounterFamily::new("x_total", "Of a test.", ["a"]);
    for number in 0..5000 {
        family.add([&number.to_string()], 1);
    }
    let mut page = String::new();
    family.write(&mut page);
    assert_eq!(page.lines().count(), 2 + 1001);
    assert!(page.contains("x_total{a=\"other\"} 4000\n"));
}

#[test]
fn values_of_labels_cannot_break_out() {
    let mut page = String::new();
    info(&mut page, "x_info", "Of a test.", "v", "a\"b\\c\nd");
    assert_eq!(
        page,
        "# HELP x_info Of a test.\n# TYPE x_info gauge\nx_info{v=\"a\\\"b\\\\c\\nd\"} 1\n"
    );
}
