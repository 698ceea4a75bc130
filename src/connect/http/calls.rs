//! Which calls a request takes, and how one is divided.

use std::fmt;

use assetctl_config::{HttpAtOnce, HttpBy};
use chrono::NaiveDate;

/// What one call covers. Cheap to divide: the parts share nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub by: HttpBy,
    /// Ascending, at least one.
    pub sessions: Vec<NaiveDate>,
    /// Our names; none for all that the vendor has.
    pub instruments: Vec<String>,
}

/// The calls that cover all sessions and instruments.
pub(super) fn plan(by: HttpBy, at_once: &HttpAtOnce, sessions: &[NaiveDate], instruments: &[String]) -> Vec<Call> {
    let most = |limit: Option<u32>| limit.map_or(usize::MAX, |limit| limit.max(1) as usize);
    let (per_sessions, per_instruments) = match by {
        HttpBy::Session => (1, most(at_once.instruments)),
        HttpBy::Instrument => (most(at_once.sessions), 1),
        HttpBy::Range => (most(at_once.sessions), most(at_once.instruments)),
    };
    let groups: Vec<&[String]> = match (by, instruments) {
        (_, []) => vec![&[]],
        // Asked for all, the vendor answers in fewer calls than by name.
        (HttpBy::Session, many) if many.len() > per_instruments => vec![&[]],
        (_, many) => many.chunks(per_instruments.min(many.len())).collect(),
    };
    let mut calls = Vec::new();
    for sessions in sessions.chunks(per_sessions.min(sessions.len().max(1))) {
        for group in &groups {
            calls.push(Call { by, sessions: sessions.to_vec(), instruments: group.to_vec() });
        }
    }
    calls
}

impl Call {
    /// Two calls that cover what this one does: half of its sessions each, or of its instruments. `None` if it is the smallest.
    pub fn halves(&self) -> Option<[Self; 2]> {
        let with = |sessions: &[NaiveDate], instruments: &[String]| Self {
            by: self.by,
            sessions: sessions.to_vec(),
            instruments: instruments.to_vec(),
        };
        if self.sessions.len() > 1 {
            let (first, second) = self.sessions.split_at(self.sessions.len() / 2);
            return Some([with(first, &self.instruments), with(second, &self.instruments)]);
        }
        let (first, second) = self.instruments.split_at(self.instruments.len() / 2);
        (!first.is_empty()).then(|| [with(&self.sessions, first), with(&self.sessions, second)])
    }

    pub fn first(&self) -> NaiveDate {
        self.sessions.first().copied().unwrap_or_default()
    }

    pub fn last(&self) -> NaiveDate {
        self.sessions.last().copied().unwrap_or_default()
    }
}

/// What it covers: "`600519.XSHG`, 2024-01-02…2024-12-31".
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.instruments.as_slice() {
            [] => {}
            [one] => write!(f, "`{one}`, ")?,
            [first, .., last] => write!(f, "{} instruments `{first}`…`{last}`, ", self.instruments.len())?,
        }
        match self.sessions.as_slice() {
            [one] => write!(f, "{one}"),
            _ => write!(f, "{}…{}", self.first(), self.last()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn days(count: usize) -> Vec<NaiveDate> {
        NaiveDate::from_ymd_opt(2024, 1, 1).unwrap().iter_days().take(count).collect()
    }

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|at| format!("i{at}")).collect()
    }

    #[test]
    fn calls_are_as_large_as_the_vendor_lets_them() {
        let at_once = HttpAtOnce { sessions: Some(100), instruments: Some(2) };
        assert_eq!(plan(HttpBy::Session, &HttpAtOnce::default(), &days(3), &names(5)).len(), 3);
        assert_eq!(plan(HttpBy::Instrument, &HttpAtOnce::default(), &days(250), &names(5)).len(), 5);
        assert_eq!(plan(HttpBy::Range, &at_once, &days(250), &names(5)).len(), 9);
        let all = plan(HttpBy::Session, &at_once, &days(2), &names(3));
        assert_eq!(all.iter().map(|call| call.instruments.len()).collect::<Vec<_>>(), [0, 0]);
        assert_eq!(
            plan(HttpBy::Session, &at_once, &days(1), &names(2))[0].to_string(),
            "2 instruments `i0`…`i1`, 2024-01-01"
        );
    }

    proptest! {
        /// However calls are made and divided, each session of each instrument is in exactly one.
        #[test]
        fn every_session_of_every_instrument_is_in_one_call(
            by in prop::sample::select(vec![HttpBy::Session, HttpBy::Instrument, HttpBy::Range]),
            (sessions, instruments) in (1usize..30, 1usize..20),
            (some, few) in (prop::option::of(1u32..20), prop::option::of(20u32..25)),
        ) {
            let at_once = HttpAtOnce { sessions: some, instruments: few };
            let mut cells = std::collections::BTreeMap::new();
            for call in plan(by, &at_once, &days(sessions), &names(instruments)) {
                let halves = call.halves();
                prop_assert_eq!(halves.is_none(), call.sessions.len() == 1 && call.instruments.len() <= 1);
                for call in halves.map_or(vec![call], Vec::from) {
                    for session in &call.sessions {
                        for instrument in &call.instruments {
                            *cells.entry((*session, instrument.clone())).or_insert(0) += 1;
                        }
                    }
                }
            }
            prop_assert_eq!(cells.len(), sessions * instruments);
            prop_assert!(cells.values().all(|&times| times == 1));
        }
    }
}
