//! The attacker: tries one thing that no shell can, and prints `OPEN` where it
//! succeeded. Runs inside of the sandbox, and outside for the positive control.

#[cfg(target_os = "linux")]
mod attack {
    use std::io::{self, Write as _};
    use std::net::{TcpStream, UdpSocket};
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
    use std::time::Duration;

    use libc::{c_int, c_long};

    /// A system call by its number; arguments are numbers or addresses.
    fn call(number: c_long, arguments: [usize; 5]) -> io::Result<c_long> {
        let [a, b, c, d, e] = arguments;
        #[expect(unsafe_code, reason = "the attacker asks for what no crate offers")]
        // SAFETY: pointers among the arguments are of values that outlive the call.
        let result = unsafe { libc::syscall(number, a, b, c, d, e) };
        if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
    }

    fn tell(name: &str, result: io::Result<impl std::fmt::Display>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match result {
            Ok(value) => writeln!(out, "OPEN {name} {value}"),
            Err(error) => writeln!(out, "denied {name} {}", error.raw_os_error().unwrap_or(0)),
        }
    }

    /// Permission was given if only the address was wrong.
    fn but_for_the_address(result: io::Result<c_long>) -> io::Result<c_long> {
        match result {
            Err(error) if error.raw_os_error() == Some(libc::EFAULT) => Ok(0),
            result => result,
        }
    }

    fn text(path: &str) -> io::Result<std::ffi::CString> {
        Ok(std::ffi::CString::new(path)?)
    }

    fn sockets() -> io::Result<()> {
        let kinds: [(&str, c_int, c_int, c_int); 12] = [
            ("unix", libc::AF_UNIX, libc::SOCK_STREAM, 0),
            ("unix-datagram", libc::AF_UNIX, libc::SOCK_DGRAM, 0),
            ("tcp", libc::AF_INET, libc::SOCK_STREAM, 0),
            ("udp", libc::AF_INET, libc::SOCK_DGRAM, 0),
            ("mptcp", libc::AF_INET, libc::SOCK_STREAM, 262),
            ("sctp", libc::AF_INET, libc::SOCK_STREAM, 132),
            ("ping", libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
            ("icmp", libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
            ("packet", libc::AF_PACKET, libc::SOCK_RAW, 0),
            ("netlink", libc::AF_NETLINK, libc::SOCK_RAW, 0),
            ("vsock", libc::AF_VSOCK, libc::SOCK_STREAM, 0),
            ("alg", libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
        ];
        for (name, family, kind, protocol) in kinds {
            let arguments = [family as usize, kind as usize, protocol as usize, 0, 0];
            tell(name, call(libc::SYS_socket, arguments))?;
        }
        Ok(())
    }

    /// What only asks the kernel, of nobody in particular.
    fn kernel() -> io::Result<()> {
        let parameters = [0_u64; 32];
        let pointer = parameters.as_ptr() as usize;
        let name = text("x")?;
        let x = name.as_ptr() as usize;
        let calls: [(&str, c_long, [usize; 5]); 24] = [
            ("bpf", libc::SYS_bpf, [0, pointer, 72, 0, 0]),
            ("perf_event_open", libc::SYS_perf_event_open, [pointer, 0, usize::MAX, usize::MAX, 0]),
            ("keyctl", libc::SYS_keyctl, [0, (-4_isize) as usize, 1, 0, 0]),
            ("add_key", libc::SYS_add_key, [x, x, x, 1, (-4_isize) as usize]),
            ("userfaultfd", libc::SYS_userfaultfd, [1, 0, 0, 0, 0]),
            ("name_to_handle_at", libc::SYS_name_to_handle_at, [0, x, pointer, pointer, 0]),
            ("open_by_handle_at", libc::SYS_open_by_handle_at, [0, pointer, 0, 0, 0]),
            ("kexec_load", libc::SYS_kexec_load, [0, 0, 0, 0, 0]),
            ("mount", libc::SYS_mount, [x, x, x, 0, 0]),
            ("umount2", libc::SYS_umount2, [x, 0, 0, 0, 0]),
            ("setns", libc::SYS_setns, [0, 0, 0, 0, 0]),
            ("chroot", libc::SYS_chroot, [x, 0, 0, 0, 0]),
            ("pivot_root", libc::SYS_pivot_root, [x, x, 0, 0, 0]),
            ("personality", libc::SYS_personality, [0xFFFF_FFFF, 0, 0, 0, 0]),
            ("io_uring_setup", libc::SYS_io_uring_setup, [1, pointer, 0, 0, 0]),
            ("memfd_create", libc::SYS_memfd_create, [x, 0, 0, 0, 0]),
            ("fsopen", libc::SYS_fsopen, [x, 0, 0, 0, 0]),
            ("open_tree", libc::SYS_open_tree, [0, x, 0, 0, 0]),
            ("syslog", libc::SYS_syslog, [10, 0, 0, 0, 0]),
            ("shmget", libc::SYS_shmget, [0, 4096, 0o1600, 0, 0]),
            ("mq_open", libc::SYS_mq_open, [x, 0o102, 0o600, 0, 0]),
            ("quotactl", libc::SYS_quotactl, [0, 0, 0, 0, 0]),
            ("execveat", libc::SYS_execveat, [1 << 20, x, 0, 0, 0x1000]),
            ("fanotify_init", libc::SYS_fanotify_init, [0x200, 0, 0, 0, 0]),
        ];
        for (name, number, arguments) in calls {
            let result = call(number, arguments);
            let passed = |error: &io::Error| {
                // Anything else than a refusal means that the call was looked at.
                !matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS | libc::EACCES))
            };
            let result = match result {
                Err(error) if passed(&error) => Ok(-i64::from(error.raw_os_error().unwrap_or(0))),
                result => result,
            };
            tell(name, result)?;
        }
        Ok(())
    }

    fn namespaces() -> io::Result<()> {
        let user = libc::CLONE_NEWUSER as usize;
        let flags = user | libc::SIGCHLD as usize;
        for (name, result) in [
            ("clone", call(libc::SYS_clone, [flags, 0, 0, 0, 0])),
            ("clone3", {
                let arguments = [user as u64, 0, 0, 0, libc::SIGCHLD as u64, 0, 0, 0];
                call(libc::SYS_clone3, [arguments.as_ptr() as usize, 64, 0, 0, 0])
            }),
            ("unshare", call(libc::SYS_unshare, [user, 0, 0, 0, 0])),
        ] {
            if matches!(result, Ok(0)) && name != "unshare" {
                // The new process: it says nothing.
                return call(libc::SYS_exit_group, [0; 5]).map(drop);
            }
            tell(name, result)?;
        }
        Ok(())
    }

    fn process(pid: usize) -> io::Result<()> {
        let attach = call(libc::SYS_ptrace, [libc::PTRACE_SEIZE as usize, pid, 0, 0, 0]);
        tell("ptrace", attach)?;
        let mut byte = 0_u8;
        let local = [&raw mut byte as usize, 1];
        let remote = [1_usize, 1];
        let vectors = [pid, local.as_ptr() as usize, 1, remote.as_ptr() as usize, 1];
        tell("process_vm_readv", but_for_the_address(call(libc::SYS_process_vm_readv, vectors)))?;
        tell("process_vm_writev", but_for_the_address(call(libc::SYS_process_vm_writev, vectors)))?;
        let pidfd = call(libc::SYS_pidfd_open, [pid, 0, 0, 0, 0]);
        let taken = pidfd.and_then(|fd| call(libc::SYS_pidfd_getfd, [fd as usize, 0, 0, 0, 0]));
        tell("pidfd_getfd", taken)?;
        let limit = [64_u64, 64];
        let pointer = limit.as_ptr() as usize;
        let resource = libc::RLIMIT_NOFILE as usize;
        tell("prlimit64", call(libc::SYS_prlimit64, [pid, resource, pointer, 0, 0]))?;
        let mask = [1_u64; 16];
        let pointer = mask.as_ptr() as usize;
        tell("sched_setaffinity", call(libc::SYS_sched_setaffinity, [pid, 128, pointer, 0, 0]))
    }

    fn descriptors() -> io::Result<()> {
        for descriptor in 3..1024 {
            let mut bytes = [0_u8; 64];
            let pointer = bytes.as_mut_ptr() as usize;
            if let Ok(length) = call(libc::SYS_pread64, [descriptor, pointer, 64, 0, 0]) {
                let read = bytes.get(..length as usize).unwrap_or_default();
                tell("descriptor", Ok(String::from_utf8_lossy(read)))?;
            }
        }
        Ok(())
    }

    fn terminal() -> io::Result<()> {
        let byte = b'x';
        let pointer = &raw const byte as usize;
        let tty = std::fs::File::open("/dev/tty");
        tell("open-tty", tty.as_ref().map(|_| 0).map_err(|e| io::Error::from(e.kind())))?;
        for descriptor in 0..3 {
            let arguments = [descriptor, libc::TIOCSTI as usize, pointer, 0, 0];
            tell("tiocsti", call(libc::SYS_ioctl, arguments))?;
            let arguments = [descriptor, libc::TIOCLINUX as usize, pointer, 0, 0];
            tell("tioclinux", call(libc::SYS_ioctl, arguments))?;
        }
        Ok(())
    }

    #[cfg(target_arch = "x86_64")]
    fn other_abi(which: &str) -> io::Result<()> {
        if which == "x32" {
            return tell("x32", call(0x4000_0000 | libc::SYS_getpid, [0; 5]));
        }
        let result: i32;
        #[expect(unsafe_code, reason = "no other way to ask by the old gate")]
        // SAFETY: getpid changes nothing; the gate may change r8 to r11.
        unsafe {
            std::arch::asm!("int 0x80", inlateout("eax") 20 => result, out("r8") _, out("r9") _,
                out("r10") _, out("r11") _);
        }
        tell(
            "int80",
            if result > 0 { Ok(result) } else { Err(io::Error::from_raw_os_error(-result)) },
        )
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn other_abi(which: &str) -> io::Result<()> {
        tell(which, Err::<u8, _>(io::Error::from_raw_os_error(libc::ENOSYS)))
    }

    fn modes(path: &str) -> io::Result<()> {
        let file = text(path)?;
        let pointer = file.as_ptr() as usize;
        let here = libc::AT_FDCWD as usize;
        let create = (libc::O_CREAT | libc::O_WRONLY) as usize;
        tell("fchmodat", call(libc::SYS_fchmodat, [here, pointer, 0o4755, 0, 0]))?;
        tell("fchmodat2", call(libc::SYS_fchmodat2, [here, pointer, 0o4755, 0, 0]))?;
        let other = text(&format!("{path}-created"))?;
        let pointer = other.as_ptr() as usize;
        tell("openat", call(libc::SYS_openat, [here, pointer, create, 0o6755, 0]))?;
        let another = text(&format!("{path}-opened"))?;
        let pointer = another.as_ptr() as usize;
        let how = [create as u64, 0o6755, 0];
        tell("openat2", call(libc::SYS_openat2, [here, pointer, how.as_ptr() as usize, 24, 0]))
    }

    fn extended_attribute(path: &str) -> io::Result<()> {
        let (path, name) = (text(path)?, text("user.agentos")?);
        let (path, name, value) = (path.as_ptr() as usize, name.as_ptr() as usize, [1_u8]);
        tell("setxattr", call(libc::SYS_setxattr, [path, name, value.as_ptr() as usize, 1, 0]))
    }

    /// Whether a pair of sockets can be turned on somebody else.
    fn pair(path: &str) -> io::Result<()> {
        let (one, _other) = match UnixDatagram::pair() {
            Ok(pair) => pair,
            Err(error) => return tell("pair", Err::<u8, _>(error)),
        };
        tell("pair", one.send_to(b"CANARY", path))
    }

    fn allocate(bytes: usize) -> io::Result<()> {
        let mut memory: Vec<u8> = Vec::new();
        if memory.try_reserve_exact(bytes).is_err() {
            return tell("allocate", Err::<u8, _>(io::Error::from_raw_os_error(libc::ENOMEM)));
        }
        // Every page is touched, or it would not be used.
        memory.resize(bytes, 1);
        tell("allocate", Ok(memory.iter().step_by(4096).map(|byte| u64::from(*byte)).sum::<u64>()))
    }

    fn network(verb: &str, target: &str) -> io::Result<()> {
        let patience = Duration::from_secs(2);
        match verb {
            "tcp" => {
                let address = target.parse().map_err(io::Error::other)?;
                tell("tcp", TcpStream::connect_timeout(&address, patience).map(|_| 0))
            }
            "udp" => {
                let any = if target.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
                tell(
                    "udp",
                    UdpSocket::bind(any).and_then(|socket| socket.send_to(b"CANARY", target)),
                )
            }
            "unix" => tell("unix", UnixStream::connect(target).map(|_| 0)),
            "datagram" => {
                let sent = UnixDatagram::unbound().and_then(|from| from.send_to(b"CANARY", target));
                tell("datagram", sent)
            }
            "pair" => pair(target),
            _ => {
                let address = SocketAddr::from_abstract_name(target)?;
                tell("abstract", UnixStream::connect_addr(&address).map(|_| 0))
            }
        }
    }

    pub(super) fn run() -> io::Result<()> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let given: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let number = |text: &str| text.parse::<usize>().map_err(io::Error::other);
        match given.as_slice() {
            ["sockets"] => sockets(),
            ["kernel"] => kernel(),
            ["namespaces"] => namespaces(),
            ["descriptors"] => descriptors(),
            ["terminal"] => terminal(),
            [abi @ ("x32" | "int80")] => other_abi(abi),
            ["euid"] => tell("euid", Ok(nix::unistd::geteuid())),
            ["process", pid] => process(number(pid)?),
            ["allocate", bytes] => allocate(number(bytes)?),
            ["modes", path] => modes(path),
            ["xattr", path] => extended_attribute(path),
            ["link", from, to] => tell("link", std::fs::hard_link(from, to).map(|()| 0)),
            ["rename", from, to] => tell("rename", std::fs::rename(from, to).map(|()| 0)),
            [verb @ ("tcp" | "udp" | "unix" | "datagram" | "pair" | "abstract"), target] => {
                network(verb, target)
            }
            _ => Err(io::Error::other("no such attack")),
        }
    }
}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    agentos_process::exit_code(attack::run())
}

#[cfg(not(target_os = "linux"))]
fn main() {}
