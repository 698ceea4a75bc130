//! `assetctl checks`: what checks have found, as far as it still stands.

use assetctl_serve::CheckStanding;
use assetctl_store::{CheckResult, StoredCheck};

use crate::args::Checks;
use crate::context::Context;
use crate::error::CliError;
use crate::report::{self, table};

/// Findings that are shown of each check, where they are not what was asked for.
pub const SHOWN: usize = 5;

pub fn run(context: &Context, args: &Checks) -> Result<(), CliError> {
    let loaded = context.load()?;
    let selected = loaded.select_by_state(&args.selecting, context.clock.now())?;
    let names: Vec<&str> = selected.iter().map(|ix| loaded.graph.node(*ix).name.as_str()).collect();
    let mut results = match loaded.existing_store()? {
        Some(store) => store.check_results()?,
        None => Vec::new(),
    };
    results.retain(|stored| names.contains(&stored.result.asset.as_str()));
    if args.history {
        let (from, to) = (args.dates.from, args.dates.to);
        results.retain(|StoredCheck { result, .. }| {
            from.is_none_or(|from| result.last >= from) && to.is_none_or(|to| result.first <= to)
        });
        return report::result(context.format, &results, |results| history(results));
    }
    let mut standings = loaded.view().standings(&results, args.dates.from, args.dates.to);
    standings.retain(|standing| names.contains(&standing.asset.as_str()));
    if args.failed {
        standings.retain(|standing| !standing.findings.is_empty());
    }
    report::result(context.format, &standings, |standings| human(standings, args.failed))
}

/// `range(close)`
pub fn label(check: &str, subject: &str) -> String {
    if subject.is_empty() { check.to_owned() } else { format!("{check}({subject})") }
}

/// A finding on a line of its own.
pub fn line(result: &CheckResult) -> String {
    let session =
        if result.first == assetctl_plan::STATIC_SESSION { String::new() } else { format!("@{}", result.first) };
    let message = result.message.as_deref().unwrap_or_default();
    let label = label(&result.check, &result.subject);
    format!("\n{}{session} {label} ({}): {message}\n", result.asset, result.severity)
}

fn human(standings: &[CheckStanding], all: bool) -> String {
    if standings.is_empty() {
        return if all { "everything that was checked holds\n" } else { "no checks are declared\n" }.to_owned();
    }
    let mut shown = table::table(&["asset", "check", "severity", "passed#", "failed#", "last run"]);
    for standing in standings {
        shown.add_row([
            standing.asset.clone(),
            label(&standing.check, &standing.subject),
            standing.severity.clone(),
            table::thousands(standing.passed.into()),
            table::thousands((standing.failed + standing.warned).into()),
            standing.at.map_or_else(|| "never".to_owned(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string()),
        ]);
    }
    let mut text = table::render(&shown);
    for standing in standings {
        let most = if all { usize::MAX } else { SHOWN };
        for stored in standing.findings.iter().take(most) {
            text.push_str(&line(&stored.result));
        }
        if standing.findings.len() > most {
            let more = table::count((standing.findings.len() - most) as u64, "more session");
            text.push_str(&format!(
                "\n… {more} of {}: `assetctl checks --failed --select {}`\n",
                label(&standing.check, &standing.subject),
                standing.asset
            ));
        }
    }
    text
}

fn history(results: &[StoredCheck]) -> String {
    if results.is_empty() {
        return "no check was ever run here\n".to_owned();
    }
    let mut shown =
        table::table(&["run#", "at", "asset", "check", "outcome", "first", "last", "sessions#", "rows at fault#"]);
    for StoredCheck { run, at, result } in results {
        shown.add_row([
            run.map_or_else(String::new, |run| run.0.to_string()),
            at.format("%Y-%m-%d %H:%M UTC").to_string(),
            result.asset.clone(),
            label(&result.check, &result.subject),
            result.outcome.name().to_owned(),
            result.first.to_string(),
            result.last.to_string(),
            result.sessions.to_string(),
            table::thousands(result.violations),
        ]);
    }
    table::render(&shown)
}
