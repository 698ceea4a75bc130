//! What of one asset's work has to do with asking: answers that are spooled, what came of them, and what waits for others.

use std::collections::BTreeSet;
use std::path::PathBuf;

use assetctl_connect::Progress;
use assetctl_plan::{StaleReason, readers_of};
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

    /// Puts what a batch left undone into the report.
    pub(super) fn note(&self, made: &mut Made, report: &mut AssetReport) {
        report.untaken.append(&mut made.untaken);
        report.waits.append(&mut made.waits);
        for note in std::mem::take(&mut made.notes) {
            self.tell(RunEvent::Noted { asset: self.plan.asset.clone(), note: note.clone() });
            report.notes.push(note);
        }
    }

    /// The folder of a batch's answers. They are good until another session becomes final: from then on they would be asked for again.
    pub(super) fn spool(&self, sessions: &[NaiveDate]) -> Result<Option<PathBuf>, JobError> {
        let (Some(_), Some(first), Some(last)) = (&self.fetcher, sessions.first(), self.plan.last) else {
            return Ok(None);
        };
        Ok(Some(self.store.spool(&self.plan.asset, &last.to_string(), &first.to_string())?))
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
