//! Looking for all secrets in all their encodings, in one pass.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use agentos_domain::Classified;
use aho_corasick::{AhoCorasick, MatchKind};
use percent_encoding::percent_decode;
use url::Url;
use zeroize::Zeroizing;

use super::encodings::{self, Encoding};
use super::shapes;

/// A shorter secret would be found everywhere.
const MIN_SECRET: usize = 8;

/// Why secrets cannot be looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeakError {
    /// A secret is too short to be told from other text.
    #[error("the secret `{name}` has less than {MIN_SECRET} bytes: use a longer one")]
    TooShort {
        /// Its name.
        name: String,
    },
    /// There are too many, or they are too long.
    #[error("the secrets cannot be searched for: register fewer or shorter ones")]
    TooMuch,
}

impl Classified for LeakError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "secret_too_short",
            Self::TooMuch => "too_many_secrets",
        }
    }

    fn is_retryable(&self) -> bool {
        false
    }
}

/// A secret that was found. It holds the name and the place, never the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The secret's name; of a key that only has the shape, what it would be.
    pub name: String,
    /// How it was written.
    pub encoding: Encoding,
    /// Where, in bytes.
    pub range: Range<usize>,
}

/// Finds registered secrets in their usual encodings, and what looks like the
/// key of a provider. It is a tripwire and no boundary: a program that means to
/// can write a secret in a way that nobody expects.
///
/// The secrets live on in the search tables, which cannot be wiped; whatever
/// they were built from is.
pub struct LeakScanner {
    names: Vec<String>,
    written: Vec<(usize, Encoding)>,
    secrets: AhoCorasick,
    shapes: AhoCorasick,
    longest: usize,
}

impl fmt::Debug for LeakScanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeakScanner").field("names", &self.names).finish_non_exhaustive()
    }
}

impl LeakScanner {
    /// From names and secrets.
    ///
    /// # Errors
    /// A secret is too short, or there are too many.
    pub fn new<'a>(
        secrets: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, LeakError> {
        let (mut names, mut written) = (Vec::new(), Vec::new());
        let mut patterns: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        for (name, secret) in secrets {
            if secret.len() < MIN_SECRET {
                return Err(LeakError::TooShort { name: name.to_owned() });
            }
            for (encoding, bytes) in encodings::of(secret) {
                written.push((names.len(), encoding));
                patterns.push(bytes);
            }
            names.push(name.to_owned());
        }
        let longest = patterns.iter().map(|pattern| pattern.len()).max().unwrap_or(0);
        let build = |patterns: &[&[u8]]| {
            let mut builder = AhoCorasick::builder();
            builder.match_kind(MatchKind::LeftmostLongest);
            builder.build(patterns).map_err(|_| LeakError::TooMuch)
        };
        let patterns: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.as_slice()).collect();
        let prefixes: Vec<&[u8]> = shapes::prefixes().map(str::as_bytes).collect();
        let (secrets, shapes) = (build(&patterns)?, build(&prefixes)?);
        Ok(Self { names, written, secrets, shapes, longest })
    }

    /// The most bytes that a registered secret takes. Who scans a stream in
    /// pieces keeps one less of each piece for the next.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// What is found, in order and without overlaps.
    #[must_use]
    pub fn scan(&self, text: &[u8]) -> Vec<Finding> {
        let known = self.secrets.find_iter(text).filter_map(|found| {
            let (secret, encoding) = self.written.get(found.pattern().as_usize())?;
            let name = self.names.get(*secret)?.clone();
            Some(Finding { name, encoding: *encoding, range: found.range() })
        });
        let shaped = self.shapes.find_iter(text).filter_map(|found| {
            let (name, range) = shapes::at(found.pattern().as_usize(), found.range(), text)?;
            Some(Finding { name: name.to_owned(), encoding: Encoding::Shape, range })
        });
        let mut found: Vec<Finding> = known.chain(shaped).collect();
        // Of those that begin alike the registered one is named, being first.
        found.sort_by_key(|finding| finding.range.start);
        let mut kept: Vec<Finding> = Vec::new();
        for finding in found {
            match kept.last_mut() {
                Some(last) if finding.range.start < last.range.end => {
                    last.range.end = last.range.end.max(finding.range.end);
                }
                _ => kept.push(finding),
            }
        }
        kept
    }

    /// The name of a secret in an address, also where some of its characters
    /// are written with `%`.
    #[must_use]
    pub fn in_url(&self, url: &Url) -> Option<String> {
        let written = url.as_str().as_bytes();
        let decoded: Cow<'_, [u8]> = percent_decode(written).into();
        let found = self.scan(written).into_iter().chain(self.scan(&decoded)).next();
        found.map(|finding| finding.name)
    }

    /// The text with `[secret NAME]` in the place of what is found.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.redact_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// Like [`LeakScanner::redact`], of bytes.
    #[must_use]
    pub fn redact_bytes<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let found = self.scan(text);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut clean = Vec::with_capacity(text.len());
        let mut from = 0;
        for finding in &found {
            clean.extend_from_slice(text.get(from..finding.range.start).unwrap_or_default());
            clean.extend_from_slice(format!("[secret {}]", finding.name).as_bytes());
            from = finding.range.end;
        }
        clean.extend_from_slice(text.get(from..).unwrap_or_default());
        Cow::Owned(clean)
    }
}
