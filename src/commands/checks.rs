//! `assetctl checks`: what checks have found, as far as it still stands.

use assetctl_calendar::{SessionRange, SessionSet};
use assetctl_config::Severity;
use assetctl_graph::AssetNode;
use assetctl_plan::ix_of;
use assetctl_store::{CheckOutcome, CheckResult, StoredCheck};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::args::Checks;
use crate::context::{Context, Loaded};
use crate::error::CliError;
use crate::report::{self, table};

/// How one check stands: the newest outcome of every session. `--format json` is a list of these.
#[derive(Debug, Serialize)]
pub struct Standing {
    pub asset: String,
    pub check: String,
    pub subject: String,
    pub severity: String,
    /// Sessions, by the newest outcome of each.
    pub passed: u32,
    pub warned: u32,
    pub failed: u32,
    /// When it was last run; `null` if it never was.
    pub at: Option<DateTime<Utc>>,
    /// What does not hold, by session.
    pub findings: Vec<StoredCheck>,
}

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
    let mut standings = standings(&loaded, &results, args.dates.from, args.dates.to);
    standings.retain(|standing| names.contains(&standing.asset.as_str()));
    if args.failed {
        standings.retain(|standing| !standing.findings.is_empty());
    }
    report::result(context.format, &standings, |standings| human(standings, args.failed))
}

/// How every check of the project stands, for the sessions between two dates; in the order of assets and of their checks, what making is by
/// itself first.
pub fn standings(
    loaded: &Loaded,
    results: &[StoredCheck],
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
) -> Vec<Standing> {
    let of_asset = |node: &AssetNode| -> Vec<(Standing, bool)> {
        let of_making = node
            .check_of_making()
            .map(|(check, severity)| (Standing::new(&node.name, check, String::new(), severity), false));
        let declared = node.checks.iter().map(|check| {
            (Standing::new(&node.name, check.form(), check.subject(), check.severity), check.freshness.is_some())
        });
        of_making.into_iter().chain(declared).collect()
    };
    let all = loaded.graph.nodes().iter().flat_map(|node| of_asset(node).into_iter().map(move |check| (node, check)));
    all.map(|(node, (mut standing, fresh))| {
        let mut covered = SessionSet::new();
        let is_asked = |date: NaiveDate| from.is_none_or(|from| date >= from) && to.is_none_or(|to| date <= to);
        // The newest first: what is older does not count where there is something newer.
        for stored in results.iter().rev() {
            let result = &stored.result;
            if result.asset != standing.asset || result.check != standing.check || result.subject != standing.subject {
                continue;
            }
            standing.at = standing.at.max(Some(stored.at));
            let (Some(first), Some(last)) = (ix_of(node, result.first), ix_of(node, result.last)) else { continue };
            let of_result = SessionSet::from_range(SessionRange { first, last }).difference(&covered);
            covered.insert(SessionRange { first, last });
            let asked = of_result.iter().filter(|ix| is_asked(assetctl_plan::date_of(node, *ix))).count() as u32;
            match result.outcome {
                _ if asked == 0 => {}
                CheckOutcome::Passed => standing.passed += asked,
                CheckOutcome::Warned => standing.warned += asked,
                CheckOutcome::Failed => standing.failed += asked,
            }
            if asked > 0 && result.outcome != CheckOutcome::Passed {
                standing.findings.push(stored.clone());
            }
            if fresh {
                // It is about the asset: only the newest says how it is.
                break;
            }
        }
        standing.findings.sort_by_key(|stored| stored.result.first);
        standing
    })
    .collect()
}

impl Standing {
    fn new(asset: &str, check: &str, subject: String, severity: Severity) -> Self {
        Self {
            asset: asset.to_owned(),
            check: check.to_owned(),
            subject,
            severity: severity.name().to_owned(),
            passed: 0,
            warned: 0,
            failed: 0,
            at: None,
            findings: Vec::new(),
        }
    }
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

fn human(standings: &[Standing], all: bool) -> String {
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
