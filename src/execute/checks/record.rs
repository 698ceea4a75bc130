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
        let blank = CheckResult {
            asset: node.name.clone(),
            check: check.form().to_owned(),
            subject: check.subject(),
            severity: check.severity.name().to_owned(),
            outcome: CheckOutcome::Passed,
            first: NaiveDate::MIN,
            last: NaiveDate::MIN,
            sessions: 1,
            rows: 0,
            violations: 0,
            message: None,
            sample: Vec::new(),
        };
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
        let passed: Vec<NaiveDate> = judged
            .iter()
            .copied()
            .filter(|session| !at_fault.contains_key(session) && counts(*session))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        for (first, last) in runs(node, &passed) {
            let within: Vec<u64> =
                passed.iter().filter(|session| (first..=last).contains(*session)).map(rows).collect();
            all.push(CheckResult {
                first,
                last,
                sessions: within.len() as u32,
                rows: within.iter().sum(),
                ..blank.clone()
            });
        }
        all.extend(at_fault.into_values());
    }
    all
}

/// The result of what was found wrong while rows were made.
pub fn objected(node: &AssetNode, checked: &Checked, objection: &Objection) -> CheckResult {
    let failure = &objection.failure;
    CheckResult {
        asset: node.name.clone(),
        check: objection.check.to_owned(),
        subject: String::new(),
        severity: objection.severity.name().to_owned(),
        outcome: at_fault_as(objection.severity),
        first: failure.session,
        last: failure.session,
        sessions: 1,
        rows: checked.rows.get(&failure.session).copied().unwrap_or(0),
        violations: failure.rows,
        message: Some(failure.message.clone()),
        sample: sample(failure).collect(),
    }
}

fn at_fault_as(severity: Severity) -> CheckOutcome {
    if severity == Severity::Error { CheckOutcome::Failed } else { CheckOutcome::Warned }
}

fn sample(failure: &CheckFailure) -> impl Iterator<Item = CheckSample> {
    failure.sample.iter().map(|sample| CheckSample { row: sample.row.clone(), value: sample.value.clone() })
}
