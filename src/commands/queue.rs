//! `assetctl queue`: what waits, runs, and has ended.

use assetctl_serve::Queue;
use assetctl_store::{RequestRow, RequestStatus};

use crate::args;
use crate::context::Context;
use crate::error::CliError;
use crate::report::{self, instant, table};

pub fn run(context: &Context, args: &args::Queue) -> Result<(), CliError> {
    let queue = match context.existing_store()? {
        Some(store) => assetctl_serve::queue(&store, args.limit as usize)?,
        None => Queue::default(),
    };
    report::result(context.format, &queue, human)
}

fn human(queued: &Queue) -> String {
    let mut text = match &queued.daemon {
        Some(daemon) => format!("the daemon is {} since {}\n", daemon.who, instant(daemon.since)),
        None => "no daemon is there: nothing runs until `assetctl serve`\n".to_owned(),
    };
    if queued.requests.is_empty() {
        text.push_str("nothing was ever queued\n");
        return text;
    }
    let mut shown = table::table(&["request#", "job", "status", "when", "attempt#", "runs", "why"]);
    for row in &queued.requests {
        let runs: Vec<String> = row.runs.iter().map(u64::to_string).collect();
        shown.add_row([
            row.id.to_string(),
            row.job.clone(),
            row.status.name().to_owned(),
            when(row),
            row.attempt.to_string(),
            runs.join(" "),
            row.error.as_ref().unwrap_or(&row.why).lines().next().unwrap_or_default().to_owned(),
        ]);
    }
    text.push('\n');
    text.push_str(&table::render(&shown));
    text
}

/// Since when it is as it is, or when it goes on.
fn when(row: &RequestRow) -> String {
    match (row.status, row.not_before, row.finished_at.or(row.started_at)) {
        (RequestStatus::Queued, Some(at), _) => format!("not before {}", instant(at)),
        (RequestStatus::Queued | RequestStatus::Paused, None, _) => format!("since {}", instant(row.created_at)),
        (RequestStatus::Running, _, Some(at)) => format!("since {}", instant(at)),
        (_, _, Some(at)) => instant(at),
        _ => instant(row.created_at),
    }
}
