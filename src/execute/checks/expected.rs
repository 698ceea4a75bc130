//! How many rows each session should have.

use std::collections::{BTreeMap, HashSet};

use assetctl_calendar::{SessionClock, Stamp};
use assetctl_compute::Listing;
use assetctl_config::BarStamp;
use assetctl_graph::Body;
use assetctl_plan::{STATIC_SESSION, ix_of};
use chrono::NaiveDate;
use polars::prelude::DataFrame;

use super::{Checking, rows_of};
use crate::kinds::MakeError;
use crate::kinds::universe::members_of;

/// The times of all bars of each session, where the asset has bars of a known length within sessions.
pub fn bars(checking: &Checking<'_>) -> Option<BTreeMap<NaiveDate, Vec<i64>>> {
    let intraday = checking.node.intraday?;
    let every = intraday.every?.to_chrono();
    let stamp = match intraday.stamp {
        BarStamp::End => Stamp::End,
        BarStamp::Start => Stamp::Start,
    };
    let mut clock = SessionClock::new(&checking.node.calendar);
    let mut bars = |session: &NaiveDate| {
        let bars = clock.bars(ix_of(checking.node, *session)?, every, stamp);
        let local = |bar| clock.local(bar).ok().map(|local| local.and_utc().timestamp_micros());
        Some((*session, bars.into_iter().filter_map(local).collect()))
    };
    Some(checking.sessions.iter().filter_map(&mut bars).collect())
}

/// By the listing table, or else every instrument seen so far, or else as the first input has of the universe.
pub fn counts(checking: &Checking<'_>) -> Result<BTreeMap<NaiveDate, u64>, MakeError> {
    let (node, sessions) = (checking.node, checking.sessions);
    let Some(last) = sessions.last() else { return Ok(BTreeMap::new()) };
    match &node.body {
        Body::Complete { listing: true, .. } => {
            let edge = &node.edges[1];
            let table = checking.read(edge, STATIC_SESSION, STATIC_SESSION)?;
            let listing = Listing::from_frame(&checking.input(edge).name, &table)?;
            Ok(sessions.iter().map(|session| (*session, listing.expected_on(*session).count() as u64)).collect())
        }
        Body::Complete { listing: false, .. } => {
            let start = checking.input(&node.edges[0]).start_date().max(node.start_date());
            let history = checking.read(&node.edges[0], start, *last)?;
            seen_by(&history, sessions)
        }
        _ => match node.edges.first() {
            Some(edge) => match checking.window(edge) {
                Some((from, to)) => {
                    let mut rows = checking.read(edge, from, to)?;
                    if let Some(universe) = &node.universe {
                        rows = members_of(checking.reading(), universe, &rows)?;
                    }
                    rows_of(&rows, sessions)
                }
                None => Ok(BTreeMap::new()),
            },
            None => Ok(BTreeMap::new()),
        },
    }
}

/// How many distinct instruments there are up to each session.
fn seen_by(history: &DataFrame, sessions: &[NaiveDate]) -> Result<BTreeMap<NaiveDate, u64>, MakeError> {
    if history.height() == 0 {
        return Ok(sessions.iter().map(|session| (*session, 0)).collect());
    }
    let dates = history.column("session")?.date()?.clone();
    let instruments = history.column("instrument")?.str()?.clone();
    let mut seen = HashSet::new();
    let mut rows = dates.as_date_iter().zip(instruments.iter()).peekable();
    let mut counts = BTreeMap::new();
    for session in sessions {
        while let Some((_, instrument)) = rows.next_if(|(date, _)| date.is_some_and(|date| date <= *session)) {
            seen.insert(instrument);
        }
        counts.insert(*session, seen.len() as u64);
    }
    Ok(counts)
}
