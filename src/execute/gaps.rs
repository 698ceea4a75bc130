//! Bars that are missing: found while they are completed, told and remembered as a check is.

use std::collections::BTreeMap;

use assetctl_config::Severity;
use assetctl_graph::AssetNode;
use assetctl_store::{CheckOutcome, CheckResult};
use chrono::NaiveDate;

use crate::kinds::runs;

/// What it is called among the checks.
pub const FORM: &str = "missing";
/// Instruments of one session that a message names.
const NAMED: usize = 10;

/// The gaps of the sessions that were made.
#[derive(Debug, Clone)]
pub struct Gaps {
    pub severity: Severity,
    /// How many bars of a session are missing, and what to say of it.
    pub found: BTreeMap<NaiveDate, (u64, String)>,
}

impl Gaps {
    /// From (session, instrument) of each bar that is missing.
    pub fn new(severity: Severity, missing: &[(NaiveDate, String)]) -> Self {
        let mut by_session: BTreeMap<NaiveDate, Vec<&str>> = BTreeMap::new();
        for (session, instrument) in missing {
            by_session.entry(*session).or_default().push(instrument);
        }
        let found =
            by_session.into_iter().map(|(session, names)| (session, (names.len() as u64, said(session, &names))));
        Self { severity, found: found.collect() }
    }

    /// As the ledger keeps them: one result for each session with a gap, one for each run of consecutive sessions without. Of these,
    /// those that `counts` are told of.
    pub fn results(
        &self,
        node: &AssetNode,
        rows: &BTreeMap<NaiveDate, u64>,
        sessions: &[NaiveDate],
        counts: impl Fn(NaiveDate) -> bool,
    ) -> Vec<CheckResult> {
        let rows = |session: &NaiveDate| rows.get(session).copied().unwrap_or(0);
        let result = |first: NaiveDate, last: NaiveDate, within: &[NaiveDate]| CheckResult {
            asset: node.name.clone(),
            check: FORM.to_owned(),
            subject: "bars".to_owned(),
            severity: self.severity.name().to_owned(),
            outcome: CheckOutcome::Passed,
            first,
            last,
            sessions: within.len() as u32,
            rows: within.iter().map(rows).sum(),
            violations: 0,
            message: None,
            sample: Vec::new(),
        };
        let without = |session: &NaiveDate| !self.found.contains_key(session) && counts(*session);
        let passed: Vec<NaiveDate> = sessions.iter().copied().filter(without).collect();
        let passed = runs(node, &passed).into_iter().map(|(first, last)| {
            let within: Vec<NaiveDate> = passed.iter().copied().filter(|day| (first..=last).contains(day)).collect();
            result(first, last, &within)
        });
        let failed = self.found.iter().map(|(session, (missing, message))| CheckResult {
            outcome: match self.severity {
                Severity::Error => CheckOutcome::Failed,
                Severity::Warn => CheckOutcome::Warned,
            },
            violations: *missing,
            message: Some(message.clone()),
            ..result(*session, *session, &[*session])
        });
        passed.chain(failed).collect()
    }
}

fn said(session: NaiveDate, instruments: &[&str]) -> String {
    let named: Vec<String> = instruments.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = match instruments.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let is = if instruments.len() == 1 { "has no bar and is" } else { "have no bar and are" };
    format!("{}{more} {is} not known to be suspended on {session}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_counted_and_the_first_are_named() {
        let day = NaiveDate::from_ymd_opt(2024, 1, 2).unwrap();
        let missing: Vec<(NaiveDate, String)> = (0..12).map(|at| (day, format!("s{at:02}"))).collect();
        let gaps = Gaps::new(Severity::Error, &missing);
        let (bars, message) = &gaps.found[&day];
        assert_eq!(*bars, 12);
        assert!(message.ends_with("`s09` and 2 more have no bar and are not known to be suspended on 2024-01-02"));
        let one = Gaps::new(Severity::Error, &missing[..1]);
        assert_eq!(one.found[&day].1, "`s00` has no bar and is not known to be suspended on 2024-01-02");
    }
}
