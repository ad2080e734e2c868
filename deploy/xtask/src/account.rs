//! Users of their own for the hub and the edge, where xtask runs as root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::unistd::{User, geteuid};

/// A user without rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    /// User id.
    pub(crate) uid: u32,
    /// Group id.
    pub(crate) gid: u32,
}

/// Whether this process may do everything.
pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}

/// The account to run `name` as: `None` where xtask is no root and everything
/// runs as the user who started it. `number` is the id where the system has no
/// means to create a user.
pub(crate) fn ensure(name: &str, number: u32) -> Result<Option<Account>> {
    if !is_root() {
        return Ok(None);
    }
    if let Some(account) = lookup(name)? {
        return Ok(Some(account));
    }
    let create: [&[&str]; 2] = [
        &[
            "useradd",
            "--system",
            "--user-group",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            name,
        ],
        &["adduser", "-S", "-D", "-H", "-s", "/sbin/nologin", name],
    ];
    for command in create {
        let [program, args @ ..] = command else { continue };
        let quiet =
            Command::new(program).args(args).stderr(Stdio::null()).stdout(Stdio::null()).status();
        if quiet.is_ok_and(|status| status.success())
            && let Some(account) = lookup(name)?
        {
            return Ok(Some(account));
        }
    }
    Ok(Some(Account { uid: number, gid: number }))
}

fn lookup(name: &str) -> Result<Option<Account>> {
    let Some(user) = User::from_name(name).context("the system's users cannot be read")? else {
        return Ok(None);
    };
    let account = Account { uid: user.uid.as_raw(), gid: user.gid.as_raw() };
    if account.uid == 0 {
        bail!("the user {name} is root: remove it, or give it another id");
    }
    Ok(Some(account))
}

/// A folder that only `owner` may enter.
pub(crate) fn private_dir(path: &Path, owner: Option<Account>) -> Result<()> {
    let what = || format!("cannot prepare {}", path.display());
    fs::create_dir_all(path).with_context(what)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).with_context(what)?;
    if let Some(owner) = owner {
        chown(path, Some(owner.uid), Some(owner.gid)).with_context(what)?;
    }
    Ok(())
}

/// The first folder on the way to `path` that other users cannot enter, or
/// `path` itself where they cannot read it.
pub(crate) fn first_closed(path: &Path) -> Option<String> {
    let open = |path: &Path, bit: u32| {
        fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & bit == bit)
    };
    let parents = path.ancestors().skip(1).find(|folder| !open(folder, 0o001));
    let bit = if path.is_dir() { 0o001 } else { 0o004 };
    parents.or((!open(path, bit)).then_some(path)).map(|path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_others_cannot_enter_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let (closed, file) = (dir.path().join("closed"), dir.path().join("closed/file"));
        private_dir(&closed, None).unwrap();
        fs::write(&file, "x").unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(first_closed(&file), Some(closed.display().to_string()));
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o711)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(first_closed(&file), Some(file.display().to_string()));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(first_closed(&file), None);
    }
}
