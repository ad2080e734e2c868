//! `agentos files`.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use agentos_domain::{RelPath, Timestamp};
use futures::StreamExt;
use reqwest::{Method, Response};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::args::FilesCommand;
use crate::client::{Client, parts};
use crate::error::{CliError, Exit};
use crate::terminal::{Terminal, Tone};
use crate::text::{bytes, count, minute, one_line};

#[derive(Deserialize)]
struct Listing {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    path: String,
    size: u64,
    /// Absent where the hub is older.
    modified: Option<Timestamp>,
}

/// Runs a command about files.
pub(crate) async fn run(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    command: FilesCommand,
) -> Result<Exit, CliError> {
    match command {
        FilesCommand::List => list(client, terminal, json).await?,
        FilesCommand::Put { local, to } => {
            put(client, terminal, json, &local, to.as_deref()).await?
        }
        FilesCommand::Get { path, output } => {
            let path = inside(&path)?;
            let response = client.send(client.request(Method::GET, &url(&path))).await?;
            match output.filter(|output| output != Path::new("-")) {
                Some(file) => save(client, terminal, response, &file).await?,
                None => print(client, terminal, response).await?,
            }
        }
        FilesCommand::Rm { path } => {
            let path = inside(&path)?;
            client.send(client.request(Method::DELETE, &url(&path))).await?;
            terminal.note(Tone::Plain, &format!("removed {path}"))?;
        }
    }
    Ok(Exit::Ok)
}

async fn list(client: &Client, terminal: &mut Terminal, json: bool) -> Result<(), CliError> {
    let value: Value = client.get("/api/files").await?;
    if json {
        return Ok(terminal.json(&value)?);
    }
    let listing = Listing::deserialize(&value).map_err(|error| CliError::Protocol {
        url: client.url().to_owned(),
        what: error.to_string(),
    })?;
    for item in &listing.items {
        let path = one_line(&item.path);
        if terminal.quiet() {
            terminal.line(&path)?;
        } else {
            let modified = item.modified.map(minute).unwrap_or_default();
            terminal.line(&format!("{:>9}  {modified:>17}  {path}", bytes(item.size)))?;
        }
    }
    Ok(())
}

async fn put(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    local: &[PathBuf],
    to: Option<&str>,
) -> Result<(), CliError> {
    // All names first: a bad one must not leave half of them uploaded.
    let uploads = uploads(local, to)?;
    let mut answers = Vec::new();
    for (file, path) in &uploads {
        let failed =
            |source| CliError::File { what: format!("cannot read {}", file.display()), source };
        let handle = tokio::fs::File::open(file).await.map_err(failed)?;
        let metadata = handle.metadata().await.map_err(failed)?;
        let size = metadata.len();
        let mut request = client.request(Method::PUT, &url(path)).header("content-length", size);
        if let Some(date) = modified(&metadata).http_date() {
            request = request.header("last-modified", date);
        }
        let response = client.send(request.body(handle)).await?;
        let answer: Value = response.json().await.map_err(|error| client.failed(&error))?;
        terminal.note(Tone::Plain, &format!("{:>9}  {path}", bytes(size)))?;
        answers.push(answer);
    }
    if json {
        return Ok(terminal.json(&answers)?);
    }
    let n = u64::try_from(uploads.len()).unwrap_or(u64::MAX);
    Ok(terminal.note(Tone::Plain, &format!("{} uploaded", count(n, "file")))?)
}

fn modified(metadata: &Metadata) -> Timestamp {
    let millis = metadata.mtime().saturating_mul(1000);
    Timestamp::from_millis(millis.saturating_add(metadata.mtime_nsec() / 1_000_000))
}

/// Which file goes where: a file under its own name, a folder under its own
/// name with all that is in it. Links are left out.
fn uploads(local: &[PathBuf], to: Option<&str>) -> Result<Vec<(PathBuf, RelPath)>, CliError> {
    let mut found = Vec::new();
    for given in local {
        let failed =
            |source| CliError::File { what: format!("cannot read {}", given.display()), source };
        let whole = given.canonicalize().map_err(failed)?;
        let prefix = whole.parent().unwrap_or(&whole).to_owned();
        let mut waiting = vec![whole];
        while let Some(path) = waiting.pop() {
            let kind = path.symlink_metadata().map_err(failed)?.file_type();
            if kind.is_dir() {
                for entry in path.read_dir().map_err(failed)? {
                    waiting.push(entry.map_err(failed)?.path());
                }
            } else if kind.is_file() {
                let name = path.strip_prefix(&prefix).unwrap_or(&path).to_str();
                let name = name.ok_or_else(|| {
                    let name = path.display();
                    CliError::usage(format!("{name}: the name is not UTF-8"), "another name")
                })?;
                let to = to.unwrap_or_default();
                let target = if to.is_empty() { name.to_owned() } else { format!("{to}/{name}") };
                let target = inside(&target)?;
                found.push((path, target));
            }
        }
    }
    found.sort_by(|a, b| a.1.cmp(&b.1));
    Ok(found)
}

async fn save(
    client: &Client,
    terminal: &mut Terminal,
    response: Response,
    file: &Path,
) -> Result<(), CliError> {
    let failed =
        |source| CliError::File { what: format!("cannot write {}", file.display()), source };
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let written = async {
        let mut target = tokio::fs::File::create(&part).await.map_err(failed)?;
        let mut body = response.bytes_stream();
        let mut size = 0;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| client.failed(&error))?;
            target.write_all(&chunk).await.map_err(failed)?;
            size += u64::try_from(chunk.len()).unwrap_or(0);
        }
        target.flush().await.map_err(failed)?;
        tokio::fs::rename(&part, file).await.map_err(failed)?;
        Ok(size)
    };
    let size = match written.await {
        Ok(size) => size,
        Err(error) => {
            // Half a file under the wanted name would pass for a whole one.
            drop(tokio::fs::remove_file(&part).await);
            return Err(error);
        }
    };
    Ok(terminal.note(Tone::Plain, &format!("{:>9}  {}", bytes(size), file.display()))?)
}

async fn print(
    client: &Client,
    terminal: &mut Terminal,
    response: Response,
) -> Result<(), CliError> {
    if terminal.out_is_terminal() {
        let text = response.bytes().await.map_err(|error| client.failed(&error))?;
        return Ok(terminal.line(String::from_utf8_lossy(&text).trim_end_matches('\n'))?);
    }
    let mut body = response.bytes_stream();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| client.failed(&error))?;
        terminal.bytes(&chunk)?;
    }
    Ok(())
}

fn inside(path: &str) -> Result<RelPath, CliError> {
    path.parse().map_err(|error: agentos_domain::PathError| {
        CliError::usage(error.to_string(), "a path such as notes/todo.md")
    })
}

fn url(path: &RelPath) -> String {
    format!("/api/files/{}", parts(path.as_str()))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_folder_goes_up_with_its_name_and_content() {
        let dir = tempfile::tempdir().unwrap();
        let sub = dir.path().join("notes/deep");
        std::fs::create_dir_all(&sub).unwrap();
        std::fs::write(sub.join("b.txt"), "b").unwrap();
        std::fs::write(dir.path().join("notes/a.txt"), "a").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", sub.join("link")).unwrap();
        let uploads = uploads(&[dir.path().join("notes")], Some("mine")).unwrap();
        let paths: Vec<_> = uploads.iter().map(|(_, path)| path.as_str()).collect();
        assert_eq!(paths, ["mine/notes/a.txt", "mine/notes/deep/b.txt"]);
    }

    #[test]
    fn names_that_leave_the_workspace_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        std::fs::write(&file, "a").unwrap();
        assert_eq!(uploads(&[file], Some("../x")).unwrap_err().exit_code(), 2);
        let gone = uploads(&[dir.path().join("gone")], None).unwrap_err();
        assert!(
            matches!(gone, CliError::File { source, .. } if source.kind() == io::ErrorKind::NotFound)
        );
    }
}
