//! `agentos-document-parser FIRST_PAGE OFFSET MAYBE_HTML`: the text of the
//! document on standard input, as JSON on standard output.
//!
//! It gives up memory, time and files before it reads the first byte. On macOS
//! the limit of memory is not enforced; there the launcher watches it.

use std::io::{self, Write as _};
use std::process::ExitCode;

use agentos_tools::{DocumentPart, parse_document};
use nix::sys::resource::{Resource, setrlimit};

const MIB: u64 = 1024 * 1024;

/// What the process may take.
const LIMITS: [(Resource, u64); 5] = [
    (Resource::RLIMIT_AS, 1024 * MIB),
    // Seconds of processor time.
    (Resource::RLIMIT_CPU, 30),
    (Resource::RLIMIT_FSIZE, 0),
    (Resource::RLIMIT_NOFILE, 8),
    (Resource::RLIMIT_CORE, 0),
];

fn main() -> io::Result<ExitCode> {
    for (resource, most) in LIMITS {
        setrlimit(resource, most, most)?;
    }
    let mut numbers = std::env::args().skip(1).map_while(|number| number.parse::<usize>().ok());
    let (Some(first_page), Some(offset), Some(maybe_html)) =
        (numbers.next(), numbers.next(), numbers.next())
    else {
        let usage = "usage: agentos-document-parser FIRST_PAGE OFFSET MAYBE_HTML";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, usage));
    };
    let part = DocumentPart { first_page, offset, maybe_html: maybe_html != 0 };
    let outcome = parse_document(io::stdin().lock(), part);
    let mut output = io::stdout().lock();
    serde_json::to_writer(&mut output, &outcome)?;
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}
