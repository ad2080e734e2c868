//! The one system call that no crate wraps safely.
#![expect(unsafe_code, reason = "close_range has no safe wrapper")]

/// Closes every descriptor from `first` on. Nobody uses one afterwards: what
/// follows is the filter and exec.
pub(super) fn close_from(first: u32) -> nix::Result<()> {
    // SAFETY: plain numbers; no owned descriptor above standard error is in use.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    nix::errno::Errno::result(result).map(drop)
}
