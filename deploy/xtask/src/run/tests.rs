use serde_json::json;

use super::*;

#[test]
fn options_are_read_and_mistakes_named() {
    let options = Options::parse(&["--once", "--model", "/m.gguf", "--task", "Hi"]).unwrap();
    assert!(options.once && !options.release);
    assert_eq!(options.model, Some(PathBuf::from("/m.gguf")));
    assert_eq!(options.task.as_deref(), Some("Hi"));
    assert!(Options::parse(&["--model"]).unwrap_err().to_string().contains("wants a value"));
    assert!(Options::parse(&["--twice"]).unwrap_err().to_string().contains("--twice"));
}

#[test]
fn the_built_in_model_is_told_from_others() {
    let edges = |demonstration: &[bool], connected: bool| {
        let models: Vec<_> =
            demonstration.iter().map(|d| json!({"name": "m", "demonstration": d})).collect();
        json!({"items": [{"connected": connected, "load": {"models": models}}]})
    };
    assert!(has_demonstration_only(&edges(&[true], true)));
    assert!(!has_demonstration_only(&edges(&[true, false], true)));
    assert!(!has_demonstration_only(&edges(&[true], false)));
    assert!(!has_demonstration_only(&json!({"items": [{"connected": true, "load": null}]})));
}

#[test]
fn the_summary_cannot_command_the_terminal() {
    let task = json!({"task_id": "task_1", "status": "completed", "output": "a\u{1b}[2J",
        "input_tokens": 1, "output_tokens": 2, "execution_time_ms": 1500, "tool_calls": 1, "steps": 4});
    let text = summary(&task, true);
    assert!(!text.contains('\u{1b}'));
    assert!(text.contains("1.5 s") && text.contains("pocket model"), "{text}");
}
