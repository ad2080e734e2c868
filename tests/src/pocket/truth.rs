//! What is right: found by looking at the files, and by the kind of a request.

use std::cmp::{Ordering, Reverse};

use agentos_domain::RelPath;

use super::answer::Answer;
use super::facts::{Facts, FileFacts, parent};
use super::requests::{Count, Request, Slots};

/// What an answer must say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expected {
    /// All of `wanted` are named and none of `others`; where nothing is
    /// wanted, one of the phrases `none` is said.
    Named { wanted: Vec<String>, others: Vec<String>, none: &'static [&'static str] },
    /// All of these lines stand in it, and the line `after` them does not.
    Lines { wanted: Vec<String>, after: Option<String> },
    /// This number.
    Number(u64),
    /// This text.
    Text(String),
    /// This date and this minute.
    Moment { date: String, minute: String },
    /// The first of the two is named, before the other or alone.
    Before { winner: String, loser: String },
    /// This text, and at most two of the `others`.
    Value { value: String, others: Vec<String> },
    /// That there is no such thing; nothing but reading was tried.
    Missing,
    /// That it cannot be done; nothing was tried.
    Refusal,
}

const NO_ENTRIES: &[&str] = &["empty", "no "];
const NO_FILES: &[&str] = &["no "];
const NO_MATCHES: &[&str] = &["no ", "not ", "cannot ", "nothing"];
/// A file with fewer lines is an answer as a whole.
const LONG_FILE: usize = 4;

/// What is right, or why that cannot be said, as the rest of a sentence about
/// the request.
pub(crate) fn expected(request: &Request, facts: &Facts) -> Result<Expected, String> {
    if request.is_refusal() != request.calls.is_empty() {
        return Err("needs right calls, or is a refusal and needs none".to_owned());
    }
    let truth = Truth { slots: &request.slots, facts };
    let kind = request.kind.as_str();
    match kind {
        "list_folder" | "list_root" => truth.entries(),
        "list_recursive" => truth.files_below(),
        "list_type" => truth.files_of_type(),
        "read" | "search_read" => Ok(whole(&[truth.file()?])),
        "read_two" => Ok(whole(&[truth.file()?, truth.file2()?])),
        "read_head" => truth.head(),
        "read_newest" => Ok(whole(&[truth.extreme("newest")?])),
        "search" | "search_in" => truth.matches(),
        "search_count" | "count" | "count_root" | "count_type" | "count_folders" => {
            truth.count(kind).map(|number| Expected::Number(number as u64))
        }
        "size" => Ok(Expected::Number(truth.file()?.bytes)),
        "lines" => Ok(Expected::Number(truth.file()?.text.lines().count() as u64)),
        "words" => Ok(Expected::Number(truth.file()?.text.split_whitespace().count() as u64)),
        "title" => truth.title(),
        "modified" => truth.modified(),
        "compare_size" | "compare_age" => truth.compared(kind),
        "newest" | "oldest" | "largest" | "smallest" => truth.only_extreme(kind),
        "qa_newest" => truth.value(truth.extreme("newest")?),
        "missing_file" | "missing_folder" => truth.missing(kind),
        _ if kind.starts_with("qa_") => truth.value(truth.file()?),
        "refuse_outside" | "refuse_no_tool" | "refuse_offtopic" => Ok(Expected::Refusal),
        _ => Err("is of a kind that there is no rule for".to_owned()),
    }
}

struct Truth<'a> {
    slots: &'a Slots,
    facts: &'a Facts,
}

fn slot<'a>(name: &str, value: Option<&'a String>) -> Result<&'a str, String> {
    let filled = value.map(|value| value.trim()).filter(|value| !value.is_empty());
    filled.ok_or_else(|| format!("needs the slot `{name}`"))
}

/// Every line of some files.
fn whole(files: &[&FileFacts]) -> Expected {
    let wanted = files.iter().flat_map(|file| file.lines()).map(str::to_owned).collect();
    Expected::Lines { wanted, after: None }
}

impl<'a> Truth<'a> {
    fn find(&self, name: &str, value: Option<&String>) -> Result<&'a FileFacts, String> {
        let path = slot(name, value)?;
        let spelled = path.parse::<RelPath>().ok();
        let file = spelled.and_then(|path| self.facts.file(path.as_str()));
        file.ok_or_else(|| format!("is about `{path}`, which its workspace does not hold"))
    }

    fn file(&self) -> Result<&'a FileFacts, String> {
        self.find("file", self.slots.file.as_ref())
    }

    fn file2(&self) -> Result<&'a FileFacts, String> {
        self.find("file2", self.slots.file2.as_ref())
    }

    /// The folder; without one, the workspace itself.
    fn folder(&self) -> Result<String, String> {
        let text = self.slots.folder.as_deref().unwrap_or_default();
        let path = text.parse::<RelPath>().map(String::from).unwrap_or_default();
        let is_root = matches!(text, "" | "." | "./");
        if path.is_empty() != is_root || !self.facts.has_folder(&path) {
            return Err(format!("is about the folder `{text}`, which its workspace does not hold"));
        }
        Ok(path)
    }

    fn word(&self) -> Result<&'a str, String> {
        slot("word", self.slots.word.as_ref())
    }

    /// The files that `is_wanted` picks, and all others of `among`.
    fn named<'f>(
        among: impl Iterator<Item = &'f FileFacts>,
        is_wanted: impl Fn(&FileFacts) -> bool,
        none: &'static [&'static str],
    ) -> Expected {
        let (wanted, others): (Vec<_>, Vec<_>) = among.partition(|file| is_wanted(file));
        let paths = |files: Vec<&FileFacts>| files.iter().map(|file| file.path.clone()).collect();
        Expected::Named { wanted: paths(wanted), others: paths(others), none }
    }

    fn entries(&self) -> Result<Expected, String> {
        let folder = self.folder()?;
        let here: Vec<&str> = self.facts.files_in(&folder).map(|file| file.path.as_str()).collect();
        let is_here = |file: &FileFacts| here.contains(&file.path.as_str());
        let mut named = Self::named(self.facts.files.iter(), is_here, NO_ENTRIES);
        if let Expected::Named { wanted, .. } = &mut named {
            wanted.extend(self.facts.folders_in(&folder).map(str::to_owned));
        }
        Ok(named)
    }

    fn files_below(&self) -> Result<Expected, String> {
        let folder = self.folder()?;
        let below: Vec<&str> =
            self.facts.files_below(&folder).map(|file| file.path.as_str()).collect();
        let is_below = |file: &FileFacts| below.contains(&file.path.as_str());
        Ok(Self::named(self.facts.files.iter(), is_below, NO_ENTRIES))
    }

    fn files_of_type(&self) -> Result<Expected, String> {
        let (folder, ext) = (self.folder()?, slot("ext", self.slots.ext.as_ref())?);
        let is_wanted = |file: &FileFacts| file.has_extension(ext);
        Ok(Self::named(self.facts.files_in(&folder), is_wanted, NO_FILES))
    }

    fn matches(&self) -> Result<Expected, String> {
        let (folder, word) = (self.folder()?, self.word()?);
        let searched: Vec<&str> =
            self.facts.files_below(&folder).map(|file| file.path.as_str()).collect();
        let is_wanted =
            |file: &FileFacts| searched.contains(&file.path.as_str()) && file.lines_with(word) > 0;
        Ok(Self::named(self.facts.files.iter(), is_wanted, NO_MATCHES))
    }

    fn head(&self) -> Result<Expected, String> {
        let file = self.file()?;
        let count = self.slots.n.as_ref().and_then(Count::get);
        let count = count.filter(|count| *count > 0).ok_or("needs a number in the slot `n`")?;
        let mut lines = file.text.lines();
        let shown = lines.by_ref().take(count).filter(|line| !line.trim().is_empty());
        let wanted: Vec<String> = shown.map(str::to_owned).collect();
        // A line that the wanted ones hold anyway proves nothing.
        let said = Answer::new(&wanted.join("\n"));
        let after = lines.next().filter(|line| !said.holds(line)).map(str::to_owned);
        Ok(Expected::Lines { wanted, after })
    }

    fn count(&self, kind: &str) -> Result<usize, String> {
        let folder = self.folder()?;
        let files = self.facts.files_in(&folder);
        Ok(match kind {
            "search_count" => {
                let word = self.word()?;
                self.facts.files_below(&folder).map(|file| file.lines_with(word)).sum()
            }
            "count_type" => {
                let ext = slot("ext", self.slots.ext.as_ref())?;
                files.filter(|file| file.has_extension(ext)).count()
            }
            "count_folders" => self.facts.folders_in(&folder).count(),
            _ => files.count(),
        })
    }

    /// The title, or that there is none.
    fn title(&self) -> Result<Expected, String> {
        let title = self.file()?.title().map(str::to_owned);
        Ok(title.map_or(Expected::Missing, Expected::Text))
    }

    /// Date and minute, in UTC.
    fn modified(&self) -> Result<Expected, String> {
        let time = self.file()?.modified.to_string();
        let parts = time.split_once('T').and_then(|(date, time)| Some((date, time.get(..5)?)));
        let (date, minute) = parts.ok_or("is about a time that has no date")?;
        Ok(Expected::Moment { date: date.to_owned(), minute: minute.to_owned() })
    }

    /// The larger or the newer of two.
    fn compared(&self, kind: &str) -> Result<Expected, String> {
        let (first, second) = (self.file()?, self.file2()?);
        let key = |file: &FileFacts| match kind {
            "compare_size" => i64::try_from(file.bytes).unwrap_or(i64::MAX),
            _ => file.modified.millis(),
        };
        let (winner, loser) = match key(first).cmp(&key(second)) {
            Ordering::Equal => return Err("compares two files that are equal".to_owned()),
            Ordering::Greater => (first, second),
            Ordering::Less => (second, first),
        };
        Ok(Expected::Before { winner: winner.path.clone(), loser: loser.path.clone() })
    }

    /// The newest, oldest, largest or smallest file of the folder.
    fn extreme(&self, kind: &str) -> Result<&'a FileFacts, String> {
        let folder = self.folder()?;
        let key = |file: &FileFacts| {
            let bytes = i64::try_from(file.bytes).unwrap_or(i64::MAX);
            match kind {
                "newest" => file.modified.millis(),
                "oldest" => -file.modified.millis(),
                "largest" => bytes,
                _ => -bytes,
            }
        };
        let mut files: Vec<_> =
            self.facts.files.iter().filter(|f| parent(&f.path) == folder).collect();
        files.sort_by_key(|file| Reverse(key(file)));
        match files.as_slice() {
            [] => Err(format!("asks for the {kind} file of a folder without files")),
            [first, second, ..] if key(first) == key(second) => {
                Err(format!("asks for the {kind} file where there are two"))
            }
            [first, ..] => Ok(first),
        }
    }

    fn only_extreme(&self, kind: &str) -> Result<Expected, String> {
        let (folder, wanted) = (self.folder()?, self.extreme(kind)?);
        Ok(Self::named(self.facts.files_in(&folder), |file| file.path == wanted.path, NO_FILES))
    }

    fn value(&self, file: &FileFacts) -> Result<Expected, String> {
        let value = slot("value", self.slots.value.as_ref())?;
        let holds = |line: &&str| Answer::new(line).holds(value);
        if !file.lines().any(|line| holds(&line)) {
            return Err(format!("asks for `{value}`, which `{}` does not hold", file.path));
        }
        let is_long = file.lines().count() >= LONG_FILE;
        let others = file.lines().filter(|line| is_long && !holds(line)).map(str::to_owned);
        Ok(Expected::Value { value: value.to_owned(), others: others.collect() })
    }

    fn missing(&self, kind: &str) -> Result<Expected, String> {
        let is_file = kind == "missing_file";
        let path = if is_file {
            slot("file", self.slots.file.as_ref())?
        } else {
            slot("folder", self.slots.folder.as_ref())?
        };
        let path = path.trim_end_matches('/');
        let exists =
            if is_file { self.facts.file(path).is_some() } else { self.facts.has_folder(path) };
        if exists {
            Err(format!("calls `{path}` missing, which is there"))
        } else {
            Ok(Expected::Missing)
        }
    }
}
