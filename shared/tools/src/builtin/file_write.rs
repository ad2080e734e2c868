//! `file_write`: a text file in one of the folders that are open for it.

use agentos_domain::{ArgumentRole, BlobHash, RelPath, ToolClass, ToolError, ToolSpec};
use agentos_sandbox::{GrantedRoot, SandboxError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arguments::{self, MAX_PATH};
use crate::{Tool, ToolContext, blocking};

/// The folders that are open by default.
pub const WRITABLE_FOLDERS: &[&str] = &["skills", "temp", "outputs", "memory"];
/// The largest file by default, in bytes.
pub const MAX_WRITTEN: usize = 1024 * 1024;
/// The longest name of a file, in bytes, as file systems have it.
const MAX_NAME: usize = 255;

/// Names that something else reads as its instructions. A file of such a name
/// is refused also where there is none yet (CVE-2026-25725: a missing one was
/// made).
const CONTROL_FILES: &[&str] = &[
    "agent_os.yaml",
    "agent_os_edge.yaml",
    "agents.toml",
    "agents.yaml",
    "hooks.json",
    "hooks.toml",
    "hooks.yaml",
    "pyvenv.cfg",
    "sitecustomize.py",
    "usercustomize.py",
];

/// Names that are devices on some systems, whatever their ending.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"];

/// The tool `file_write`.
#[derive(Debug)]
pub struct FileWrite {
    spec: ToolSpec,
    folders: Vec<String>,
    max_bytes: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    content: String,
}

impl Default for FileWrite {
    fn default() -> Self {
        let folders = WRITABLE_FOLDERS.iter().map(|folder| (*folder).to_owned()).collect();
        Self::new(folders, MAX_WRITTEN)
    }
}

impl FileWrite {
    /// Writes only into these folders of the workspace, and no file of more
    /// than `max_bytes`.
    #[must_use]
    pub fn new(folders: Vec<String>, max_bytes: usize) -> Self {
        let open = if folders.is_empty() { "no folder".to_owned() } else { folders.join(", ") };
        let description = format!(
            "Writes a text file of at most {} KiB, whole; a file of that name is replaced. Open \
             for it: {open}",
            max_bytes / 1024
        );
        let properties = json!({
            "path": {
                "type": "string", "minLength": 1, "maxLength": MAX_PATH,
                "description": "file, relative to the workspace, such as outputs/report.md",
            },
            "content": {
                "type": "string", "maxLength": max_bytes,
                "description": "all that the file is to hold",
            },
        });
        let spec = arguments::spec(
            "file_write",
            ToolClass::Idempotent,
            description,
            properties,
            &["path", "content"],
        )
        .needs("fs.write")
        .argument("path", ArgumentRole::Destination)
        .argument("content", ArgumentRole::Content);
        Self { spec, folders, max_bytes }
    }

    /// The path to write to, where it is one that may be written.
    fn target(&self, path: &str) -> Result<RelPath, ToolError> {
        let path = arguments::file_path(path)?;
        let mut parts = path.as_str().split('/');
        let folder = parts.next().unwrap_or_default();
        if !self.folders.iter().any(|open| open == folder) || parts.clone().next().is_none() {
            let message = format!(
                "`{path}` lies in no folder that is open for writing: choose a path in {}",
                self.folders.join(", ")
            );
            return Err(ToolError::new("path_outside_grant", message));
        }
        match parts.find_map(refused_name) {
            None => Ok(path),
            Some(reason) => {
                let message = format!("`{path}` {reason}: choose another name");
                Err(ToolError::new("forbidden_name", message))
            }
        }
    }

    fn check_content(&self, content: &str) -> Result<(), ToolError> {
        if content.len() > self.max_bytes {
            let message = format!(
                "the content has {} bytes, at most {} are allowed: split it into several files",
                content.len(),
                self.max_bytes
            );
            return Err(ToolError::new("too_large", message));
        }
        let binary = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{000C}');
        if let Some(found) = content.chars().find(|c| binary(*c)) {
            let message = format!(
                "the content holds U+{:04X}, which is no text: leave it out",
                u32::from(found)
            );
            return Err(ToolError::new("binary_content", message));
        }
        Ok(())
    }
}

/// Why a file or folder may not have this name.
fn refused_name(name: &str) -> Option<&'static str> {
    // Some systems read names without regard to case, or drop dots at the end.
    let plain = name.to_lowercase();
    let stem = plain.split('.').next().unwrap_or_default().trim_end();
    let numbered = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    let port = numbered.is_some_and(|number| {
        let mut digits = number.chars();
        digits.next().is_some_and(|digit| digit.is_ascii_digit() || "¹²³".contains(digit))
            && digits.next().is_none()
    });
    if name.starts_with('.') {
        Some("is hidden, as files of settings are")
    } else if CONTROL_FILES.contains(&plain.as_str()) || plain.ends_with(".pth") {
        Some("is read as instructions by something else")
    } else if DEVICES.contains(&stem) || port {
        Some("is a device on some systems")
    } else if name.len() > MAX_NAME {
        Some("has a name of more than 255 bytes")
    } else if name.ends_with(['.', ' '])
        || name.starts_with(' ')
        || name.contains([':', '|', '<', '>', '"', '?', '*'])
    {
        Some("is not the same name on every system")
    } else if name.chars().any(is_hidden) {
        Some("holds characters that do not show")
    } else {
        None
    }
}

/// Characters that turn the direction of text or do not show.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}' | '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{E0000}'..='\u{E0FFF}'
    )
}

#[async_trait::async_trait]
impl Tool for FileWrite {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<Value, ToolError> {
        let Arguments { path, content } = arguments::parse(arguments)?;
        let path = self.target(&path)?;
        self.check_content(&content)?;
        blocking::run(context, move |root, _| write(root, &path, &content)).await
    }
}

fn write(root: &GrantedRoot, path: &RelPath, content: &str) -> Result<Value, ToolError> {
    let replaced = match root.metadata(Some(path)) {
        Ok(_) => true,
        Err(SandboxError::NotFound { .. }) => false,
        // What is there is no file, or leads out: it is not replaced either.
        Err(error) => return Err(error.into()),
    };
    root.create_parents(path)?;
    let bytes = root.write_atomic(path, content.as_bytes())?;
    let hash = BlobHash::of(content.as_bytes());
    Ok(json!({ "path": path, "bytes": bytes, "blake3": hash, "replaced": replaced }))
}
