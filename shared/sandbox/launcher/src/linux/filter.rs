//! seccomp: the system calls that a confined program is refused.

use std::collections::BTreeMap;

use libc::*;
use seccompiler::SeccompAction::{Allow, Errno};
use seccompiler::SeccompCmpArgLen::Dword;
use seccompiler::SeccompCmpOp::{self, Eq, MaskedEq, Ne};
use seccompiler::{SeccompCondition, SeccompFilter, SeccompRule, sock_filter};

use super::{Failed, at};

/// An argument, how it is compared, and with what.
type Test = (u8, SeccompCmpOp, u64);

/// Refused whatever its arguments: other processes, the kernel's own settings,
/// namespaces and mounts, ways around the other layers, and memory that other
/// processes of the machine share by a name.
#[rustfmt::skip]
const REFUSED: &[c_long] = &[
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_process_madvise, SYS_kcmp,
    SYS_pidfd_getfd, SYS_migrate_pages, SYS_move_pages, SYS_io_uring_setup, SYS_io_uring_enter,
    SYS_io_uring_register, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_keyctl, SYS_add_key,
    SYS_request_key, SYS_fanotify_init, SYS_lookup_dcookie, SYS_name_to_handle_at,
    SYS_open_by_handle_at, SYS_memfd_create, SYS_memfd_secret, SYS_execveat, SYS_unshare, SYS_setns,
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_move_mount, SYS_open_tree, SYS_fsopen,
    SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_mount_setattr, SYS_quotactl, SYS_quotactl_fd,
    SYS_personality, SYS_kexec_load, SYS_kexec_file_load, SYS_init_module, SYS_finit_module,
    SYS_delete_module, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_syslog, SYS_settimeofday,
    SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_sethostname, SYS_setdomainname,
    SYS_vhangup, SYS_nfsservctl, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr,
    SYS_lremovexattr, SYS_fremovexattr, SYS_mq_open, SYS_mq_unlink, SYS_shmget, SYS_shmat,
    SYS_shmctl, SYS_semget, SYS_semctl, SYS_semop, SYS_msgget, SYS_msgctl, SYS_msgsnd, SYS_msgrcv,
    #[cfg(target_arch = "x86_64")] SYS_iopl, #[cfg(target_arch = "x86_64")] SYS_ioperm,
    #[cfg(target_arch = "x86_64")] SYS_modify_ldt, #[cfg(target_arch = "x86_64")] SYS_uselib,
];
/// Refused too where no network was granted.
const NETWORK: [c_long; 4] = [SYS_socket, SYS_connect, SYS_bind, SYS_listen];
/// Change other processes, unless the argument of this number is 0: the caller.
#[rustfmt::skip]
const OF_OTHERS: [(c_long, u8); 8] = [
    (SYS_prlimit64, 0), (SYS_sched_setaffinity, 0), (SYS_sched_setscheduler, 0),
    (SYS_sched_setparam, 0), (SYS_sched_setattr, 0), (SYS_ioprio_set, 1), (SYS_setpriority, 0),
    (SYS_setpriority, 1),
];
/// Take the mode of a file as the argument of this number.
#[rustfmt::skip]
const WITH_MODE: &[(c_long, u8)] = &[
    (SYS_fchmod, 1), (SYS_fchmodat, 2), (SYS_fchmodat2, 2), (SYS_mknodat, 2),
    #[cfg(target_arch = "x86_64")] (SYS_chmod, 1), #[cfg(target_arch = "x86_64")] (SYS_creat, 1),
    #[cfg(target_arch = "x86_64")] (SYS_mknod, 1),
];
/// Take flags as the argument of the first number; if they say that a file is
/// to be created, the second is its mode.
#[rustfmt::skip]
const CREATING: &[(c_long, u8, u8)] = &[
    (SYS_openat, 2, 3), #[cfg(target_arch = "x86_64")] (SYS_open, 1, 2),
];
/// Everything newer answers as on a kernel without it; so do the numbers of the
/// x32 ABI, which begin at 2^30.
const NEWEST: u32 = SYS_mseal as u32;

fn is_not(argument: u8, value: c_int) -> Test {
    (argument, Ne, value as u64)
}

fn has(argument: u8, bits: c_int) -> Test {
    (argument, MaskedEq(bits as u64), bits as u64)
}

/// What is refused only with some arguments: the tests of a line hold together.
fn conditional() -> Vec<(c_long, Vec<Test>)> {
    let mut lines = vec![(SYS_socketpair, vec![is_not(0, AF_UNIX)])];
    let mut refuse = |call: c_long, tests: &[Test]| lines.push((call, tests.to_vec()));
    OF_OTHERS.iter().for_each(|(call, process)| refuse(*call, &[is_not(*process, 0)]));
    // New namespaces. `clone3`, whose flags are behind a pointer, is unknown altogether.
    for bit in [7, 17, 25, 26, 27, 28, 29, 30] {
        refuse(SYS_clone, &[has(0, 1 << bit)]);
    }
    // Typing into a terminal, selecting on a console, taking a terminal.
    for request in [TIOCSTI, TIOCLINUX, TIOCSCTTY] {
        refuse(SYS_ioctl, &[(1, Eq, request as c_int as u64)]);
    }
    for bit in [S_ISUID as c_int, S_ISGID as c_int] {
        WITH_MODE.iter().for_each(|(call, mode)| refuse(*call, &[has(*mode, bit)]));
        CREATING.iter().for_each(|(call, flags, mode)| {
            refuse(*call, &[has(*flags, O_CREAT), has(*mode, bit)]);
        });
    }
    // Datagrams go to whom they name, also from one of a pair; streams do not.
    for kind in [SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, SOCK_DCCP] {
        for call in [SYS_socketpair, SYS_socket] {
            refuse(call, &[(1, MaskedEq(0xF), kind as u64)]);
        }
    }
    refuse(SYS_socket, &[is_not(0, AF_UNIX), is_not(0, AF_INET), is_not(0, AF_INET6)]);
    refuse(SYS_socket, &[is_not(2, 0), is_not(2, IPPROTO_TCP)]);
    lines
}

/// Puts the filters on; nothing takes them off again.
pub(super) fn install(proxied: bool) -> Result<(), Failed> {
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> = BTreeMap::new();
    for (call, tests) in conditional() {
        let test = |(at, how, what)| SeccompCondition::new(at, Dword, how, what);
        let tests = tests.into_iter().map(test).collect::<Result<_, _>>().map_err(at("seccomp"))?;
        rules.entry(call).or_default().push(SeccompRule::new(tests).map_err(at("seccomp"))?);
    }
    // Without tests a call is refused whatever its arguments.
    let without_network = NETWORK.iter().filter(|_| !proxied);
    rules.extend(REFUSED.iter().chain(without_network).map(|call| (*call, Vec::new())));
    let arch = std::env::consts::ARCH.try_into().map_err(at("seccomp"))?;
    // Calls of another architecture (`int 0x80`) end the process.
    let filter = SeccompFilter::new(rules, Allow, Errno(EPERM as u32), arch);
    let filter: Vec<sock_filter> = filter.and_then(TryInto::try_into).map_err(at("seccomp"))?;
    seccompiler::apply_filter(&filter).map_err(at("seccomp"))?;
    let step = |code, jt, jf, k| sock_filter { code: code as u16, jt, jf, k };
    // `openat2` has its mode behind a pointer: programs then use `openat`.
    let unknown = [
        step(BPF_LD | BPF_W | BPF_ABS, 0, 0, 0),
        step(BPF_JMP | BPF_JEQ | BPF_K, 3, 0, SYS_clone3 as u32),
        step(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, SYS_openat2 as u32),
        step(BPF_JMP | BPF_JGT | BPF_K, 1, 0, NEWEST),
        step(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW),
        step(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS as u32),
    ];
    seccompiler::apply_filter(&unknown).map_err(at("seccomp"))
}
