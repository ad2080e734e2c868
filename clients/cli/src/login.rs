//! `agentos login`: keeps where the hub is and the key to it, for the user alone.

use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::settings::Settings;
use crate::terminal::{Terminal, Tone};
use crate::trust;

/// The longest key that is read from the standard input, in bytes.
const MAX_KEY: u64 = 16 * 1024;

/// What a login leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Login {
    /// The hub's address.
    pub(crate) url: String,
    /// The key to it.
    pub(crate) api_key: String,
    /// The only authority that its certificate may be from, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<String>,
}

/// Where a login is kept, if the user has a folder for such things.
pub(crate) fn path(env: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let absolute = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(folder.join("agentos").join("login.json"))
}

impl Login {
    /// The one that is kept; `None` if there is none.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, CliError> {
        let file = |source| CliError::File {
            what: format!(
                "cannot read the login in {}; `agentos login` makes it anew",
                path.display()
            ),
            source,
        };
        match std::fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|e| file(e.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(file(error)),
        }
    }

    /// Keeps it: all of it or nothing, and readable by nobody else.
    fn write(&self, path: &Path) -> Result<(), CliError> {
        let file =
            |source| CliError::File { what: format!("cannot write {}", path.display()), source };
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(file)?;
        let temporary = path.with_extension("new");
        // One that is left over might be readable by others.
        match std::fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(file(error)),
            _ => {}
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut target = options.open(&temporary).map_err(file)?;
        let text = json!(self).to_string();
        target.write_all(text.as_bytes()).and_then(|()| target.sync_all()).map_err(file)?;
        std::fs::rename(&temporary, path).map_err(file)
    }
}

/// The same with an authority to trust, where the hub speaks https and this
/// machine does not trust it anyway: the one with `fingerprint`, or the one that
/// the user confirms. Nothing but a handshake is sent before.
pub(crate) async fn trusted(
    settings: Settings,
    fingerprint: Option<&str>,
    terminal: &mut Terminal,
) -> Result<Settings, CliError> {
    let url = &settings.url;
    if !url.starts_with("https://") || settings.ca.is_some() {
        return match fingerprint {
            None => Ok(settings),
            Some(_) => Err(CliError::usage(
                "--fingerprint is for an https address, and without --ca",
                "agentos login https://HOST:7777 --fingerprint HEX",
            )),
        };
    }
    let shown = trust::look(url).await?;
    let last = shown.chain.last();
    let authority = match fingerprint {
        Some(wanted) => shown.chain.iter().find(|cert| trust::fingerprint(cert) == wanted),
        None if shown.is_trusted => return Ok(settings),
        None => last,
    };
    let Some(authority) = authority else {
        let other = last.map(trust::fingerprint).unwrap_or_default();
        return Err(trust::untrusted(
            url,
            format!("it has another fingerprint, {other}: somebody else may be answering"),
            "compare with what the hub writes at its start",
        ));
    };
    shown.check(url, authority)?;
    if fingerprint.is_none() {
        confirm(url, &trust::fingerprint(authority), terminal)?;
    }
    let ca = Some(trust::pem(authority));
    Ok(Settings { ca, ..settings })
}

/// Has the user compare the fingerprint. Nobody is there to do so: refused.
fn confirm(url: &str, fingerprint: &str, terminal: &mut Terminal) -> Result<(), CliError> {
    if !io::IsTerminal::is_terminal(&io::stdin()) {
        return Err(trust::untrusted(
            url,
            format!("its authority is not known here; its SHA-256 fingerprint is {fingerprint}"),
            "compare with what the hub writes at its start, then --fingerprint HEX",
        ));
    }
    terminal.say(Tone::Plain, &format!("The authority of {url} has the SHA-256 fingerprint"))?;
    terminal.say(Tone::Plain, &format!("  {fingerprint}"))?;
    terminal.say(Tone::Plain, "Does the hub write the same at its start? [yes/no]")?;
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(|source| CliError::File { what: "cannot read the answer".to_owned(), source })?;
    if is_yes(&answer) {
        return Ok(());
    }
    Err(trust::untrusted(url, "it is not trusted", "the hub's log has its fingerprint"))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Checks the key of `settings`, or the one that the standard input gives, and
/// keeps it.
pub(crate) async fn run(
    mut settings: Settings,
    typed: bool,
    terminal: &mut Terminal,
    json: bool,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Exit, CliError> {
    let path = path(env).ok_or_else(|| {
        CliError::usage("there is no folder to keep a login in", "HOME or XDG_CONFIG_HOME set")
    })?;
    if !typed {
        terminal.note(Tone::Plain, &format!("The key to {}:", settings.url))?;
        settings = settings.with_key(&key_of_input()?)?;
    }
    let Some(api_key) = settings.api_key.clone() else {
        return Err(CliError::usage("no key was given", "--api-key-file FILE, or a key as input"));
    };
    let ca = settings.ca.clone();
    let client = Client::new(settings)?;
    let health: Value = client.get("/health").await?;
    let Some(workspace) = health["tenant_context"]["workspace_id"].as_str() else {
        return Err(CliError::NotAllowed {
            code: "INVALID_TOKEN".to_owned(),
            message: format!("the hub at {} does not know this key", client.url()),
        });
    };
    let login = Login { url: client.url().to_owned(), api_key, ca };
    login.write(&path)?;
    if json {
        let kept = path.display().to_string();
        terminal.json(&json!({ "url": login.url, "workspace_id": workspace, "file": kept }))?;
    } else {
        terminal.line(&format!("logged in to {} (workspace {workspace})", login.url))?;
        terminal.note(Tone::Dim, &format!("kept in {}", path.display()))?;
    }
    Ok(Exit::Ok)
}

fn key_of_input() -> Result<String, CliError> {
    let mut text = String::new();
    let file =
        |source| CliError::File { what: "cannot read the key from the input".to_owned(), source };
    if io::IsTerminal::is_terminal(&io::stdin()) {
        io::stdin().read_line(&mut text).map_err(file)?;
    } else {
        io::stdin().take(MAX_KEY).read_to_string(&mut text).map_err(file)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_folder_is_that_of_the_user() {
        let of = |pairs: &[(&str, &str)]| {
            path(&|name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let home = Some(PathBuf::from("/home/u/.config/agentos/login.json"));
        assert_eq!(of(&[("HOME", "/home/u")]), home);
        assert_eq!(of(&[("HOME", "/home/u"), ("XDG_CONFIG_HOME", "relative")]), home);
        let xdg = of(&[("HOME", "/home/u"), ("XDG_CONFIG_HOME", "/x")]);
        assert_eq!(xdg, Some(PathBuf::from("/x/agentos/login.json")));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn only_a_clear_yes_is_one() {
        assert!(["y", "yes\n", " YES "].into_iter().all(is_yes));
        assert!(!["", "\n", "no", "yess", "ye"].into_iter().any(is_yes));
    }

    #[test]
    fn nobody_else_can_read_a_login() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config/agentos/login.json");
        assert_eq!(Login::read(&path).unwrap(), None);
        let login = |key: &str| Login {
            url: "https://nas:7777".into(),
            api_key: key.into(),
            ca: (key == "two").then(|| "pem".into()),
        };
        for key in ["one", "two"] {
            login(key).write(&path).unwrap();
            assert_eq!(Login::read(&path).unwrap(), Some(login(key)));
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        }
        std::fs::write(&path, "{").unwrap();
        let error = Login::read(&path).unwrap_err().to_string();
        assert!(error.contains("`agentos login` makes it anew"), "{error}");
    }
}
