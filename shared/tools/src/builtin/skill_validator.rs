//! `skill_validator`: whether code that was written may be proposed.

use std::io::Read;

use agentos_domain::{RelPath, ToolError, ToolSpec};
use agentos_sandbox::{FileKind, GrantedRoot, SandboxError, WalkOptions};
use agentos_validate::{CodePolicy, Finding, Language, check_code_bytes};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::arguments::{self, MAX_PATH};
use crate::{Tool, ToolContext, blocking};

/// The most files of one call.
const MAX_FILES: usize = 50;
/// The most findings of one answer.
const MAX_FINDINGS: usize = 50;

/// The tool `skill_validator`.
#[derive(Debug)]
pub struct SkillValidator {
    spec: ToolSpec,
    policy: CodePolicy,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    #[serde(default)]
    permissions: Vec<String>,
}

impl Default for SkillValidator {
    fn default() -> Self {
        Self::new(CodePolicy::default())
    }
}

impl SkillValidator {
    /// Holds code against this policy, and the permissions that a call names.
    /// What a skill declares is shown to whoever approves it.
    #[must_use]
    pub fn new(policy: CodePolicy) -> Self {
        let properties = json!({
            "path": {
                "type": "string", "minLength": 1, "maxLength": MAX_PATH,
                "description": "file of code, or the folder of a skill, relative to the workspace",
            },
            "permissions": {
                "type": "array", "maxItems": 20,
                "items": { "type": "string", "maxLength": 64, "pattern": "^[a-z_]+(\\.[a-z_]+)*$" },
                "description": "what the skill declares to need, such as fs.read, fs.write or network.http.get",
            },
        });
        let description = "Checks Python, JavaScript or bash before it is proposed: imports, \
            shell, eval, network, paths and secrets. Says for each line what to do";
        let spec = arguments::reading_spec("skill_validator", description, properties, &["path"]);
        Self { spec, policy }
    }
}

#[async_trait::async_trait]
impl Tool for SkillValidator {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<Value, ToolError> {
        let Arguments { path, permissions } = arguments::parse(arguments)?;
        let path = arguments::file_path(&path)?;
        let mut policy = self.policy.clone();
        policy.permissions.extend(permissions);
        blocking::run(context, move |root, cancel| validate(root, cancel, &path, policy)).await
    }
}

fn validate(
    root: &GrantedRoot,
    cancel: &CancellationToken,
    path: &RelPath,
    mut policy: CodePolicy,
) -> Result<Value, ToolError> {
    let files = code_files(root, path)?;
    for file in &files {
        let name = file.as_str().rsplit('/').next().unwrap_or_default();
        let stem = name.split('.').next().unwrap_or_default();
        policy.own_modules.insert(stem.to_owned());
    }
    let (mut shown, mut more) = (Vec::new(), 0_usize);
    for file in &files {
        blocking::check(cancel)?;
        for finding in check(root, file, &policy)? {
            if shown.len() < MAX_FINDINGS {
                let Finding { line, rule, message } = finding;
                shown.push(json!({ "path": file, "line": line, "rule": rule, "message": message }));
            } else {
                more += 1;
            }
        }
    }
    let mut answer = json!({ "ok": shown.is_empty(), "files": files, "findings": shown });
    if more > 0 {
        answer["findings_more"] = more.into();
    }
    Ok(answer)
}

/// The files of code that `path` names or holds.
fn code_files(root: &GrantedRoot, path: &RelPath) -> Result<Vec<RelPath>, ToolError> {
    let known = |path: &RelPath| Language::of_path(path.as_str()).is_some();
    if root.metadata(Some(path))?.kind == FileKind::File {
        if known(path) {
            return Ok(vec![path.clone()]);
        }
        let message =
            format!("`{path}` is no code that is known: name a .py, .js, .mjs, .cjs or .sh file");
        return Err(ToolError::new("unknown_language", message));
    }
    let entries = root.walk(Some(path), WalkOptions::default())?;
    let files = entries.filter(|entry| entry.info.kind == FileKind::File);
    let files: Vec<_> = files.map(|entry| entry.path).filter(known).take(MAX_FILES + 1).collect();
    if files.is_empty() || files.len() > MAX_FILES {
        let message =
            format!("`{path}` holds no code, or more than {MAX_FILES} files: name a smaller part");
        return Err(ToolError::new("nothing_to_check", message));
    }
    Ok(files)
}

fn check(
    root: &GrantedRoot,
    path: &RelPath,
    policy: &CodePolicy,
) -> Result<Vec<Finding>, ToolError> {
    let Some(language) = Language::of_path(path.as_str()) else { return Ok(Vec::new()) };
    let mut content = Vec::new();
    // A byte more than is allowed tells that there are more.
    let limit = u64::try_from(policy.max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    root.open(path)?
        .take(limit)
        .read_to_end(&mut content)
        .map_err(|source| ToolError::from(SandboxError::Io { path: path.to_string(), source }))?;
    if content.len() > policy.max_bytes {
        let message = format!("larger than {} bytes: split it", policy.max_bytes);
        return Ok(vec![Finding::whole("size", message)]);
    }
    Ok(check_code_bytes(language, &content, policy))
}
