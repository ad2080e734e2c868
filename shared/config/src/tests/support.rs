//! What the tests share.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::kind::{Kind, Leaf};
use crate::load::gather;
use crate::resolve::{Resolution, resolve};
use crate::yaml;
use crate::{
    ConfigErrors, Configuration, HubConfig, Loaded, Machine, MapEnvironment, Request, load,
};

/// A folder with files, and an environment.
pub(super) struct Place {
    folder: TempDir,
    pub(super) environment: MapEnvironment,
    pub(super) path: Option<PathBuf>,
    pub(super) home: Option<PathBuf>,
}

impl Place {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, environment: MapEnvironment::default(), path: None, home: None }
    }

    /// With an `agent_os.yaml`.
    pub(super) fn with_file(text: &str) -> Self {
        let place = Self::new();
        place.write("agent_os.yaml", text);
        place
    }

    pub(super) fn set(mut self, name: &str, text: &str) -> Self {
        self.environment = self.environment.with(name, text);
        self
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.folder().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn request(&self) -> Request<'_> {
        Request {
            path: self.path.clone(),
            environment: &self.environment,
            cwd: self.folder().to_owned(),
            home: self.home.clone(),
        }
    }

    pub(super) fn load<C: Configuration>(&self) -> Result<Loaded<C>, ConfigErrors> {
        load(&self.request())
    }

    pub(super) fn hub(&self) -> Loaded<HubConfig> {
        self.load().unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// What is wrong, with paths from the folder.
    pub(super) fn errors(&self) -> String {
        let errors = self.load::<HubConfig>().err().map(|errors| errors.to_string());
        self.strip(&errors.unwrap_or_else(|| "nothing is wrong".to_owned()))
    }

    pub(super) fn strip(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.folder().display()), "")
    }

    /// Before the rules between settings are asked.
    pub(super) fn resolution(&self, machine: Machine) -> Resolution {
        let gathered = gather(&self.request(), machine).unwrap_or_else(|errors| panic!("{errors}"));
        let mut resolution = resolve(machine.settings(), &gathered.root);
        resolution.errors.extend(gathered.errors);
        resolution
    }
}

/// A file that sets one setting.
pub(super) fn file_with(path: &str, value: &Value) -> String {
    let nest = |inner: String, key: &str| format!("{{\"{key}\": {inner}}}");
    path.rsplit('.').fold(value.to_string(), nest)
}

/// A value as a variable's text.
pub(super) fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Two values that a setting may have; the first is not its default.
pub(super) fn samples(leaf: &Leaf) -> [Value; 2] {
    let setting = leaf.setting;
    let one = std::slice::from_ref(setting);
    let parse = |text: &str| {
        let text = format!("{}: {text}", setting.key);
        let node = yaml::parse(Path::new("sample"), &text, &mut Vec::new()).unwrap();
        let resolution = resolve(one, &node);
        assert!(resolution.errors.is_empty(), "{}: {:?}", leaf.path, resolution.errors);
        resolution.value[setting.key].clone()
    };
    if let Some([first, second]) = setting.samples {
        return [parse(first), parse(second)];
    }
    let default = parse(setting.default.unwrap());
    let all: Vec<Value> = match setting.kind {
        Kind::Bool => vec![true.into(), false.into()],
        Kind::Integer(min, max, _) => vec![min.into(), max.into(), (min + 1).into()],
        Kind::Number(min, max) => vec![min.into(), max.into(), f64::midpoint(min, max).into()],
        Kind::Choice(words) => words.iter().map(|word| Value::from(*word)).collect(),
        _ => panic!("{} needs samples in the table", leaf.path),
    };
    let first = all.iter().find(|value| **value != default).unwrap().clone();
    let second = all.into_iter().find(|value| *value != first).unwrap();
    [first, second]
}
