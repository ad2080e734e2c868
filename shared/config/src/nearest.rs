//! The known name that an unknown one most likely means.

/// The nearest of `candidates`, if any is near enough to be meant.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    let score = |candidate: &str| {
        strsim::normalized_damerau_levenshtein(&name, candidate)
            .max(strsim::jaro_winkler(&name, candidate) - 0.2)
    };
    candidates
        .into_iter()
        .map(|candidate| (score(&candidate.to_ascii_lowercase()), candidate))
        .filter(|(score, _)| *score >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
