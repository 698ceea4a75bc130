//! For which instruments the state after a session differs from what was there.

use std::collections::BTreeSet;

use assetctl_calendar::SessionIx;
use assetctl_compute::{State, WindowAxis};
use assetctl_plan::date_of;
use assetctl_store::Lanes;
use chrono::NaiveDate;

use super::differs::Differs;
use super::step::Step;
use super::walk::Walk;
use crate::kinds::MakeError;
use crate::kinds::columns::states;
use crate::kinds::columns::trace::Trace;

impl Walk<'_> {
    /// Notes for which instruments the state after a session differs from what was there. `exact` are those of which a checkpoint
    /// says so, with those that it was asked for.
    pub(super) fn compare(
        &mut self,
        ix: SessionIx,
        session: NaiveDate,
        need: &Lanes,
        (new, old): (&Trace<'_>, &Trace<'_>),
        exact: Option<(&BTreeSet<String>, &Lanes)>,
    ) {
        // Over traded bars the bars that windows still read are carried too, of which a checkpoint knows nothing.
        let is_final = self.columns.axis == WindowAxis::Calendar;
        let stale = self.stale.get(&ix);
        if is_final && matches!(exact, Some((_, Lanes::All))) {
            self.differs.unseen = None;
        } else {
            if !old.knows(session) {
                self.differs.everything = Some(ix);
            }
            if !old.knows(session) || matches!(stale, Some(Lanes::All)) {
                self.differs.lose_sight();
            }
        }
        let present = || new.names(session).chain(old.names(session));
        if let Some(seen) = &mut self.differs.unseen {
            seen.extend(present().map(str::to_owned));
        }
        let mut names: BTreeSet<String> = match need {
            Lanes::All => present().map(str::to_owned).collect(),
            Lanes::Some(need) => need.clone(),
        };
        let before = SessionIx(ix.0.saturating_sub(1));
        let differed = |name: &String, differs: &Differs| differs.instruments.get(name) == Some(&before);
        let of_stale = match stale {
            Some(Lanes::Some(lanes)) => lanes.clone(),
            Some(Lanes::All) | None => BTreeSet::new(),
        };
        names.extend(of_stale.iter().cloned());
        names.extend(self.differs.instruments.keys().filter(|name| differed(name, &self.differs)).cloned());
        names.extend(exact.into_iter().flat_map(|(differs, _)| differs.iter().cloned()));
        for name in names {
            let exactly = exact.map(|(differs, _)| differs.contains(&name));
            let differs = match (new.get(session, &name), old.get(session, &name)) {
                _ if is_final && exactly.is_some() => exactly == Some(true),
                // Without a row it leaves no trace: what differed still does, until a checkpoint shows that it does not.
                (None, None) => exactly == Some(true) || differed(&name, &self.differs) || of_stale.contains(&name),
                (is, was) => is != was,
            };
            if differs {
                self.differs.instruments.insert(name, ix);
            }
        }
    }

    /// A checkpoint says of every instrument whether its state differs, also of those without a row. `None` without one, and none
    /// within if its file is gone: then it has to be replaced, as it has if any state differs.
    pub(super) fn compare_checkpoint(
        &self,
        ix: SessionIx,
        step: &Step,
    ) -> Result<Option<Option<BTreeSet<String>>>, MakeError> {
        let node = self.batch.node;
        let Some((_, new)) = step.states().find(|(at, _)| *at == ix) else { return Ok(None) };
        let Some(frame) = self.batch.snapshot.checkpoint(&node.name, date_of(node, ix))? else { return Ok(Some(None)) };
        let old = State::from_frame(&self.columns.program, &frame)?;
        let mut differs = states::differing(new, &old);
        differs.retain(|name| match &step.wanted {
            Lanes::All => true,
            Lanes::Some(wanted) => wanted.contains(name),
        });
        Ok(Some(Some(differs)))
    }
}
