//! Honest uses, which must work in the sandbox.

use agentos_domain::ToolOutcome;
use agentos_sandbox::Tier;
use anyhow::Result;

use crate::place::{Built, Place};
use crate::shell::Shell;

/// A use, its command, what it must print, and the weakest tier that offers it.
struct Use(&'static str, &'static str, &'static str, Tier);

const USES: [Use; 11] = [
    Use(
        "a script with json and csv",
        "python3 -I -c 'import json,csv,sys; csv.writer(sys.stdout).writerow(json.loads(\"[1,2]\"))'",
        "1,2",
        Tier::Launcher,
    ),
    Use("write and read", "echo kept > temp/f && cat temp/f", "kept", Tier::Launcher),
    Use("a pipe", "grep -v b memory/notes.txt | sort | head -1", "a", Tier::Launcher),
    Use(
        "git",
        "cd temp && git init -q r && cd r && echo x > f && git add f && git -c user.name=a \
         -c user.email=a@b commit -qm first && git log --oneline | wc -l",
        "1",
        Tier::Launcher,
    ),
    Use(
        "asyncio with a child",
        "python3 -I -c 'import asyncio\nasync def main():\n p = await \
         asyncio.create_subprocess_exec(\"/bin/echo\", \"said\", stdout=-1)\n \
         print((await p.communicate())[0])\nasyncio.run(main())'",
        "said",
        Tier::Launcher,
    ),
    Use(
        "threads",
        "python3 -I -c 'import concurrent.futures as c\nprint(sum(c.ThreadPoolExecutor(4).map(abs, range(5))))'",
        "10",
        Tier::Launcher,
    ),
    // Its semaphores lie in /dev/shm, which the launcher alone shares with all.
    Use(
        "a pool of four processes",
        "python3 -I -c 'import multiprocessing as m\nif __name__ == \"__main__\":\n print(sum(m.Pool(4).map(abs, range(5))))'",
        "10",
        Tier::Bubblewrap,
    ),
    Use(
        "200 MB of memory",
        "python3 -I -c 'print(len(bytearray(200_000_000)))'",
        "200000000",
        Tier::Launcher,
    ),
    Use("a skill of its own", "python3 -I skills/own.py", "own skill", Tier::Launcher),
    Use(
        "an output",
        "mkdir -p outputs/a && echo result > outputs/a/b && cat outputs/a/b",
        "result",
        Tier::Launcher,
    ),
    Use(
        "temporary files",
        "f=$(mktemp) && echo tmp > $f && cat $f && cat <(echo substituted)",
        "substituted",
        Tier::Launcher,
    ),
];

/// Tries all that the tier offers: how many, and those that did not work.
///
/// # Errors
/// The tests themselves cannot be run.
pub fn run(built: &Built, tier: Tier) -> Result<(usize, Vec<String>)> {
    let place = Place::new(built)?;
    let shell = match Shell::in_tier(&place, tier)? {
        Ok(shell) => shell,
        Err(_) => return Ok((0, Vec::new())),
    };
    let mut failed = Vec::new();
    let offered = || USES.iter().filter(|Use(_, _, _, least)| tier >= *least);
    for Use(name, command, expected, _) in offered() {
        let said = shell.bash(&place, command)?;
        let answer: serde_json::Value = serde_json::from_str(&said)?;
        let printed = answer["stdout"].as_str().is_some_and(|text| text.contains(expected));
        if !printed || answer["exit_code"] != 0 {
            failed.push(format!("{name}: {said}"));
        }
    }
    let commands: Vec<_> = (0..10)
        .map(|number| format!("echo n{number} > temp/p{number} && sleep 0.2 && cat temp/p{number}"))
        .collect();
    let Some(tool) = shell.tool() else { return Ok((offered().count(), failed)) };
    let outcomes = tool.together(&commands)?;
    let worked = outcomes.iter().enumerate().filter(|(number, outcome)| {
        matches!(outcome, ToolOutcome::Ok(answer) if answer["stdout"] == format!("n{number}\n"))
    });
    if worked.count() != commands.len() {
        failed.push(format!("ten at the same time: {outcomes:?}"));
    }
    Ok((offered().count() + 1, failed))
}
