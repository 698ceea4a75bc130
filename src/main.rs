//! `assetctl`: parse, run, exit code.

mod args;
mod clock;
mod commands;
mod context;
mod error;
mod outbox;
mod report;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Color};

/// Batches take and give back the same large blocks over and over: the system's allocator returns them to the kernel each time,
/// which then clears them page by page, for up to half of the time that computing takes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.global.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    start_log(&cli);
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::diagnostics::show(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Logs go to standard error; silent unless asked for.
fn start_log(cli: &Cli) {
    let level = match (cli.global.quiet, cli.global.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info,assetctl=info",
        (false, _) => "debug",
    };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(level))
        .with_writer(std::io::stderr)
        .with_ansi(matches!(
            anstream::AutoStream::choice(&std::io::stderr()),
            anstream::ColorChoice::Always | anstream::ColorChoice::AlwaysAnsi
        ))
        .init();
}
