//! What a failed check means for a run: which sessions are committed, and which of the assets below are made.
//!
//! A session that an `error` is found in is not committed; the others of its batch are. What reads it waits, for those sessions and no
//! others: it would be made of what the check refused, or of what was there before and is no longer right. An asset whose sessions follow
//! from each other goes as far as to the first that is refused.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_compute::CheckFailure;
use assetctl_config::Severity;
use assetctl_graph::{AssetNode, Axis};
use chrono::NaiveDate;
use polars::prelude::*;

use crate::asset::Job;
use crate::checks::{self, Checked, Checking};
use crate::event::{AssetReport, RunEvent};
use crate::kinds::{Batch, Made, MakeError, Objection};

/// What checks say of a batch.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Sessions that were taken out of it.
    pub refused: Vec<NaiveDate>,
    pub complaints: Vec<Complaint>,
}

/// An error in one session, in words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    session: NaiveDate,
    message: String,
}

impl Complaint {
    /// The first of them, and how many sessions more there are.
    pub fn summary(complaints: &[Self]) -> Option<String> {
        let first = complaints.iter().min()?;
        let sessions: BTreeSet<NaiveDate> = complaints.iter().map(|complaint| complaint.session).collect();
        Some(match sessions.len() - 1 {
            0 => first.message.clone(),
            1 => format!("{}; 1 more session fails too", first.message),
            more => format!("{}; {more} more sessions fail too", first.message),
        })
    }
}

impl Verdict {
    /// Runs the checks of what a batch has made, records what they say, and takes what is refused out of it.
    pub fn of(job: &Job, batch: &Batch<'_>, made: &mut Made) -> Result<Self, MakeError> {
        let node = job.node();
        if node.checks.is_empty() && node.check_of_making().is_none() {
            return Ok(Self::default());
        }
        let mut sessions = made.sessions.clone();
        sessions.sort_unstable();
        let checking = Checking {
            graph: batch.graph,
            node,
            snapshot: batch.snapshot,
            frame: &made.frame,
            sessions: &sessions,
            committed: false,
            cancel: batch.cancel,
        };
        let checked = checks::run(&checking)?;
        let mut refused = checked.refused();
        let is_error = |objection: &&Objection| objection.severity == Severity::Error;
        refused.extend(made.objections.iter().filter(is_error).map(|objection| objection.failure.session));
        if let Some(first) = refused.first().copied().filter(|_| node.recursive) {
            refused.extend(sessions.iter().filter(|session| **session > first));
        }
        let mut results = checks::results(node, &checked, |session| !refused.contains(&session));
        let of_making = checks::results_of_making(node, &checked, &made.objections, &sessions, |session| {
            !refused.contains(&session)
        });
        results.extend(of_making);
        job.store.record_checks(Some(job.run), (job.clock)(), &results)?;
        warn(job, &checked, &made.objections);
        let complaint = |check: &str, failure: &CheckFailure| Complaint {
            session: failure.session,
            message: format!("check `{check}` fails: {}", failure.message),
        };
        let of_making = made.objections.iter().filter(is_error).map(|found| complaint(found.check, &found.failure));
        let of_checks = checked.findings.iter().filter(|finding| finding.severity == Severity::Error);
        let of_checks = of_checks.map(|found| complaint(node.checks[found.check].form(), &found.failure));
        let complaints = of_making.chain(of_checks).collect();
        if !refused.is_empty() {
            take_out(job, batch, made, &refused)?;
        }
        Ok(Self { refused: refused.into_iter().collect(), complaints })
    }
}

/// One event for each check that warns, of the first session, for there may be hundreds.
fn warn(job: &Job, checked: &Checked, objections: &[Objection]) {
    for (position, check) in job.node().checks.iter().enumerate() {
        let warned = |finding: &&checks::Finding| finding.check == position && finding.severity == Severity::Warn;
        warn_of(job, check.form(), checked.findings.iter().filter(warned).map(|finding| &finding.failure));
    }
    let mut by_check: BTreeMap<&str, Vec<&CheckFailure>> = BTreeMap::new();
    for objection in objections.iter().filter(|objection| objection.severity == Severity::Warn) {
        by_check.entry(objection.check).or_default().push(&objection.failure);
    }
    for (check, failures) in by_check {
        warn_of(job, check, failures.into_iter());
    }
}

fn warn_of<'a>(job: &Job, check: &str, failures: impl Iterator<Item = &'a CheckFailure>) {
    let failures: Vec<&CheckFailure> = failures.collect();
    let Some(first) = failures.iter().min_by_key(|failure| failure.session) else { return };
    let sessions: BTreeSet<NaiveDate> = failures.iter().map(|failure| failure.session).collect();
    let more = match sessions.len() - 1 {
        0 => String::new(),
        1 => "; 1 more session".to_owned(),
        more => format!("; {more} more sessions"),
    };
    job.tell(RunEvent::CheckWarned {
        asset: job.plan.asset.clone(),
        session: first.session,
        check: check.to_owned(),
        message: format!("{}{more}", first.message),
    });
}

fn take_out(job: &Job, batch: &Batch<'_>, made: &mut Made, refused: &BTreeSet<NaiveDate>) -> Result<(), MakeError> {
    let node = job.node();
    made.sessions.retain(|session| !refused.contains(session));
    made.lanes.retain(|session, _| !refused.contains(session));
    made.frame = match node.axis {
        Axis::Session => rows_but(&made.frame, refused)?,
        Axis::Static => DataFrame::empty(),
    };
    if let Some(carried) = &mut made.carried {
        carried.trace = rows_but(&carried.trace, refused)?;
        carried.checkpoints.retain(|(at, _)| !refused.contains(at));
    }
    if let Some(fetches) = &mut made.fetches {
        fetches.sessions.retain(|asked, _| !refused.contains(asked) || made.untaken.contains(asked));
    }
    if node.recursive && !made.sessions.is_empty() {
        // They would have followed from what is committed; the ledger must know that they did not.
        for session in refused {
            if batch.snapshot.partition(&job.plan.asset, *session)?.is_some() {
                made.dirty.push(*session);
            }
        }
    }
    Ok(())
}

/// The rows of all sessions but some.
fn rows_but(frame: &DataFrame, refused: &BTreeSet<NaiveDate>) -> Result<DataFrame, MakeError> {
    if frame.height() == 0 {
        return Ok(frame.clone());
    }
    let dates = frame.column("session")?.date()?.clone();
    let is_kept = |date: Option<NaiveDate>| Some(date.is_some_and(|date| !refused.contains(&date)));
    let mask: BooleanChunked = dates.as_date_iter().map(is_kept).collect_ca("mask".into());
    Ok(frame.filter(&mask)?)
}

/// Takes out of the sessions that are to be made those that can only follow what was refused.
pub fn leave_what_follows(node: &AssetNode, sessions: &mut Vec<NaiveDate>, report: &mut AssetReport) {
    if let Some(first) = report.refused.iter().min().copied().filter(|_| node.recursive) {
        report.refused.extend(sessions.iter().filter(|session| **session > first));
        sessions.retain(|session| *session < first);
    }
}
