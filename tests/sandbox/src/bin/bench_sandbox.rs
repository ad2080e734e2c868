//! Measures what the sandbox costs; `cargo xtask bench sandbox` runs it.

#[cfg(target_os = "linux")]
#[path = "bench_sandbox/linux.rs"]
mod linux;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    agentos_process::exit_code(Err("this needs Linux: on a Mac use deploy/macos/check_sandbox.sh"))
}
