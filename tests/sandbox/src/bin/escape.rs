//! Tries to escape from the sandbox, tier by tier, and prints a table.

#[cfg(target_os = "linux")]
#[path = "escape/linux.rs"]
mod linux;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    agentos_process::exit_code(Err("this needs Linux: on a Mac use deploy/macos/check_sandbox.sh"))
}
