//! The HTTP API of the daemon: what it tells, to whom, what it does, and what it does not let be done.

mod acts;
mod client;
mod events;
mod reads;
mod sql;

pub use client::{Answer, Served};

use crate::support::{Project, STAGES};

/// What the tests' actions need.
pub const TOKEN: &str = "correct-horse-battery";

/// The stages over the slice, all made; two jobs, of which one takes minutes, and a schedule.
pub fn project(api: &str) -> Project {
    let slow = "
  slow:
    kind: sql
    query: select instrument, close + 0 * (select sum(range) from range(400000000)) as slow from {{ ref('raw_bars') }}
";
    let project = Project::new();
    project.yaml(&format!("{STAGES}{slow}"));
    project.write(
        "schedules.yaml",
        format!(
            "jobs:
  sync:
    vars: {{ back: 5, names: {{ type: list, default: [] }} }}
    work: backfill
    select: completed_bars
    instruments: ${{names}}
    sessions: {{ last: \"${{back}}\" }}
  slow: {{ select: slow }}
schedules:
  close: {{ job: sync, on: session_close + 30m }}
  weekly: {{ job: slow, cron: 0 6 * * 6, zone: UTC, paused: true }}
{api}"
        ),
    );
    project.run(&["materialize", "--exclude", "slow"]).ok();
    project
}
