//! Outcomes as the ledger keeps them.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_compute::CheckFailure;
use assetctl_config::Severity;
use assetctl_graph::AssetNode;
use assetctl_store::{CheckOutcome, CheckResult, CheckSample};
use chrono::NaiveDate;

use super::Checked;
use crate::kinds::{Objection, runs};

/// One result for each session that failed a check, one for each run of consecutive sessions that passed it. Of the sessions that passed,
/// those that `counts` are told of: what is not kept has not passed.
pub fn results(node: &AssetNode, checked: &Checked, counts: impl Fn(NaiveDate) -> bool) -> Vec<CheckResult> {
    let rows = |session: &NaiveDate| checked.rows.get(session).copied().unwrap_or(0);
    let mut all = Vec::new();
    for (position, judged) in &checked.judged {
        let Some(check) = node.checks.get(*position) else { continue };
        let blank = blank(node, check.form(), check.subject(), check.severity);
        // Several columns of one check may fail in one session.
        let mut at_fault: BTreeMap<NaiveDate, CheckResult> = BTreeMap::new();
        for finding in checked.findings.iter().filter(|finding| finding.check == *position) {
            let failure = &finding.failure;
            let result = at_fault.entry(failure.session).or_insert_with(|| CheckResult {
                outcome: at_fault_as(finding.severity),
                first: failure.session,
                last: failure.session,
                rows: rows(&failure.session),
                ..blank.clone()
            });
            result.violations += failure.rows;
            result.message = Some(match result.message.take() {
                Some(message) => format!("{message}; {}", failure.message),
                None => failure.message.clone(),
            });
            result.sample.extend(sample(failure));
        }
        let held = judged.iter().filter(|session| !at_fault.contains_key(session) && counts(**session));
        all.extend(passed(node, checked, &blank, held));
        all.extend(at_fault.into_values());
    }
    all
}

/// Of consecutive sessions that passed, one result.
fn passed<'a>(
    node: &AssetNode,
    checked: &Checked,
    blank: &CheckResult,
    sessions: impl Iterator<Item = &'a NaiveDate>,
) -> Vec<CheckResult> {
    let rows = |session: &NaiveDate| checked.rows.get(session).copied().unwrap_or(0);
    let passed: Vec<NaiveDate> = sessions.copied().collect::<BTreeSet<_>>().into_iter().collect();
    let result = |(first, last): (NaiveDate, NaiveDate)| {
        let within: Vec<u64> = passed.iter().filter(|session| (first..=last).contains(*session)).map(rows).collect();
        CheckResult { first, last, sessions: within.len() as u32, rows: within.iter().sum(), ..blank.clone() }
    };
    runs(node, &passed).into_iter().map(result).collect()
}

/// The results of the check that making the rows of `sessions` was by itself; none where there is no such check. `counts` as in [`results`].
pub fn results_of_making(
    node: &AssetNode,
    checked: &Checked,
    objections: &[Objection],
    sessions: &[NaiveDate],
    counts: impl Fn(NaiveDate) -> bool,
) -> Vec<CheckResult> {
    let Some((check, severity)) = node.check_of_making() else { return Vec::new() };
    let blank = blank(node, check, String::new(), severity);
    let at_fault: BTreeSet<NaiveDate> = objections.iter().map(|objection| objection.failure.session).collect();
    let held = sessions.iter().filter(|session| !at_fault.contains(session) && counts(**session));
    let mut all = passed(node, checked, &blank, held);
    all.extend(objections.iter().map(|Objection { failure, .. }| CheckResult {
        outcome: at_fault_as(severity),
        first: failure.session,
        last: failure.session,
        rows: checked.rows.get(&failure.session).copied().unwrap_or(0),
        violations: failure.rows,
        message: Some(failure.message.clone()),
        sample: sample(failure).collect(),
        ..blank.clone()
    }));
    all
}

/// A check that passed no session yet.
fn blank(node: &AssetNode, check: &str, subject: String, severity: Severity) -> CheckResult {
    CheckResult {
        asset: node.name.clone(),
        check: check.to_owned(),
        subject,
        severity: severity.name().to_owned(),
        outcome: CheckOutcome::Passed,
        first: NaiveDate::MIN,
        last: NaiveDate::MIN,
        sessions: 1,
        rows: 0,
        violations: 0,
        message: None,
        sample: Vec::new(),
    }
}

fn at_fault_as(severity: Severity) -> CheckOutcome {
    if severity == Severity::Error { CheckOutcome::Failed } else { CheckOutcome::Warned }
}

fn sample(failure: &CheckFailure) -> impl Iterator<Item = CheckSample> {
    failure.sample.iter().map(|sample| CheckSample { row: sample.row.clone(), value: sample.value.clone() })
}
