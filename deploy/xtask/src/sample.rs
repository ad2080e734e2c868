//! The sample workspace.

use std::path::PathBuf;

use crate::cargo;

/// The task that is run where none is given; its answer lies in two documents.
pub(crate) const TASK: &str =
    "Which appliance did the minutes of the house meeting decide to replace, and why?";

/// The same for the pocket model; its answer is a line of the document.
pub(crate) const SMALL_TASK: &str = "Who is the chimney sweep in sample/household-notes.md?";

/// The folder with the documents.
pub(crate) fn folder() -> PathBuf {
    cargo::root().join("deploy").join("sample")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> String {
        std::fs::read_to_string(folder().join(name)).unwrap()
    }

    #[test]
    fn there_are_at_least_twelve_documents_of_some_length() {
        let files: Vec<_> = folder().read_dir().unwrap().map(|entry| entry.unwrap()).collect();
        assert!(files.len() >= 12, "{files:?}");
        assert!(files.iter().all(|file| file.metadata().unwrap().len() > 200), "{files:?}");
    }

    #[test]
    fn the_documents_agree_with_each_other() {
        // The readings of the meter give what the minutes quote.
        let readings = read("electricity-2026.csv");
        let year: f64 = readings
            .lines()
            .skip(1)
            .map(|line| line.split(',').nth(3).unwrap().parse::<f64>().unwrap())
            .sum();
        assert_eq!(year.round(), 2_873.0);
        assert!(read("house-meeting-2026-10-04.md").contains("2,873 kWh"));
        // What the minutes and the notes speak of stands in the inventory.
        let inventory: serde_json::Value = serde_json::from_str(&read("inventory.json")).unwrap();
        let items = inventory["items"].as_array().unwrap();
        let has = |name: &str| items.iter().any(|item| item["name"] == name);
        assert!(has("chest freezer") && has("NAS"));
        assert!(read("house-meeting-2026-10-04.md").contains("chest freezer"));
        let total: f64 = items.iter().map(|item| item["price_eur"].as_f64().unwrap()).sum();
        assert_eq!(inventory["total_eur"].as_f64().unwrap(), total);
    }
}
