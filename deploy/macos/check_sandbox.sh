#!/bin/bash
# Tries on a Mac what the tests cannot try elsewhere: whether the generated
# Seatbelt profile holds the cases that only macOS can show (18, 26, 51 to 54),
# and the others that concern files and the network. A person runs it, best as
# the user `_agentos`:
#
#   deploy/macos/check_sandbox.sh [path to the program seatbelt-profile]
#
# Each case is tried without the sandbox first: an attack that does not work
# there proves nothing and counts as not run. Windows of Calculator may open and
# macOS may ask for permissions: that is the control. Ends with 0 where nothing
# escaped and all honest use works.
set -u

if [ "$(uname -s)" != Darwin ]; then
    echo "this checks macOS's sandbox: run it on a Mac" >&2
    exit 2
fi

profile_program=${1:-}
if [ -z "$profile_program" ]; then
    cargo build --quiet --package agentos-escape --bin seatbelt-profile || exit 2
    profile_program="$(cargo metadata --format-version 1 --no-deps |
        /usr/bin/python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')/debug/seatbelt-profile"
fi

canary="CANARY-$$-$RANDOM"
base=$(mktemp -d /private/tmp/agentos-check.XXXXXX) || exit 2
run="$base/run" outside="$base/outside"
mkdir -p "$run/temp" "$run/outputs" "$run/skills" "$outside" "$base/tmp"
echo "$canary" > "$outside/secret.txt"
echo "print('own skill')" > "$run/skills/own.py"
cleanup() {
    kill "${listener:-}" 2>/dev/null
    security delete-generic-password -s "$canary" >/dev/null 2>&1
    rm -rf "$base"
}
trap cleanup EXIT

"$profile_program" --folder "$run" --writable temp --writable outputs \
    --temporary "$base/tmp" > "$base/profile.sb" || exit 2

sandboxed() {
    (cd "$run" && env -i PATH=/usr/bin:/bin HOME="$base/tmp" TMPDIR="$base/tmp" \
        /usr/bin/sandbox-exec -f "$base/profile.sb" /bin/bash -c "$1" 2>&1 </dev/null)
}
plain() {
    (cd "$run" && /bin/bash -c "$1" 2>&1 </dev/null)
}

escapes=0 attempted=0 not_run=0 broken=0

# case NUMBER NAME COMMAND JUDGE [CLEAN-UP]: JUDGE is run outside and succeeds
# where the attack had an effect; $said is what the command printed.
case_() {
    local number=$1 name=$2 command=$3 judge=$4 clean=${5:-true} said
    eval "$clean" >/dev/null 2>&1
    said=$(plain "$command")
    if ! eval "$judge"; then
        printf '%-4s %-56s not run: it does not work without the sandbox\n' "$number" "$name"
        not_run=$((not_run + 1))
        eval "$clean" >/dev/null 2>&1
        return
    fi
    eval "$clean" >/dev/null 2>&1
    said=$(sandboxed "$command")
    attempted=$((attempted + 1))
    if eval "$judge"; then
        printf '%-4s %-56s ESCAPED\n' "$number" "$name"
        escapes=$((escapes + 1))
    else
        printf '%-4s %-56s held\n' "$number" "$name"
    fi
    eval "$clean" >/dev/null 2>&1
}

# honest NAME COMMAND EXPECTED
honest() {
    local said
    said=$(sandboxed "$2")
    case "$said" in
        *"$3"*) printf '     %-56s works\n' "$1" ;;
        *) printf '     %-56s DOES NOT WORK: %s\n' "$1" "$said"; broken=$((broken + 1)) ;;
    esac
}

leaked='[[ "$said" == *"$canary"* ]]'
case_ 1 "read a file outside" "cat '$outside/secret.txt'" "$leaked"
case_ 4 "write through a link" "ln -s '$outside' temp/d; echo x > temp/d/new" \
    "[ -e '$outside/new' ]" "rm -f '$run/temp/d' '$outside/new'"
case_ 5 "hard link to a file outside" "ln '$outside/secret.txt' temp/h && cat temp/h" \
    "[ -e '$run/temp/h' ]" "rm -f '$run/temp/h'"
case_ 11 "write a skill" "echo x > skills/new.py" "[ -e '$run/skills/new.py' ]" \
    "rm -f '$run/skills/new.py'"
case_ 12 "create control files" "mkdir -p .agentos; echo x > .agentos/config.toml" \
    "[ -e '$run/.agentos' ]" "rm -rf '$run/.agentos'"
case_ 18a "another spelling of a path" "cat '/tmp/../tmp/${outside#/private/tmp/}/secret.txt'" "$leaked"
case_ 18b "letters of the other case" "echo x > SKILLS/new.py" "[ -e '$run/skills/new.py' ]" \
    "rm -f '$run/skills/new.py'"

port=$((20000 + RANDOM % 20000))
/usr/bin/python3 - "$port" "$base/came" <<'PYTHON' &
import socket, sys
listener = socket.create_server(("", int(sys.argv[1])))
while True:
    listener.accept()[0].close()
    open(sys.argv[2], "a").write("x")
PYTHON
listener=$!
sleep 1
came="sleep 0.2; [ -e '$base/came' ]"
forget="rm -f '$base/came'"
address=$(ipconfig getifaddr en0 || ipconfig getifaddr en1)
case_ 19 "TCP to this machine" "exec 3<>/dev/tcp/127.0.0.1/$port" "$came" "$forget"
if [ -n "$address" ]; then
    # With a proxy on this port of this machine granted: the same port elsewhere.
    cp "$base/profile.sb" "$base/kept.sb"
    "$profile_program" --folder "$run" --writable temp --temporary "$base/tmp" \
        --proxy-port "$port" > "$base/profile.sb"
    case_ 26 "the proxy's port at another address" "exec 3<>/dev/tcp/$address/$port" "$came" "$forget"
    eval "$forget"
    sandboxed "exec 3<>/dev/tcp/127.0.0.1/$port"
    if eval "$came"; then
        printf '     %-56s works\n' "the granted port of the proxy"
    else
        printf '     %-56s DOES NOT WORK\n' "the granted port of the proxy"; broken=$((broken + 1))
    fi
    mv "$base/kept.sb" "$base/profile.sb"
fi
case_ 21 "a name by the DNS responder" "dscacheutil -q host -a name localhost" '[[ "$said" == *127.0.0.1* ]]'

calculator='sleep 2; pgrep -x Calculator >/dev/null'
quit='pkill -x Calculator'
case_ 51a "open an application" "open -a Calculator" "$calculator" "$quit"
case_ 51b "by a copy of open" "cp /usr/bin/open temp/o; temp/o -a Calculator" "$calculator" \
    "$quit; rm -f '$run/temp/o'"
case_ 52 "Apple events" "osascript -e 'tell application \"Finder\" to return \"$canary\" & name'" "$leaked"
security add-generic-password -a agentos -s "$canary" -w "$canary" >/dev/null 2>&1
case_ 53 "the Keychain" "security find-generic-password -s '$canary' -w" "$leaked"
label="org.agentos.check$$"
case_ 54a "a job of launchd" "launchctl submit -l $label -- /bin/sleep 600" \
    "launchctl list $label" "launchctl remove $label"
agent="$HOME/Library/LaunchAgents/$label.plist"
case_ 54b "a file of launch agents" "echo x > '$agent'" "[ -e '$agent' ]" "rm -f '$agent'"

honest "a script" "/usr/bin/python3 -I -c 'print(6 * 7)'" 42
honest "write and read" "echo kept > temp/f && cat temp/f" kept
honest "a pipe" "printf 'b\na\n' | sort | head -1" a
honest "a skill of its own" "/usr/bin/python3 -I skills/own.py" "own skill"
honest "temporary files" 'f=$(mktemp) && echo tmp > "$f" && cat "$f"' tmp

echo "$escapes escapes of $attempted attempted, $not_run not run, $broken honest uses do not work"
[ "$escapes" -eq 0 ] && [ "$broken" -eq 0 ]
