//! Bars that are made up, but always the same: of any code on any session.

use chrono::{Datelike, NaiveDate};

/// One bar, in whole cents and shares, so that a vendor can write it in its own units without rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
    /// A multiple of 100.
    pub volume: i64,
    /// Volume times close, in cents.
    pub amount: i64,
}

impl Bar {
    /// The bar of a code at the time of that number; about one in forty there is none of.
    pub fn made_up(code: &str, number: i64) -> Option<Self> {
        let chance = mix(code, number as u64);
        if chance % 41 == 0 {
            return None;
        }
        let base = 1000 + i64::from(mix(code, NaiveDate::MIN.num_days_from_ce() as u64) as u16);
        let close = base + (chance >> 8) as i64 % 500;
        let open = base + (chance >> 20) as i64 % 500;
        let high = close.max(open) + (chance >> 32) as i64 % 50;
        let low = close.min(open) - (chance >> 40) as i64 % 50;
        let volume = 100 * (1 + (chance >> 48) as i64 % 9000);
        Some(Self { open, high, low, close, volume, amount: volume * close })
    }
}

/// The table of a fake vendor.
#[derive(Debug, Clone)]
pub struct Market {
    pub sessions: Vec<NaiveDate>,
    /// The codes that it trades.
    pub codes: Vec<String>,
}

impl Market {
    /// Codes are numbered from this one on: `600000`, `600001`, …
    pub fn numbered(first: u32, count: u32, sessions: &[NaiveDate]) -> Self {
        Self { sessions: sessions.to_vec(), codes: (first..first + count).map(|code| code.to_string()).collect() }
    }

    pub fn named(codes: &[&str], sessions: &[NaiveDate]) -> Self {
        Self { sessions: sessions.to_vec(), codes: codes.iter().map(|&code| code.to_owned()).collect() }
    }

    /// `None` on a session on which the code was suspended, or that is none.
    pub fn bar(&self, code: &str, session: NaiveDate) -> Option<Bar> {
        if self.sessions.binary_search(&session).is_err() || !self.codes.iter().any(|known| known == code) {
            return None;
        }
        Bar::made_up(code, i64::from(session.num_days_from_ce()))
    }

    /// The bars of a code between two dates, both within.
    pub fn bars<'m>(
        &'m self,
        code: &'m str,
        first: NaiveDate,
        last: NaiveDate,
    ) -> impl Iterator<Item = (NaiveDate, Bar)> + 'm {
        let inside = self.sessions.iter().filter(move |session| (first..=last).contains(*session));
        inside.filter_map(move |session| Some((*session, self.bar(code, *session)?)))
    }

    /// How many bars there are in all.
    pub fn count(&self) -> usize {
        self.codes.iter().map(|code| self.bars(code, NaiveDate::MIN, NaiveDate::MAX).count()).sum()
    }
}

/// Cents as a decimal: `1234` is `12.34`.
pub fn decimal(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// The date of `20240315`.
pub fn compact(text: &str) -> NaiveDate {
    NaiveDate::parse_from_str(text, "%Y%m%d").unwrap()
}

fn mix(code: &str, number: u64) -> u64 {
    let mut state = code.bytes().fold(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    for _ in 0..2 {
        state ^= state >> 29;
        state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    state ^ (state >> 32)
}
