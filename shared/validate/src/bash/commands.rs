//! The commands that there are, and what their arguments may do.

/// What a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// Nothing.
    Free,
    /// This permission.
    Needs(&'static str),
    /// It is refused, by this rule.
    Refused(&'static str),
}

/// A command by its name.
pub(super) fn command(name: &str) -> Command {
    match name {
        ":" | "[" | "[[" | "basename" | "bc" | "break" | "column" | "comm" | "continue" | "cut"
        | "date" | "declare" | "dirname" | "echo" | "expand" | "export" | "expr" | "false"
        | "fold" | "getopts" | "join" | "let" | "local" | "nl" | "numfmt" | "paste" | "printf"
        | "pwd" | "read" | "readonly" | "return" | "rev" | "seq" | "set" | "shift" | "shopt"
        | "sleep" | "test" | "tr" | "true" | "type" | "typeset" | "uniq" | "unset" | "wait"
        | "exit" | "factor" | "tsort" | "shuf" | "mapfile" | "readarray" | "jq" | "base64"
        | "md5sum" | "sha1sum" | "sha256sum" | "sha512sum" | "b2sum" | "cksum" | "awk" | "sed"
        | "grep" | "egrep" | "fgrep" | "sort" | "head" | "tail" | "wc" | "tac" | "cat"
        | "unexpand" | "fmt" | "pr" | "cd" | "od" | "hexdump" | "xxd" | "yes" | "cmp" | "diff" => {
            Command::Free
        }
        "ls" | "stat" | "file" | "du" | "find" | "tree" | "readlink" | "realpath" | "zcat"
        | "strings" => Command::Needs("fs.read"),
        "cp" | "mv" | "rm" | "rmdir" | "mkdir" | "touch" | "tee" | "mktemp" | "split" | "gzip"
        | "gunzip" | "truncate" | "install" => Command::Needs("fs.write"),
        "curl" | "wget" => Command::Needs("network.http"),
        "nc" | "ncat" | "netcat" | "socat" | "telnet" | "ssh" | "scp" | "sftp" | "rsync"
        | "ftp" | "dig" | "nslookup" | "host" | "ping" | "openssl" | "whois" => {
            Command::Refused("network")
        }
        "eval" | "exec" | "source" | "." | "trap" | "coproc" | "alias" | "enable" | "builtin"
        | "command" | "hash" | "bind" | "complete" | "fc" => Command::Refused("exec"),
        "env" | "printenv" => Command::Refused("environment"),
        _ => Command::Refused("shell"),
    }
}

/// Commands whose first text is a program or a pattern of their own, no path.
pub(super) fn begins_with_pattern(name: &str) -> bool {
    matches!(
        name,
        "awk"
            | "sed"
            | "grep"
            | "egrep"
            | "fgrep"
            | "jq"
            | "expr"
            | "bc"
            | "echo"
            | "printf"
            | "tr"
            | "test"
            | "["
            | "date"
            | "cut"
            | "paste"
    )
}

/// Why an argument has a command do what it may not.
pub(super) fn check_argument(
    command: &str,
    argument: &str,
) -> Option<(&'static str, &'static str)> {
    let runs = ("shell", "has the command run another: do without that option");
    let writes = ("path", "has the command write where nobody checked: redirect its output");
    match command {
        "find" => match argument {
            "-exec" | "-execdir" | "-ok" | "-okdir" => Some(runs),
            "-fprintf" | "-fprint" | "-fprint0" | "-fls" => Some(writes),
            "-delete" => Some(("path", "deletes what was found: name what is to go")),
            _ => None,
        },
        "sort" if argument.starts_with("--compress") => Some(runs),
        "split" if argument.starts_with("--filter") => Some(runs),
        "awk"
            if argument.starts_with("--")
                || ["-f", "-E", "-i", "-l"].iter().any(|option| argument.starts_with(option)) =>
        {
            Some(runs)
        }
        "jq" if argument.contains("$ENV")
            || argument.split(|c: char| !c.is_alphanumeric()).any(|word| word == "env") =>
        {
            Some(("environment", "reads the environment: take it as an argument"))
        }
        "awk" => {
            let words = ["system", "getline", "|", ">", "ENVIRON", "@load", "@include"];
            words.iter().any(|word| argument.contains(word)).then_some(runs)
        }
        "sed" => runs_in_sed(argument).then_some(runs),
        "date" if argument.starts_with("-s") || argument.starts_with("--set") => Some(runs),
        "mapfile" | "readarray" if argument.starts_with("-C") => Some(runs),
        "grep" | "egrep" | "fgrep" | "ls" | "wc" | "sort"
            if argument.starts_with("--files0-from") =>
        {
            Some(writes)
        }
        "declare" | "typeset" | "local" if argument.starts_with("-n") => {
            Some(("introspection", "names a variable by another: use an array"))
        }
        _ => None,
    }
}

/// Whether a program of sed holds `e`, which runs, or `r` and `w`, which open
/// files: as commands, or as flags of `s`.
fn runs_in_sed(program: &str) -> bool {
    if program.starts_with('-') {
        return !(matches!(
            program,
            "-e" | "-E"
                | "-r"
                | "-n"
                | "-s"
                | "-u"
                | "-z"
                | "-ne"
                | "-nE"
                | "-En"
                | "--expression"
                | "--quiet"
                | "--silent"
                | "--regexp-extended"
                | "-i"
        ));
    }
    for piece in program.split([';', '\n', '{', '}']) {
        let piece = piece.trim_start();
        let command = piece.trim_start_matches(|c: char| {
            c.is_ascii_digit() || matches!(c, '$' | ',' | '!' | ' ' | '+' | '~')
        });
        if command.starts_with(['e', 'r', 'R', 'w', 'W', 'F']) {
            return true;
        }
        if let Some(rest) = command.strip_prefix('/')
            && rest.rsplit('/').next().is_some_and(|after| {
                after.trim_start_matches(['I', ' ', '!']).starts_with(['e', 'r', 'R', 'w', 'W'])
            })
        {
            return true;
        }
        if let Some(rest) = command.strip_prefix('s') {
            let Some(mark) = rest.chars().next() else { continue };
            if rest.rsplit(mark).next().is_some_and(|flags| flags.contains(['e', 'w'])) {
                return true;
            }
        }
    }
    false
}

/// Variables that change what commands are, or run something.
pub(super) fn is_ruling_variable(name: &str) -> bool {
    name.starts_with("LD_")
        || name.starts_with("DYLD_")
        || name.starts_with("BASH_FUNC")
        || name.starts_with("GIT_")
        || matches!(
            name,
            "PATH"
                | "BASH_ENV"
                | "ENV"
                | "PS4"
                | "PROMPT_COMMAND"
                | "SHELLOPTS"
                | "BASHOPTS"
                | "PAGER"
                | "EDITOR"
                | "VISUAL"
                | "LESSOPEN"
                | "LESSCLOSE"
                | "PYTHONPATH"
                | "PYTHONSTARTUP"
                | "NODE_OPTIONS"
                | "PERL5OPT"
                | "RUBYOPT"
                | "HOME"
                | "CDPATH"
                | "GLOBIGNORE"
                | "TMPDIR"
        )
}

/// Variables that the shell gives itself.
pub(super) fn is_own_variable(name: &str) -> bool {
    matches!(
        name,
        "BASH_REMATCH"
            | "BASH_SOURCE"
            | "BASH_VERSION"
            | "EPOCHSECONDS"
            | "FUNCNAME"
            | "IFS"
            | "LINENO"
            | "OLDPWD"
            | "OPTARG"
            | "OPTIND"
            | "PIPESTATUS"
            | "PWD"
            | "RANDOM"
            | "REPLY"
            | "SECONDS"
            | "MAPFILE"
            | "SRANDOM"
            | "COLUMNS"
            | "LINES"
            | "BASH_LINENO"
            | "BASHPID"
            | "OSTYPE"
    ) || name.chars().all(|c| c.is_ascii_digit())
}
