//! What became of a run, for people.

use assetctl_execute::{AssetReport, AssetStatus, RunReport};
use assetctl_plan::STATIC_SESSION;
use chrono::NaiveDate;

use super::diagnostics;
use super::table::{count, render, table, thousands};

pub fn human(report: &RunReport) -> String {
    let mut rows = table(&["asset", "outcome", "ran#", "changed#", "rows#", "computed#", "seconds#"]);
    for asset in &report.assets {
        rows.add_row([
            asset.asset.clone(),
            outcome(asset).to_owned(),
            ran(asset),
            asset.changed.to_string(),
            thousands(asset.rows),
            thousands(asset.computed),
            format!("{:.2}", asset.seconds),
        ]);
    }
    let mut text = if report.assets.is_empty() { String::new() } else { render(&rows) };
    for asset in report.assets.iter().filter(|asset| asset.dropped > 0) {
        let dropped = count(asset.dropped, "partition");
        text.push_str(&format!("{}: {dropped} dropped, no longer part of the asset\n", asset.asset));
    }
    for asset in report.assets.iter().filter(|asset| !asset.metrics.is_empty()) {
        let metrics: Vec<String> = asset.metrics.iter().map(|(name, value)| format!("{name} {value}")).collect();
        text.push_str(&format!("\n{}: {}\n", asset.asset, metrics.join(", ")));
    }
    for asset in &report.assets {
        text.push_str(&waits(asset));
    }
    for asset in &report.assets {
        if let Some(mistakes) = &asset.mistakes {
            text.push('\n');
            text.push_str(&diagnostics::connect(&asset.asset, mistakes, "what was committed before is kept"));
        } else if let Some(error) = &asset.error {
            text.push_str(&format!("\n{}: {}\n", asset.asset, error));
        }
    }
    text
}

/// One line for each reason: `raw_bars waits: 2 sessions (2024-03-14…2024-03-15): no rows came`.
fn waits(asset: &AssetReport) -> String {
    let mut by_reason: Vec<(&str, Vec<NaiveDate>)> = Vec::new();
    for (session, reason) in &asset.waits {
        match by_reason.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, sessions)) => sessions.push(*session),
            None => by_reason.push((reason, vec![*session])),
        }
    }
    let line = |(reason, sessions): (&str, Vec<NaiveDate>)| {
        let dates = super::plan::span(&sessions);
        format!("{} waits: {} ({dates}): {reason}\n", asset.asset, count(sessions.len() as u64, "session"))
    };
    by_reason.into_iter().map(line).collect()
}

fn ran(asset: &AssetReport) -> String {
    if asset.ran == [STATIC_SESSION] { "table".into() } else { asset.ran.len().to_string() }
}

pub fn outcome(asset: &AssetReport) -> &'static str {
    match asset.status {
        AssetStatus::Ok => "ok",
        AssetStatus::Unchanged => "unchanged",
        AssetStatus::Failed if asset.check_failed => "check failed",
        AssetStatus::Failed => "failed",
        AssetStatus::Waits => "waits",
        AssetStatus::Blocked => "blocked",
        AssetStatus::Cancelled => "cancelled",
    }
}

/// One line for the end of a run.
pub fn summary(report: &RunReport) -> String {
    let ran: u64 = report.assets.iter().map(|asset| asset.ran.len() as u64).sum();
    let changed: u64 = report.assets.iter().map(|asset| u64::from(asset.changed)).sum();
    let how = if report.cancelled {
        "cancelled"
    } else if report.failed() {
        "failed"
    } else {
        "done"
    };
    format!("run {} {how}: {} recomputed, {} changed", report.run, count(ran, "partition"), thousands(changed))
}
