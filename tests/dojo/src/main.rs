//! The policy as a program: a line of JSON in, a line of JSON out. The driver of
//! the evaluation (`tests/dojo/dojo.py`) plays the tools and the person; this
//! keeps the journal and decides, as a run would.

use std::io::{BufRead as _, Write as _};

use agentos_dojo::{Request, Session};
use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let mut session = Session::new()?;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line.context("cannot read the next request")?;
        let request: Request = serde_json::from_str(&line).context("no such request")?;
        serde_json::to_writer(&mut out, &session.answer(request)?)?;
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}
