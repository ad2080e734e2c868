//! Confines itself and becomes the program that its arguments name.

use std::process::ExitCode;

fn main() -> ExitCode {
    agentos_launcher::run()
}
