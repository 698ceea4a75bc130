//! A plan for people.

use assetctl_plan::{Plan, STATIC_SESSION, StaleRange};
use chrono::NaiveDate;

use super::table::{count, render, table, thousands};

/// Ranges that one asset shows before the rest are summed up.
const MOST_RANGES: usize = 6;

pub fn human(plan: &Plan) -> String {
    let mut text = String::new();
    if plan.assets.iter().any(|asset| !asset.is_empty()) {
        let mut rows = table(&["asset", "kind", "stale#", "sessions", "why"]);
        for asset in plan.assets.iter().filter(|asset| !asset.is_empty()) {
            let mut name = asset.asset.as_str();
            for range in asset.stale.iter().take(MOST_RANGES) {
                let sessions =
                    if range.certain { range.sessions.to_string() } else { format!("≤ {}", range.sessions) };
                let kind = if name.is_empty() { "" } else { asset.kind };
                rows.add_row([name, kind, &sessions, &dates(range), &range.reason.to_string()]);
                name = "";
            }
            if asset.stale.len() > MOST_RANGES {
                let rest = &asset.stale[MOST_RANGES..];
                let sessions: u32 = rest.iter().map(|range| range.sessions).sum();
                let most = if rest.iter().any(|range| !range.certain) { "≤ " } else { "" };
                let more = format!("… and {} (--format json shows all)", count(rest.len() as u64, "more range"));
                rows.add_row(["", "", &format!("{most}{sessions}"), &more, ""]);
            }
            if !asset.obsolete.is_empty() {
                let gone = asset.obsolete.len().to_string();
                rows.add_row([
                    name,
                    if name.is_empty() { "" } else { asset.kind },
                    &gone,
                    &span(&asset.obsolete),
                    "no longer part of the asset: dropped",
                ]);
            }
        }
        text.push_str(&render(&rows));
        text.push('\n');
    }
    for asset in &plan.assets {
        for range in &asset.blocked {
            let sessions = count(range.sessions, "session");
            let dates = if range.first == range.last {
                range.first.to_string()
            } else {
                format!("{}…{}", range.first, range.last)
            };
            text.push_str(&format!("{} waits: {sessions} ({dates}): {}\n", asset.asset, range.reason));
        }
    }
    text.push_str(&summary(plan));
    text.push('\n');
    text
}

/// One line: what a run would do.
pub fn summary(plan: &Plan) -> String {
    let stale = plan.certain();
    let possible = plan.possible();
    let obsolete: u64 = plan.assets.iter().map(|asset| asset.obsolete.len() as u64).sum();
    if plan.is_empty() {
        return format!("{} up to date", count(plan.assets.len() as u64, "asset"));
    }
    let mut parts = vec![format!("{} stale", count(stale, "partition"))];
    if possible > 0 {
        parts.push(format!("up to {} more if what they read comes out different", thousands(possible.into())));
    }
    if obsolete > 0 {
        parts.push(format!("{} to drop", count(obsolete, "partition")));
    }
    parts.join(", ")
}

fn dates(range: &StaleRange) -> String {
    match (range.first, range.last) {
        (STATIC_SESSION, _) => "the table".into(),
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}…{last}"),
    }
}

/// The first and the last of ascending dates.
pub fn span(dates: &[NaiveDate]) -> String {
    match dates {
        [] => String::new(),
        [one] => one.to_string(),
        [first, .., last] => format!("{first}…{last}"),
    }
}
