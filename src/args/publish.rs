//! `assetctl publish`.

use clap::{Args, Subcommand};

use super::Selecting;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Publish {
    #[command(subcommand)]
    pub command: Option<PublishCommand>,
    /// To this sink alone
    #[arg(long, value_name = "SINK")]
    pub to: Option<String>,
    #[command(flatten)]
    pub selecting: Selecting,
    /// Write also what the sinks have already
    #[arg(long)]
    pub again: bool,
}

#[derive(Debug, Subcommand)]
pub enum PublishCommand {
    /// Show how far each sink is behind, and what failed last
    Status(PublishStatus),
}

#[derive(Debug, Args)]
pub struct PublishStatus {
    /// Of this sink alone
    #[arg(long, value_name = "SINK")]
    pub to: Option<String>,
    #[command(flatten)]
    pub selecting: Selecting,
}
