//! The command line as types. What stands here is what `--help` prints.

mod backup;
mod notify;
mod schedule;
mod serve;

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use backup::{Backup, Restore};
pub use notify::{Notify, NotifyHistory, NotifyTest};
pub use schedule::{
    Job, JobRun, JobShow, Schedule, ScheduleHistory, ScheduleNext, SchedulePause, SchedulePreview, ScheduleTick,
};
pub use serve::{Queue, Run, RunLogs, Serve, Stretch};

/// Declares market-data assets in YAML, works out what is stale and why, and recomputes only that.
#[derive(Debug, Parser)]
#[command(name = "assetctl", version, max_term_width = 110, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 ok · 1 internal error · 2 wrong usage · 3 mistake in the configuration · 4 stale (plan --exit-code) · \
5 materialization failed · 6 a check failed · 130 cancelled";

#[derive(Debug, Args)]
pub struct Global {
    /// The project file, or the folder it is in [default: assets.yaml here or in a folder above]
    #[arg(long, short = 'p', global = true, value_name = "PATH")]
    pub project: Option<PathBuf>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// Say more: -v what is done, -vv how
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say nothing but results and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Take this instant for now, to decide which sessions are final
    #[arg(long, global = true, value_name = "INSTANT", hide_short_help = true, value_parser = instant)]
    pub now: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Human,
    Json,
    /// Not at all: for what is a part of something else.
    #[value(skip)]
    Silent,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a working project into a folder
    Init(Init),
    /// Check the whole configuration and report every mistake
    Validate,
    /// List assets
    Ls(Ls),
    /// Show what depends on what
    Graph(Graph),
    /// List the functions of the expression language, or tell all about one
    Functions(Functions),
    /// List the vendors that bars can be asked for, or tell all about one
    Sources(Sources),
    /// Print the JSON Schema of assets.yaml, or of schedules.yaml, for editors; or the OpenAPI document
    Schema(Schema),
    /// Show what is stale, and why; write nothing
    Plan(Plan),
    /// Bring assets, and what they need, up to date
    Materialize(Materialize),
    /// Materialize a range of dates; go on where an earlier one stopped
    Backfill(Backfill),
    /// Tell why a partition is stale, or what it was built from
    Explain(Explain),
    /// Show what a partition held when, and what each revision changed
    Diff(Diff),
    /// Show how far each asset is
    Status(Status),
    /// List runs, or show one
    Runs(Runs),
    /// Run the checks on what is there; or audit it, by making some partitions once more
    Check(Check),
    /// Show what checks have found
    Checks(Checks),
    /// Query the assets in DuckDB's SQL: a query, a file, or a shell
    Sql(Sql),
    /// Named pieces of work, with variables: list, show, run
    #[command(subcommand)]
    Job(Job),
    /// When jobs run: list, look ahead, pause, see what became of it
    #[command(subcommand)]
    Schedule(Schedule),
    /// Run what is due, and what is queued, until told to stop
    Serve(Serve),
    /// List what waits, runs and has ended
    Queue(Queue),
    /// Cancel, pause, resume, retry what was queued; show it and its log
    #[command(subcommand)]
    Run(Run),
    /// Who is told of what: list, try out, see what became of messages
    #[command(subcommand)]
    Notify(Notify),
    /// Remove files that no kept snapshot needs
    Gc(Gc),
    /// Back up the store, and what the project reads, while it is in use
    Backup(Backup),
    /// Make a store, and its project, of a backup
    Restore(Restore),
    /// Print a completion script for a shell
    Completions { shell: clap_complete::Shell },
}

#[derive(Debug, Args)]
pub struct Init {
    /// The folder; made if there is none
    #[arg(default_value = ".")]
    pub folder: PathBuf,
}

#[derive(Debug, Args, Clone)]
pub struct Selecting {
    /// Assets, as `scores`, `+scores`, `2+scores+`, `tag:daily,kind:indicators`, `state:stale`: spaces unite, commas intersect
    #[arg(long, short, value_name = "SELECTION", num_args = 1..)]
    pub select: Vec<String>,
    /// Assets to leave out, in the same language
    #[arg(long, value_name = "SELECTION", num_args = 1..)]
    pub exclude: Vec<String>,
}

#[derive(Debug, Args, Clone)]
pub struct Dates {
    /// First session [default: the assets' start]
    #[arg(long, value_name = "DATE")]
    pub from: Option<NaiveDate>,
    /// Last session [default: the newest]
    #[arg(long, value_name = "DATE")]
    pub to: Option<NaiveDate>,
}

#[derive(Debug, Args)]
pub struct Ls {
    #[command(flatten)]
    pub selecting: Selecting,
    /// Show columns
    #[arg(long)]
    pub columns: bool,
    /// Show which sessions of what is above it each column depends on
    #[arg(long, conflicts_with = "columns")]
    pub windows: bool,
}

#[derive(Debug, Args)]
pub struct Schema {
    /// Which file's
    #[arg(value_enum, default_value_t)]
    pub of: SchemaOf,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    #[default]
    Assets,
    Schedules,
    /// The OpenAPI document of the HTTP API
    Api,
}

#[derive(Debug, Args)]
pub struct Sources {
    /// A vendor, to be told all about it
    pub name: Option<String>,
    /// Print its description, as a YAML file for `http:`
    #[arg(long)]
    pub yaml: bool,
}

#[derive(Debug, Args)]
pub struct Functions {
    /// A function, to be told all about it
    pub name: Option<String>,
    /// Only those of one class
    #[arg(long, value_enum, value_name = "CLASS")]
    pub class: Option<FunctionClass>,
    /// The form of the text; `--format json` is a shape of its own
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub form: FunctionForm,
}

/// What a function reads for one session of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FunctionClass {
    Pointwise,
    Window,
    Forward,
    Recursive,
    Expanding,
    CrossSection,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum FunctionForm {
    #[default]
    Text,
    /// The page of the documentation
    Markdown,
}

#[derive(Debug, Args)]
pub struct Graph {
    #[command(flatten)]
    pub selecting: Selecting,
    /// The form of the drawing; `--format json` is a shape of its own
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub form: GraphForm,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum GraphForm {
    #[default]
    Text,
    Dot,
    Mermaid,
}

#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    pub selecting: Selecting,
    #[command(flatten)]
    pub dates: Dates,
    /// Leave out what the selected assets need
    #[arg(long)]
    pub only: bool,
    /// Plan every partition of the selected assets, stale or not
    #[arg(long)]
    pub force: bool,
    /// Exit with 4 if anything is stale
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Debug, Args)]
pub struct Materialize {
    #[command(flatten)]
    pub selecting: Selecting,
    #[command(flatten)]
    pub dates: Dates,
    /// Leave out what the selected assets need
    #[arg(long)]
    pub only: bool,
    /// Recompute every partition of the selected assets, stale or not
    #[arg(long)]
    pub force: bool,
    /// Show the plan and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Make what would have been made from what was known of the sources at an instant, beside everything else
    #[arg(long, value_name = "INSTANT", value_parser = instant, conflicts_with = "only")]
    pub as_known_at: Option<DateTime<Utc>>,
    #[command(flatten)]
    pub running: Running,
}

#[derive(Debug, Args)]
pub struct Backfill {
    #[command(flatten)]
    pub selecting: Selecting,
    /// First session
    #[arg(long, value_name = "DATE")]
    pub from: NaiveDate,
    /// Last session
    #[arg(long, value_name = "DATE")]
    pub to: NaiveDate,
    /// Leave out what the selected assets need
    #[arg(long)]
    pub only: bool,
    /// Recompute every partition of the selected assets, stale or not
    #[arg(long)]
    pub force: bool,
    /// Ask the selected sources again, for these instruments alone: the rows of the others stay
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub instruments: Vec<String>,
    #[command(flatten)]
    pub running: Running,
}

#[derive(Debug, Args, Clone)]
pub struct Running {
    /// Assets that are computed at once [default: the number of cores]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<std::num::NonZeroUsize>,
    /// Sessions that are committed at once, at most [default: as fits in memory, up to 252]
    #[arg(long, value_name = "SESSIONS")]
    pub batch: Option<std::num::NonZeroUsize>,
    /// Memory to work in, about: `512MB`, `4GiB`
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    pub memory: bytesize::ByteSize,
    /// Wait for another run on the same assets, rather than refuse
    #[arg(long)]
    pub wait: bool,
    /// See [`Backfill::instruments`].
    #[arg(skip)]
    pub instruments: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Explain {
    /// A partition, `scores@2024-03-15`, or an asset
    pub partition: String,
    /// Show this instrument's row too
    #[arg(long, value_name = "NAME")]
    pub instrument: Option<String>,
}

#[derive(Debug, Args)]
pub struct Diff {
    /// A partition, `raw_bars@2024-03-15`, or an asset without sessions
    pub partition: String,
    /// Only how it differed at two revisions (numbers) or instants (`2024-03-15`, `2024-03-15T15:30:00Z`)
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], value_parser = point)]
    pub between: Vec<Point>,
}

/// A state of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    Revision(u64),
    Instant(DateTime<Utc>),
}

#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    pub selecting: Selecting,
    #[command(flatten)]
    pub dates: Dates,
    /// Make partitions once more from their windows alone, and compare: does anything depend on more than its window holds? Queries in
    /// SQL most of all, of which nothing can be proved
    #[arg(long, conflicts_with_all = ["from", "to"])]
    pub look_ahead: bool,
    /// Sessions of each asset that are made once more, at most
    #[arg(long, value_name = "N", default_value = "20", requires = "look_ahead")]
    pub sessions: std::num::NonZeroUsize,
}

#[derive(Debug, Args)]
pub struct Checks {
    #[command(flatten)]
    pub selecting: Selecting,
    #[command(flatten)]
    pub dates: Dates,
    /// Only what does not hold, session by session
    #[arg(long)]
    pub failed: bool,
    /// Everything that was ever recorded, not only the newest outcome of each session
    #[arg(long, conflicts_with = "failed")]
    pub history: bool,
}

#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    pub selecting: Selecting,
}

#[derive(Debug, Args)]
pub struct Runs {
    /// The run to show
    pub run: Option<u64>,
    /// How many to list
    #[arg(long, short = 'n', default_value_t = 20, value_name = "N")]
    pub limit: u32,
    /// Of each job that was queued: how often it ended well, and how long it took
    #[arg(long, conflicts_with = "run")]
    pub stats: bool,
}

#[derive(Debug, Args)]
pub struct Sql {
    /// The query; without it, and without --file, a shell
    pub query: Option<String>,
    /// Read the query from a file (`-` for standard input)
    #[arg(long, short, value_name = "FILE", conflicts_with = "query")]
    pub file: Option<PathBuf>,
    /// Read the assets as they were after a run (a number) or at an instant (`2024-03-15`, `2024-03-15T15:30:00Z`)
    #[arg(long, value_name = "RUN|INSTANT")]
    pub as_of: Option<String>,
    /// Read the sources as they were known at an instant, and what `materialize --as-known-at` made of them
    #[arg(long, value_name = "INSTANT", value_parser = instant, conflicts_with_all = ["as_of", "write"])]
    pub as_known_at: Option<DateTime<Utc>>,
    /// How the result is printed [default: table]
    #[arg(long, short, value_enum, value_name = "FORM")]
    pub output: Option<SqlOutput>,
    /// Write the result to this file rather than to standard output (needed for parquet)
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Let the query create tables: they are kept in `scratch.duckdb`, beside the assets
    #[arg(long, conflicts_with = "as_of")]
    pub write: bool,
    /// Rows that a table shows (0 for all)
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub rows: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SqlOutput {
    Table,
    Csv,
    Json,
    Parquet,
}

/// What `gc` keeps unless told otherwise: of the newest runs, and of the last days.
pub const GC_DEFAULTS: (u32, u32) = (10, 7);

/// The same of what happened: days.
pub const KEEP_HISTORY: u32 = 90;

#[derive(Debug, Args)]
pub struct Gc {
    /// Keep what the newest runs saw
    #[arg(long, default_value_t = GC_DEFAULTS.0, value_name = "RUNS")]
    pub keep_runs: u32,
    /// Keep whatever was current in the last so many days
    #[arg(long, default_value_t = GC_DEFAULTS.1, value_name = "DAYS")]
    pub keep_days: u32,
    /// Keep logs, requests, ticks, and runs that changed nothing, of the last so many days
    #[arg(long, default_value_t = KEEP_HISTORY, value_name = "DAYS")]
    pub keep_history: u32,
    /// Let earlier revisions of sources and tables go like everything else: what was known then is lost for good
    #[arg(long)]
    pub forget_revisions: bool,
    /// Only say what would go
    #[arg(long)]
    pub dry_run: bool,
}

/// A revision, or an instant.
fn point(text: &str) -> Result<Point, String> {
    match text.parse() {
        Ok(revision) => Ok(Point::Revision(revision)),
        Err(_) => instant(text).map(Point::Instant).map_err(|help| format!("{help}, or the number of a revision")),
    }
}

/// An instant, or the end of a day.
fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    let date: NaiveDate =
        text.parse().map_err(|_| "say `2024-03-15T15:30:00Z`, or a date for its last second".to_owned())?;
    date.and_hms_opt(23, 59, 59).map(|instant| instant.and_utc()).ok_or_else(|| "there is no such instant".to_owned())
}
