//! Bars of a few instruments with holes, and what happens to them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use assetctl_calendar::Calendar;
use chrono::NaiveDate;
use polars::prelude::*;

/// The first session of everything: windows of the beginning are cut by history, and month ends lie between.
pub const START: &str = "2015-03-16";

pub const NUMBERS: [&str; 3] = ["a", "b", "c"];

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// In quarters, so that equal values are likely, and text is exact.
    pub quarters: [Option<u8>; 3],
    pub is_suspended: bool,
}

/// Rows by session (a number from the first on) and instrument.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Market {
    pub rows: BTreeMap<(usize, usize), Bar>,
    /// From and to which session an instrument is a member of the index.
    pub members: BTreeMap<usize, (usize, usize)>,
    /// What rows were before they were edited, oldest first.
    before: Vec<((usize, usize), Option<Bar>)>,
}

/// Something that happens to a market. Numbers are taken modulo what there is.
#[derive(Debug, Clone)]
pub enum Edit {
    Value {
        row: usize,
        column: usize,
        quarters: Option<u8>,
    },
    Suspend {
        row: usize,
    },
    Drop {
        row: usize,
    },
    /// All rows of an instrument between two sessions.
    Halt {
        name: usize,
        session: usize,
        sessions: usize,
    },
    Add {
        session: usize,
        name: usize,
        bar: Bar,
    },
    /// An instrument is a member between two sessions, and at no other time; with no session, never.
    Member {
        name: usize,
        session: usize,
        sessions: usize,
    },
    /// The last edit of a row is taken back.
    Undo,
    /// One session more.
    Append {
        bars: Vec<Option<Bar>>,
    },
    /// One session less.
    Truncate,
}

pub fn name(at: usize) -> String {
    format!("i{at}")
}

pub fn calendar() -> Arc<Calendar> {
    Calendar::builtin("XSHG").unwrap()
}

/// The date of a session.
pub fn date(session: usize) -> NaiveDate {
    let calendar = calendar();
    let first = calendar.ix(START.parse().unwrap()).unwrap();
    calendar.date(assetctl_calendar::SessionIx(first.0 + session as u32)).date()
}

impl Market {
    pub fn new(instruments: usize, bars: &[Option<Bar>]) -> Self {
        let mut market = Self::default();
        for (at, bar) in bars.iter().enumerate() {
            if let Some(bar) = bar {
                market.rows.insert((at / instruments, at % instruments), *bar);
            }
        }
        market
    }

    /// The sessions up to the last row.
    pub fn sessions(&self) -> usize {
        self.rows.keys().next_back().map_or(0, |(session, _)| session + 1)
    }

    fn key(&self, row: usize) -> (usize, usize) {
        *self.rows.keys().nth(row % self.rows.len()).unwrap()
    }

    fn set(&mut self, key: (usize, usize), bar: Option<Bar>) {
        let before = match bar {
            Some(bar) => self.rows.insert(key, bar),
            None => self.rows.remove(&key),
        };
        self.before.push((key, before));
    }

    pub fn edit(&mut self, edit: &Edit) {
        match edit {
            Edit::Value { row, column, quarters } => {
                let key = self.key(*row);
                let mut bar = self.rows[&key];
                bar.quarters[column % 3] = *quarters;
                self.set(key, Some(bar));
            }
            Edit::Suspend { row } => {
                let key = self.key(*row);
                let bar = self.rows[&key];
                self.set(key, Some(Bar { is_suspended: !bar.is_suspended, ..bar }));
            }
            Edit::Drop { row } => {
                if self.rows.len() > 8 {
                    self.set(self.key(*row), None);
                }
            }
            Edit::Halt { name, session, sessions } => {
                let end = self.sessions() - 1;
                let first = session % end;
                let is_hit =
                    |(at, of): &(usize, usize)| (first..(first + sessions).min(end)).contains(at) && of == name;
                let hit: Vec<_> = self.rows.keys().copied().filter(is_hit).collect();
                if hit.len() + 8 < self.rows.len() {
                    hit.into_iter().for_each(|key| self.set(key, None));
                }
            }
            Edit::Add { session, name, bar } => self.set((session % self.sessions(), *name), Some(*bar)),
            Edit::Member { name, session, sessions } => {
                let first = session % self.sessions();
                match sessions {
                    0 => drop(self.members.remove(name)),
                    _ => drop(self.members.insert(*name, (first, first + sessions - 1))),
                }
            }
            Edit::Undo => {
                if let Some((key, bar)) = self.before.pop() {
                    self.set(key, bar);
                    self.before.pop();
                }
            }
            Edit::Append { bars } => {
                let session = self.sessions();
                for (name, bar) in bars.iter().enumerate() {
                    if let Some(bar) = bar {
                        self.set((session, name), Some(*bar));
                    }
                }
            }
            Edit::Truncate => {
                let last = self.sessions() - 1;
                let rows: Vec<_> = self.rows.range((last, 0)..).map(|(key, _)| *key).collect();
                if last > 25 {
                    rows.into_iter().for_each(|key| self.set(key, None));
                }
            }
        }
    }

    pub fn csv(&self) -> String {
        let mut text = format!("session,instrument,{},is_suspended\n", NUMBERS.join(","));
        for ((session, at), bar) in &self.rows {
            let _ = write!(text, "{},{}", date(*session), name(*at));
            for quarters in bar.quarters {
                let value = quarters.map_or_else(String::new, |quarters| format!("{}", f64::from(quarters) / 4.0));
                let _ = write!(text, ",{value}");
            }
            let _ = writeln!(text, ",{}", bar.is_suspended);
        }
        text
    }

    /// The table of members. One of them never has a bar.
    pub fn members_csv(&self) -> String {
        let mut text = format!("instrument,joined,left\nnobody,{START},\n");
        for (at, (first, last)) in &self.members {
            let _ = writeln!(text, "{},{},{}", name(*at), date(*first), date(*last));
        }
        text
    }

    /// Who is a member on which session, as a panel.
    pub fn index(&self) -> DataFrame {
        let all = (0..self.sessions()).flat_map(|session| {
            let is_member = move |(_, (first, last)): &(&usize, &(usize, usize))| (*first..=*last).contains(&session);
            let names = self.members.iter().filter(is_member).map(|(at, _)| name(*at));
            names.chain(["nobody".to_owned()]).map(move |name| (date(session), name))
        });
        let (dates, names): (Vec<NaiveDate>, Vec<String>) = all.unzip();
        let columns = vec![
            DateChunked::from_naive_date("session".into(), dates.iter().copied()).into_column(),
            Column::new("instrument".into(), &names),
        ];
        DataFrame::new(names.len(), columns).unwrap()
    }

    /// The rows as a source should hold them.
    pub fn frame(&self) -> DataFrame {
        let dates = self.rows.keys().map(|(session, _)| date(*session));
        let names: Vec<String> = self.rows.keys().map(|(_, at)| name(*at)).collect();
        let number = |at: usize| -> Vec<Option<f64>> {
            self.rows.values().map(|bar| bar.quarters[at].map(|quarters| f64::from(quarters) / 4.0)).collect()
        };
        let suspended: Vec<bool> = self.rows.values().map(|bar| bar.is_suspended).collect();
        let mut columns = vec![
            DateChunked::from_naive_date("session".into(), dates).into_column(),
            Column::new("instrument".into(), names),
        ];
        columns.extend((0..3).map(|at| Column::new(NUMBERS[at].into(), number(at))));
        columns.push(Column::new("is_suspended".into(), suspended));
        DataFrame::new(self.rows.len(), columns).unwrap()
    }
}
