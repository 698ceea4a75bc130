//! What a walk knows of where the new states differ from what was there.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_calendar::SessionIx;
use assetctl_store::Lanes;

/// Where the new state differs from what was there.
#[derive(Debug, Clone, Default)]
pub(super) struct Differs {
    /// The newest session after which an instrument's state does.
    pub(super) instruments: BTreeMap<String, SessionIx>,
    /// The newest session after which all must be taken to.
    pub(super) everything: Option<SessionIx>,
    /// Instruments without a row leave no trace. While what became of their states is not known, each is taken to start otherwise
    /// when it has a row again; those that had one since are here. `None` when nothing is unknown.
    pub(super) unseen: Option<BTreeSet<String>>,
}

impl Differs {
    /// From a session on nothing is known of instruments without a row.
    pub(super) fn lose_sight(&mut self) {
        self.unseen.get_or_insert_default();
    }

    /// Instruments that have a row on session `at`: one that is in sight again may have started it otherwise.
    pub(super) fn sight<'n>(&mut self, at: SessionIx, names: impl Iterator<Item = &'n str>) {
        let Some(seen) = &mut self.unseen else { return };
        let before = SessionIx(at.0.saturating_sub(1));
        for name in names {
            if seen.insert(name.to_owned()) {
                let known = self.instruments.entry(name.to_owned()).or_insert(before);
                *known = before.max(*known);
            }
        }
    }

    /// The instruments that session `at` starts otherwise than it did, with values of the past read `back` sessions back.
    pub(super) fn carried_into(&self, at: SessionIx, back: u32) -> Lanes {
        let reaches = |from: SessionIx| from.0 + 1 + back >= at.0;
        if self.everything.is_some_and(reaches) {
            return Lanes::All;
        }
        Lanes::Some(self.instruments.iter().filter(|(_, at)| reaches(**at)).map(|(name, _)| name.clone()).collect())
    }
}
