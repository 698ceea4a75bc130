//! What of one asset's work has to do with asking: answers that are spooled, what came of them, and what waits for others.

use std::collections::BTreeSet;
use std::path::PathBuf;

use assetctl_connect::Progress;
use assetctl_plan::{StaleReason, announced_readers_of, ix_of, readers_of};
use assetctl_store::LASTING;
use chrono::NaiveDate;

use super::{Job, JobError};
use crate::event::{AssetReport, RunEvent};
use crate::kinds::Made;

/// Sessions that an input could not make yet.
pub struct Missing {
    /// Its position in the graph.
    pub input: usize,
    pub sessions: BTreeSet<NaiveDate>,
    /// Why what reads them waits.
    pub reason: String,
}

impl Job {
    /// Takes the sessions out that read what an input could not make yet.
    pub(super) fn leave_what_waits(&self, sessions: &mut Vec<NaiveDate>, report: &mut AssetReport) {
        for missing in &self.missing {
            let waiting = readers_of(&self.graph, self.plan.node, missing.input, &missing.sessions, sessions);
            sessions.retain(|session| !waiting.contains(session));
            report.waits.extend(waiting.into_iter().map(|session| (session, missing.reason.clone())));
        }
    }

    /// Notes what would have been made again from what an input could not make, or must not keep: it is as it was, and no news of it.
    pub(super) fn note_what_waits(&self, report: &mut AssetReport) {
        let done: BTreeSet<NaiveDate> = report
            .ran
            .iter()
            .chain(&report.untaken)
            .chain(&report.refused)
            .chain(report.waits.keys())
            .copied()
            .collect();
        for missing in &self.missing {
            let waiting = announced_readers_of(&self.graph, &self.plan, missing.input, &missing.sessions, &done);
            for session in waiting {
                report.waits.entry(session).or_insert_with(|| missing.reason.clone());
            }
        }
    }

    /// Puts what a batch left undone into the report.
    pub(super) fn note(&self, made: &mut Made, report: &mut AssetReport) {
        report.untaken.append(&mut made.untaken);
        report.waits.append(&mut made.waits);
        for note in std::mem::take(&mut made.notes) {
            self.tell(RunEvent::Noted { asset: self.plan.asset.clone(), note: note.clone() });
            report.notes.push(note);
        }
    }

    /// The folder of a batch's answers. Those that the look-back may ask for again are good until another session becomes final.
    pub(super) fn spool(&self, sessions: &[NaiveDate]) -> Result<Option<PathBuf>, JobError> {
        let (Some(_), Some(first), Some(last), Some(newest)) =
            (&self.fetcher, sessions.first(), sessions.last(), self.plan.last)
        else {
            return Ok(None);
        };
        let asked = self.observation.as_ref().and_then(|seen| seen.asked.as_ref());
        let position = |date| ix_of(self.node(), date).map_or(0, |ix| u64::from(ix.0));
        let lasts = position(*last) + asked.map_or(0, |asked| u64::from(asked.lookback)) < position(newest);
        let mark = if lasts { LASTING.to_owned() } else { newest.to_string() };
        Ok(Some(self.store.spool(&self.plan.asset, &mark, &first.to_string())?))
    }

    /// Who forces wants new answers, and not those that an earlier run left.
    pub(super) fn forget_answers_if_forced(&self) -> Result<(), JobError> {
        let forced = self.plan.stale.iter().any(|range| range.reason == StaleReason::Forced);
        if forced && self.fetcher.is_some() {
            self.store.discard_spool(&self.store.layout().spool(&self.plan.asset))?;
        }
        Ok(())
    }

    pub(super) fn tell_progress(&self, progress: Progress) {
        let Progress { done, of, rows, bytes, waits } = progress;
        self.tell(RunEvent::Asking { asset: self.plan.asset.clone(), done, of, rows, bytes, waits });
    }
}
