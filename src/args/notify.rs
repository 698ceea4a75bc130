//! `assetctl notify`.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Notify {
    /// List observers: of what they tell, and whether they can
    List,
    /// Send a made-up event by an observer, and show what the server says to it
    Test(NotifyTest),
    /// Show messages, the newest first: what was sent, what waits, what was given up
    History(NotifyHistory),
    /// Send what waits and is due, once
    Send,
}

#[derive(Debug, Args)]
pub struct NotifyTest {
    /// The observer
    pub name: String,
}

#[derive(Debug, Args)]
pub struct NotifyHistory {
    /// How many messages
    #[arg(long, short = 'n', default_value_t = 20, value_name = "N")]
    pub limit: u32,
}
