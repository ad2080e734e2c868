//! RouteLLM's files: for each question, which of two models answered it
//! rightly.

use std::path::{Path, PathBuf};

use crate::csv::records;
use crate::curve::Question;

/// The column of the weak model.
const WEAK: &str = "mistralai/Mixtral-8x7B-Instruct-v0.1";
/// The column of the strong model.
const STRONG: &str = "gpt-4-1106-preview";

/// The two sets.
#[derive(Debug)]
pub struct Sets {
    /// Multiple-choice questions of 57 subjects.
    pub mmlu: Vec<Question>,
    /// Word problems.
    pub gsm8k: Vec<Question>,
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// One cannot be read.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// One is not of the form that was expected.
    #[error("{path}: {what}", path = .path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

/// Reads the sets from a folder; none where there is no such folder.
///
/// # Errors
/// Where a file of it cannot be read.
pub fn sets(folder: &Path) -> Result<Option<Sets>, DataError> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let subjects = folder.join("mmlu");
    let failed = |source| DataError::Io { path: subjects.clone(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&subjects).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "csv"));
    paths.sort();
    let mut mmlu = Vec::new();
    for path in paths {
        mmlu.extend(questions(&path)?);
    }
    let gsm8k = questions(&folder.join("gsm8k_responses.csv"))?;
    Ok(Some(Sets { mmlu, gsm8k }))
}

fn questions(path: &Path) -> Result<Vec<Question>, DataError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| DataError::Io { path: path.to_owned(), source })?;
    let wrong = |what: String| DataError::Form { path: path.to_owned(), what };
    let mut records = records(&text).into_iter();
    let header = records.next().unwrap_or_default();
    let column = |name: &str| {
        let at = header.iter().position(|known| known == name);
        at.ok_or_else(|| wrong(format!("no column {name}")))
    };
    let (prompt, weak, strong) = (column("prompt")?, column(WEAK)?, column(STRONG)?);
    let mut found = Vec::new();
    for (number, record) in (2..).zip(records) {
        let right = |at: usize| match record.get(at).map(String::as_str) {
            Some("True") => Ok(true),
            Some("False") => Ok(false),
            other => Err(wrong(format!("record {number}: {other:?} is neither True nor False"))),
        };
        let text = record.get(prompt).cloned().unwrap_or_default();
        found.push(Question { text, weak: right(weak)?, strong: right(strong)? });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_by_the_names_of_their_columns() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("mmlu")).unwrap();
        let one = format!("prompt,{STRONG},{WEAK}\n\"Is it,\nso?\",True,False\n");
        std::fs::write(folder.path().join("mmlu/mmlu_a.csv"), one).unwrap();
        let other = format!("prompt,{WEAK},{STRONG},more\nHow many?,True,True,x\n");
        std::fs::write(folder.path().join("gsm8k_responses.csv"), other).unwrap();
        let sets = sets(folder.path()).unwrap().unwrap();
        let expected = Question { text: "Is it,\nso?".to_owned(), weak: false, strong: true };
        assert_eq!(sets.mmlu, [expected]);
        assert_eq!(sets.gsm8k.len(), 1);
    }

    #[test]
    fn a_missing_folder_is_no_error_and_a_bad_file_is_one() {
        let folder = tempfile::tempdir().unwrap();
        assert!(sets(&folder.path().join("none")).unwrap().is_none());
        assert!(matches!(sets(folder.path()), Err(DataError::Io { .. })));
        std::fs::create_dir(folder.path().join("mmlu")).unwrap();
        std::fs::write(folder.path().join("mmlu/mmlu_a.csv"), "prompt,who\nx,True\n").unwrap();
        assert!(matches!(sets(folder.path()), Err(DataError::Form { .. })));
    }
}
