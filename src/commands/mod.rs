//! One file per command, each thin: load, ask, show.

mod backup;
mod check;
mod checks;
mod completions;
mod diff;
mod explain;
mod functions;
mod gc;
mod graph;
mod init;
mod job;
mod known;
mod ls;
mod materialize;
mod notify;
mod plan;
mod queue;
mod restore;
mod run;
mod runs;
mod schedule;
mod schema;
mod serve;
mod shell;
mod sources;
mod sql;
mod status;
mod validate;

pub use restore::help as help_with_backup;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::error::CliError;

pub fn run(cli: Cli) -> Result<(), CliError> {
    let context = Context::new(&cli.global);
    match cli.command {
        Command::Init(args) => init::run(&context, &args),
        Command::Validate => validate::run(&context),
        Command::Ls(args) => ls::run(&context, &args),
        Command::Graph(args) => graph::run(&context, &args),
        Command::Functions(args) => functions::run(&context, &args),
        Command::Schema(args) => schema::run(&args),
        Command::Sources(args) => sources::run(&context, &args),
        Command::Plan(args) => plan::run(&context, &args),
        Command::Materialize(args) => materialize::materialize(&context, &args),
        Command::Backfill(args) => materialize::backfill(&context, &args),
        Command::Explain(args) => explain::run(&context, &args),
        Command::Diff(args) => diff::run(&context, &args),
        Command::Status(args) => status::run(&context, &args),
        Command::Runs(args) => runs::run(&context, &args),
        Command::Check(args) => check::run(&context, &args),
        Command::Checks(args) => checks::run(&context, &args),
        Command::Sql(args) => sql::run(&context, &args),
        Command::Job(command) => job::run(&context, &command),
        Command::Schedule(command) => schedule::run(&context, &command),
        Command::Serve(args) => serve::run(&context, &args),
        Command::Queue(args) => queue::run(&context, &args),
        Command::Run(command) => run::run(&context, &command),
        Command::Notify(command) => notify::run(&context, &command),
        Command::Gc(args) => gc::run(&context, &args),
        Command::Backup(args) => backup::run(&context, &args),
        Command::Restore(args) => restore::run(&context, &args),
        Command::Completions { shell } => completions::run(shell),
    }
}
