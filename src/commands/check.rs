//! `assetctl check`: the checks, run on what is there; with `--look-ahead`, partitions made once more from their windows alone. Neither
//! writes a partition.

use std::sync::Arc;

use assetctl_execute::{AuditFinding, Audited, Cancel, RunEvent, audit, recheck};
use assetctl_store::{CheckOutcome, CheckResult, Store};

use super::checks;
use crate::args::{Check, Dates};
use crate::context::{Context, Loaded, Wish};
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
    if args.look_ahead { look_ahead(context, loaded, &store, args) } else { again(context, loaded, &store, args) }
}

/// The checks, run on what is there.
fn again(context: &Context, loaded: Loaded, store: &Store, args: &Check) -> Result<(), CliError> {
    let selected = loaded.select_by_state(&args.selecting, context.clock.now())?;
    let snapshot = store.snapshot()?;
    let graph = Arc::new(loaded.graph);
    let Dates { from, to } = args.dates;
    let mut results = Vec::new();
    for ix in graph.order().iter().copied().filter(|ix| selected.contains(ix)) {
        let checked = recheck(&graph, ix, &snapshot, from, to, context.clock.now(), &context.cancel())
            .map_err(|error| CliError::other(format!("running the checks of `{}`", graph.node(ix).name))(error))?;
        results.extend(checked.into_iter().flat_map(|checked| checked.results));
    }
    store.record_checks(None, context.clock.wall(), &results)?;
    let names = graph.names();
    if !results.is_empty() && !store.has_live_run()? {
        // The warehouse shows the history too.
        store.publish(Some(&names))?;
    }
    report::result(context.format, &results, |results| results_in_words(results))?;
    for result in results.iter().filter(|result| result.outcome != CheckOutcome::Passed) {
        context.tell(event(result));
    }
    let failed = results.iter().any(|result| result.outcome == CheckOutcome::Failed);
    if failed { Err(CliError::CheckFailed) } else { Ok(()) }
}

/// As whoever watches the job is told.
fn event(result: &CheckResult) -> RunEvent {
    let (asset, session) = (result.asset.clone(), result.first);
    let check = checks::label(&result.check, &result.subject);
    let message = result.message.clone().unwrap_or_default();
    match result.outcome {
        CheckOutcome::Failed => RunEvent::CheckFailed { asset, session, check, message },
        _ => RunEvent::CheckWarned { asset, session, check, message },
    }
}

/// A line for each check, then what does not hold.
fn results_in_words(results: &[CheckResult]) -> String {
    if results.is_empty() {
        return "no check to run\n".to_owned();
    }
    let mut shown = table::table(&["asset", "check", "severity", "passed#", "failed#", "rows at fault#"]);
    let mut lines: Vec<(String, [u64; 3])> = Vec::new();
    for result in results {
        let key = [result.asset.as_str(), &checks::label(&result.check, &result.subject), &result.severity].join("\t");
        let at = match lines.iter().position(|(known, _)| *known == key) {
            Some(at) => at,
            None => {
                lines.push((key, [0; 3]));
                lines.len() - 1
            }
        };
        let counts = &mut lines[at].1;
        counts[usize::from(result.outcome != CheckOutcome::Passed)] += u64::from(result.sessions);
        counts[2] += result.violations;
    }
    for (key, counts) in &lines {
        shown.add_row(key.split('\t').map(str::to_owned).chain(counts.iter().map(|count| table::thousands(*count))));
    }
    let mut text = table::render(&shown);
    let wrong: Vec<&CheckResult> = results.iter().filter(|result| result.outcome != CheckOutcome::Passed).collect();
    for result in wrong.iter().take(checks::SHOWN) {
        text.push_str(&checks::line(result));
    }
    if wrong.len() > checks::SHOWN {
        text.push_str(&format!("\n… and {} more: `assetctl checks --failed` shows all\n", wrong.len() - checks::SHOWN));
    }
    text
}

/// Partitions made once more.
fn look_ahead(context: &Context, loaded: Loaded, store: &Store, args: &Check) -> Result<(), CliError> {
    let snapshot = store.snapshot()?;
    let wish = Wish::of_stale(&args.selecting);
    let planned = loaded.plan(Some(store), Some(&snapshot), &wish, context.clock.now())?;
    let (project, graph) = (Arc::new(loaded.project), Arc::new(loaded.graph));
    let audited = audit(&project, &graph, store, &snapshot, &planned.plan, args.sessions.into(), &Cancel::default())
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
