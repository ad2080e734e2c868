//! What can be typed.

use std::path::PathBuf;
use std::time::Duration;

use agentos_domain::{GrantScope, OnEdgeLost, Priority, ProviderName, TaskStatus};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::key::lifetime;
use crate::trust::parse_fingerprint;

mod billing;
mod models;
mod schedule;

pub(crate) use billing::{
    BillingCommand, DaysArgs, ExportArgs, FetchArgs, ResultsArgs, RunsArgs, SummaryArgs,
};
pub(crate) use models::{BudgetCommand, BudgetSetArgs, CalibrateArgs, CallsArgs, OnLimit};
pub(crate) use schedule::{ScheduleAddArgs, ScheduleCommand, SlotsArgs};

const EXIT_CODES: &str = "\
Exit codes: 0 ok, 1 failed, 2 usage, 3 not found,
4 not allowed, 5 waiting for approval, 6 hub unreachable,
124 timeout, 130 interrupted";

/// Gives tasks to the hub and shows what becomes of them.
#[derive(Debug, Parser)]
#[command(name = "agentos", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Where the hub is [env: AGENT_OS_URL] [default: http://127.0.0.1:7777]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The key to the hub; others on this machine can see it, rather use a file [env: AGENT_OS_API_KEY]
    #[arg(long, global = true, value_name = "KEY", conflicts_with = "api_key_file")]
    pub(crate) api_key: Option<String>,
    /// A file that holds the key [env: AGENT_OS_API_KEY_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) api_key_file: Option<PathBuf>,
    /// A file with the authority that a hub's https certificate must be from [env: AGENT_OS_CA]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Print JSON: one document, or one per line for `task watch`
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print results and errors only
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run tasks and look at them
    #[command(subcommand)]
    Task(TaskCommand),
    /// What waits for your decision: confirm calls of tools, settle lost ones
    #[command(subcommand)]
    Approvals(ApprovalsCommand),
    /// Tasks that the hub makes at certain times
    #[command(subcommand)]
    Schedule(ScheduleCommand),
    /// Files of the workspace that tasks work on
    #[command(subcommand)]
    Files(FilesCommand),
    /// Machines that run tasks for the hub
    #[command(subcommand)]
    Edge(EdgeCommand),
    /// Keys to the hub: make, list, revoke
    #[command(subcommand)]
    Key(KeyCommand),
    /// The workspace's own keys to models' providers
    #[command(subcommand)]
    ProviderKey(ProviderKeyCommand),
    /// The models that requests may name, and how they fare
    Models,
    /// What calls of models may cost in a month
    #[command(subcommand)]
    Budget(BudgetCommand),
    /// Calls of models, newest first, with what each cost
    Calls(CallsArgs),
    /// What providers charged: collect it, sum it up, export it
    #[command(subcommand)]
    Billing(BillingCommand),
    /// As `billing fetch-openai`
    #[command(name = "fetch_openai", hide = true)]
    FetchOpenai(FetchArgs),
    /// As `billing fetch-anthropic`
    #[command(name = "fetch_anthropic", hide = true)]
    FetchAnthropic(FetchArgs),
    /// As `billing run-all`
    #[command(name = "run_all", hide = true)]
    RunAll(FetchArgs),
    /// As `billing export`
    #[command(hide = true)]
    Export(ExportArgs),
    /// As `billing summary`
    #[command(hide = true)]
    Summary(SummaryArgs),
    /// As `billing daily-report`
    #[command(name = "daily_report", hide = true)]
    DailyReport,
    /// Measure how often a model is right that is so sure of its answer
    Calibrate(CalibrateArgs),
    /// Keep the hub's address and the key to it for later commands
    ///
    /// The key is that of --api-key-file or --api-key, else the standard input gives it. It is
    /// kept in your configuration folder, readable by you alone, and sent to this hub only.
    ///
    /// Of a hub that speaks https and that this machine does not trust, the SHA-256 fingerprint is
    /// shown: compare it with what the hub writes at its start. Its authority is kept, too.
    Login(LoginArgs),
    /// The configuration of a hub or an edge on this machine
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Whether the hub answers and can run tasks
    Health,
    /// What is wrong with hub, key, edges and models, and what to do about it
    Doctor,
    /// Print a script that completes commands in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Where to log in.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// The hub's address; as --url
    pub(crate) address: Option<String>,
    /// Trust the hub whose certificates have this one among them (SHA-256), and no other
    #[arg(long, value_name = "HEX", value_parser = parse_fingerprint)]
    pub(crate) fingerprint: Option<String>,
}

/// What to do with tasks.
#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// Give the hub a task and watch it until it ends
    Run(RunArgs),
    /// List tasks, newest first
    List(ListArgs),
    /// Show a task
    Show {
        /// The task's id, or the end of it
        id: String,
        /// Show every step of its journal
        #[arg(long)]
        steps: bool,
    },
    /// Watch a task until it ends
    Watch {
        /// The task's id, or the end of it
        id: String,
        #[command(flatten)]
        watch: WatchArgs,
    },
    /// End a task
    Cancel {
        /// The task's id, or the end of it
        id: String,
        /// Why; it is kept with the task
        #[arg(long)]
        reason: Option<String>,
    },
}

/// How to watch.
#[derive(Debug, Clone, Args)]
pub(crate) struct WatchArgs {
    /// How long to try again after the connection was lost, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) reconnect: u64,
    /// Stop watching after this many seconds; the task goes on
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
}

/// What task to run.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// What is to be done; `-` reads it from the standard input
    #[arg(required = true)]
    pub(crate) input: Vec<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
    /// The same key gives the same task [default: a new one]
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// Print the task's id and leave
    #[arg(long = "async")]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

/// How a task is to be done.
#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    /// Who is to do it
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// A tool that the model must call first
    #[arg(long)]
    pub(crate) tool: Option<String>,
    /// The most tokens of each answer of the model
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=32768))]
    pub(crate) max_tokens: Option<u32>,
    /// 0 is predictable, 2 is wild
    #[arg(long, value_name = "T", value_parser = temperature)]
    pub(crate) temperature: Option<f32>,
    /// Makes the answer repeatable
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The conversation that the task belongs to
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Which of your waiting tasks is first: low, normal, high
    #[arg(long, value_name = "PRIORITY")]
    pub(crate) priority: Option<Priority>,
    /// What becomes of it where an edge is lost: wait, elsewhere (the hub works on it), fail
    #[arg(long, value_name = "WHAT")]
    pub(crate) on_edge_lost: Option<OnEdgeLost>,
    /// Send nothing of it to a model outside the home network, whatever fails
    #[arg(long)]
    pub(crate) local_only: bool,
}

/// Which tasks to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only those that stand there: pending, running, waiting_approval, completed, failed, cancelled
    #[arg(long)]
    pub(crate) status: Option<TaskStatus>,
    /// Only this agent's
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) limit: u32,
    /// Where the page before ended
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

/// What to do with approvals.
#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// List what waits for a decision, newest first
    List {
        /// Also what was decided
        #[arg(long)]
        all: bool,
    },
    /// Show exactly what is proposed
    Show {
        /// The proposal's id, or the end of it
        id: String,
    },
    /// Confirm a call of a tool
    Approve {
        /// The proposal's id, or the end of it
        id: String,
        /// How far it reaches: this call, this tool for the rest of the task, or whenever this
        /// agent calls it: once, task, agent [default: once]
        #[arg(long, value_name = "SCOPE")]
        scope: Option<GrantScope>,
        /// It is kept with the decision
        #[arg(long)]
        notes: Option<String>,
    },
    /// Refuse a call of a tool; the task goes on
    Reject {
        /// The proposal's id, or the end of it
        id: String,
        /// Why; the model is told
        #[arg(long)]
        reason: String,
    },
    /// Say what became of a call whose result was lost
    Resolve {
        /// The proposal's id, or the end of it
        id: String,
        /// What became of it
        #[arg(value_enum)]
        outcome: LostOutcome,
        /// What you know of it; with `done` the model is told
        #[arg(long)]
        notes: Option<String>,
    },
    /// List what agents may call without being asked for
    Grants,
    /// Take such a grant back
    Revoke {
        /// The agent
        agent: String,
        /// The tool
        tool: String,
    },
}

/// What became of a lost call.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LostOutcome {
    /// It took effect
    Done,
    /// It did not, or may happen twice: make it again
    Retry,
    /// End the task
    Abort,
}

/// What to do with files.
#[derive(Debug, Subcommand)]
pub(crate) enum FilesCommand {
    /// List the files of the workspace
    List,
    /// Upload files and folders
    Put {
        /// Files and folders of this machine
        #[arg(required = true)]
        local: Vec<PathBuf>,
        /// The folder of the workspace to put them in
        #[arg(long, value_name = "FOLDER")]
        to: Option<String>,
    },
    /// Download a file
    Get {
        /// Its path in the workspace
        path: String,
        /// Where to write it [default: the standard output]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Remove a file
    Rm {
        /// Its path in the workspace
        path: String,
    },
}

/// What to do with edges.
#[derive(Debug, Subcommand)]
pub(crate) enum EdgeCommand {
    /// Print a one-time token with which an edge can join
    Invite {
        /// What the edge is to be called
        #[arg(long)]
        name: Option<String>,
    },
    /// List the edges
    List,
    /// Give an edge no more work; what it works on goes on to its end
    Drain {
        /// The edge's id
        id: String,
    },
    /// Give a drained edge work again
    Resume {
        /// The edge's id
        id: String,
    },
    /// Shut an edge out, at once and for good
    Revoke {
        /// The edge's id
        id: String,
    },
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key; it is shown this once
    Create(KeyCreateArgs),
    /// List the keys, also those that no longer work
    List,
    /// End a key, at once and for good
    Revoke {
        /// The key's id, as `key list` shows it; not the key itself
        id: String,
    },
}

/// What key to make.
#[derive(Debug, Args)]
pub(crate) struct KeyCreateArgs {
    /// What you call it
    pub(crate) name: String,
    /// What it may do: read, run, approve, admin
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', required = true,
          value_parser = ["read", "run", "approve", "admin"])]
    pub(crate) scopes: Vec<String>,
    /// When it ends: 12h, 30d, 4w from now [default: never]
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    pub(crate) expires: Option<Duration>,
    /// Whose data it opens [default: your own workspace]
    #[arg(long, value_name = "NAME")]
    pub(crate) workspace: Option<String>,
}

/// What to do with keys of providers.
#[derive(Debug, Subcommand)]
pub(crate) enum ProviderKeyCommand {
    /// Set the key of a provider, in place of the one before
    ///
    /// The key is asked for and not shown as you type it, or read from the standard input:
    /// `agentos provider-key set openai < FILE`. The hub keeps it encrypted and never shows it.
    Set {
        /// The provider: openai, anthropic, or another name in lower case
        name: ProviderName,
    },
    /// List the keys by their last characters; they are never shown
    List,
    /// Remove the key of a provider
    Remove {
        /// The provider
        name: ProviderName,
    },
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say everything that is wrong with it
    ///
    /// Exit codes: 0 all is right, 2 the configuration is wrong, 1 only files of agents are.
    Check(ConfigArgs),
    /// Show every setting in effect and where it is from; secrets are masked
    Show(ConfigArgs),
    /// Print a file with every setting, its default and its meaning
    Example(MachineArgs),
    /// Print the JSON schema of the file, for editors
    Schema(MachineArgs),
}

/// Which configuration to load.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
    /// The file [env: AGENT_OS_CONFIG, of an edge AGENT_OS_EDGE_CONFIG] [default: the first of the usual places]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Which machine's configuration.
#[derive(Debug, Args)]
pub(crate) struct MachineArgs {
    /// That of an edge rather than the hub
    #[arg(long)]
    pub(crate) edge: bool,
}

fn temperature(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (0.0..=2.0).contains(&value) => Ok(value),
        _ => Err("expected a number from 0 to 2".to_owned()),
    }
}
