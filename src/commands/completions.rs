//! `assetctl completions`.

use clap::CommandFactory;

use crate::args::Cli;
use crate::error::CliError;

pub fn run(shell: clap_complete::Shell) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "assetctl", &mut script);
    crate::report::text(&String::from_utf8_lossy(&script))
}
