//! `assetctl check --look-ahead`: partitions made once more from their windows alone. Writes nothing.

use std::sync::Arc;

use assetctl_execute::{AuditFinding, Audited, Cancel, audit};

use crate::args::{Check, Dates};
use crate::context::{Context, Wish};
use crate::error::CliError;
use crate::report::{self, table};

pub fn run(context: &Context, args: &Check) -> Result<(), CliError> {
    let loaded = context.load()?;
    let Some(store) = loaded.existing_store()? else {
        return Err(CliError::usage(
            "nothing was materialized yet, so there is nothing to check",
            Some("`assetctl materialize` first"),
        ));
    };
    let snapshot = store.snapshot()?;
    let wish = Wish { selecting: &args.selecting, dates: Dates { from: None, to: None }, only: false, force: false };
    let planned = loaded.plan(Some(&store), Some(&snapshot), &wish, context.clock.now())?;
    let (project, graph) = (Arc::new(loaded.project), Arc::new(loaded.graph));
    let audited =
        audit(&project, &graph, &store, &snapshot, &planned.plan, args.sessions.into(), &Cancel::default())
            .map_err(|(asset, error)| CliError::other(format!("making a session of `{asset}` once more"))(error))?;
    report::result(context.format, &audited, |audited| human(audited))?;
    if audited.iter().any(|asset| !asset.findings.is_empty()) { Err(CliError::CheckFailed) } else { Ok(()) }
}

fn human(audited: &[Audited]) -> String {
    let mut shown = table::table(&["asset", "kind", "sessions#", "result"]);
    for asset in audited {
        let result = match asset.findings.len() {
            0 if asset.sessions.is_empty() => "nothing up to date to check".to_owned(),
            0 => "the same, bit for bit".to_owned(),
            n => format!("{} came out otherwise", table::count(n as u64, "session")),
        };
        shown.add_row([asset.asset.clone(), asset.kind.to_owned(), asset.sessions.len().to_string(), result]);
    }
    let mut text = table::render(&shown);
    for asset in audited {
        for finding in asset.findings.iter().take(5) {
            text.push_str(&format!("\n{}@{}: {}", asset.asset, finding.session, what(finding)));
        }
        if !asset.findings.is_empty() {
            text.push_str(match asset.kind {
                "sql" => "\n  the query gives another result when run again: look for `random()`, the current time, `limit` without \
                          `order by`, or sums whose order is open\n",
                _ => "\n  the stored partition is not what its inputs give: `assetctl materialize --force` makes it anew\n",
            });
        }
    }
    text
}

fn what(finding: &AuditFinding) -> String {
    match &finding.columns {
        None => "other rows".to_owned(),
        Some(columns) => {
            format!("`{}` {}", columns.join("`, `"), if columns.len() == 1 { "differs" } else { "differ" })
        }
    }
}
