//! What the arguments say.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use landlock::{AccessFs, BitFlags, make_bitflags};
use nix::sys::resource::Resource;

use super::{Failed, at};

const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});
const EXECUTE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir | Execute});
/// No device nodes, no sockets; what was written cannot be executed.
const WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | Refer | RemoveDir | RemoveFile
    | MakeDir | MakeReg | MakeSym | MakeFifo
});
const DEVICE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | WriteFile});

/// How a program is confined, and which.
#[derive(Default)]
pub(super) struct Policy {
    /// Everything that may be opened.
    pub(super) grants: Vec<(PathBuf, BitFlags<AccessFs>)>,
    pub(super) limits: Vec<(Resource, u64)>,
    pub(super) environment: Vec<CString>,
    /// Whether it may open stream sockets: only for a network that leads nowhere.
    pub(super) proxied: bool,
    /// The process whose end is the program's end.
    pub(super) supervised_by: Option<i32>,
    /// The program's path and its arguments; not empty.
    pub(super) command: Vec<CString>,
}

fn text(value: OsString) -> Result<CString, Failed> {
    CString::new(value.into_vec()).map_err(at("arguments"))
}

fn number<T: std::str::FromStr>(value: &OsString) -> Result<T, Failed> {
    let parsed = value.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| Failed("arguments", format!("{} is no number", value.display())))
}

impl Policy {
    /// Reads `--option value` up to `--`, and the command after it.
    pub(super) fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Self, Failed> {
        let mut policy = Self::default();
        let missing = || Failed("arguments", "no command after `--`".to_owned());
        loop {
            let option = arguments.next().ok_or_else(missing)?;
            if option == "--" {
                break;
            }
            let value = arguments.next().ok_or_else(missing)?;
            policy.set(&option.to_string_lossy(), value)?;
        }
        policy.command = arguments.map(text).collect::<Result<_, _>>()?;
        if policy.command.is_empty() { Err(missing()) } else { Ok(policy) }
    }

    fn set(&mut self, option: &str, value: OsString) -> Result<(), Failed> {
        match option {
            "--read" => self.grants.push((value.into(), READ)),
            "--execute" => self.grants.push((value.into(), EXECUTE)),
            "--write" => self.grants.push((value.into(), WRITE)),
            "--device" => self.grants.push((value.into(), DEVICE)),
            "--cpu-seconds" => self.limits.push((Resource::RLIMIT_CPU, number(&value)?)),
            "--memory" => self.limits.push((Resource::RLIMIT_AS, number(&value)?)),
            "--processes" => self.limits.push((Resource::RLIMIT_NPROC, number(&value)?)),
            "--open-files" => self.limits.push((Resource::RLIMIT_NOFILE, number(&value)?)),
            "--file-size" => self.limits.push((Resource::RLIMIT_FSIZE, number(&value)?)),
            "--env" => self.environment.push(text(value)?),
            "--network" if value == "proxy" => self.proxied = true,
            "--supervised-by" => self.supervised_by = Some(number(&value)?),
            _ => return Err(Failed("arguments", format!("`{option}` is unknown"))),
        }
        Ok(())
    }
}
