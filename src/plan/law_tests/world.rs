//! Assets and sources of a small market, and what every partition should hold, by brute force.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use assetctl_calendar::{Calendar, SessionIx};
use assetctl_graph::{AssetNode, Axis, Body, Edge, EdgeColumns, Graph, WindowAxis};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::ledger::{Content, Memory, Reads};
use crate::{Hash128, Observation, STATIC_SESSION};

/// Sessions of each calendar.
pub const SESSIONS: u32 = 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Source,
    Table,
    Derived,
}

/// How a column follows from what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    pub version: u32,
    /// Small ones make different inputs come out the same.
    pub modulus: u64,
}

#[derive(Debug, Clone)]
pub struct Asset {
    pub role: Role,
    pub calendar: usize,
    pub start: u32,
    pub settlement: i64,
    pub edges: Vec<Edge>,
    pub columns: BTreeMap<String, Column>,
}

pub type Row = BTreeMap<String, u64>;

#[derive(Debug, Clone)]
pub struct World {
    pub assets: Vec<Asset>,
    /// The files of each source: rows by session. A table has them under [`STATIC_SESSION`].
    pub files: BTreeMap<usize, BTreeMap<NaiveDate, Row>>,
    /// The digests that the ledger took note of.
    pub noted: BTreeMap<usize, BTreeMap<NaiveDate, Hash128>>,
    pub now: DateTime<Utc>,
    pub ledger: Memory,
}

pub fn name(asset: usize) -> String {
    format!("asset_{asset}")
}

/// Two calendars over February and March 2024: the second closes later in the day and has other holidays.
pub fn calendars() -> &'static [Arc<Calendar>; 2] {
    static CALENDARS: OnceLock<[Arc<Calendar>; 2]> = OnceLock::new();
    CALENDARS.get_or_init(|| {
        [("EAST", 7, [9, 23]), ("WEST", 20, [5, 14])].map(|(name, hour, holidays)| {
            let mut text = "session,open_utc,break_start_utc,break_end_utc,close_utc,is_half_day\n".to_owned();
            let first: NaiveDate = "2024-02-01".parse().unwrap();
            let weekday = |day: &NaiveDate| chrono::Datelike::weekday(day).num_days_from_monday() < 5;
            let days = first.iter_days().filter(weekday).enumerate();
            let open = days.filter(|(at, _)| !holidays.contains(at)).take(SESSIONS as usize);
            for (_, day) in open {
                text.push_str(&format!("{day},{day}T01:00:00Z,,,{day}T{hour:02}:00:00Z,0\n"));
            }
            Arc::new(Calendar::from_csv(name, text.as_bytes()).unwrap())
        })
    })
}

/// The instant an hour after the close of a session of the first calendar.
pub fn after_close(ix: u32) -> DateTime<Utc> {
    calendars()[0].close(SessionIx(ix)) + TimeDelta::hours(1)
}

pub fn digest(row: &Row) -> Hash128 {
    Hash128::of(format!("{row:?}").as_bytes())
}

/// A number that depends on everything that `parts` shows.
fn mix(parts: impl std::fmt::Debug) -> u64 {
    let hash = Hash128::of(format!("{parts:?}").as_bytes());
    u64::from_le_bytes(hash.0[..8].try_into().unwrap())
}

impl World {
    pub fn calendar(&self, asset: usize) -> &'static Calendar {
        &calendars()[self.assets[asset].calendar]
    }

    pub fn date(&self, asset: usize, ix: u32) -> NaiveDate {
        match self.assets[asset].role {
            Role::Table => STATIC_SESSION,
            Role::Source | Role::Derived => self.calendar(asset).date(SessionIx(ix)).date(),
        }
    }

    pub fn position(&self, asset: usize, date: NaiveDate) -> Option<u32> {
        match self.assets[asset].role {
            Role::Table => (date == STATIC_SESSION).then_some(0),
            Role::Source | Role::Derived => self.calendar(asset).ix(date).ok().map(|ix| ix.0),
        }
    }

    /// What enters the spec hash: columns, windows, parameters; no names of inputs.
    fn spec_text(&self, asset: usize) -> String {
        let Asset { edges, columns, .. } = &self.assets[asset];
        let windows: Vec<_> = edges.iter().map(|edge| (edge.back, edge.key_back, &edge.columns)).collect();
        format!("{columns:?} {windows:?}")
    }

    pub fn graph(&self) -> Graph {
        let nodes = self.assets.iter().enumerate().map(|(ix, asset)| AssetNode {
            name: name(ix),
            kind: "model",
            asset: ix,
            axis: if asset.role == Role::Table { Axis::Static } else { Axis::Session },
            calendar: Arc::clone(&calendars()[asset.calendar]),
            start: SessionIx(asset.start),
            settlement: TimeDelta::hours(asset.settlement),
            edges: asset.edges.clone(),
            universe: None,
            intraday: None,
            window_axis: WindowAxis::Calendar,
            recursive: false,
            schema: None,
            spec_text: self.spec_text(ix),
            body: Body::Table,
            checks: Vec::new(),
            check_reads: assetctl_graph::CheckReads::default(),
            tags: Vec::new(),
            owner: None,
            description: None,
        });
        Graph::from_nodes(nodes.collect()).unwrap()
    }

    /// Digests of a source's sessions as the files hold them now.
    pub fn digests(&self, asset: usize) -> BTreeMap<NaiveDate, Hash128> {
        self.files[&asset].iter().map(|(session, row)| (*session, digest(row))).collect()
    }

    pub fn observations(&self) -> HashMap<usize, Observation> {
        self.files
            .iter()
            .map(|(asset, rows)| {
                let digests = self.digests(*asset);
                let changed = self.noted.get(asset) != Some(&digests);
                let files = if changed { vec!["file.csv".to_owned()] } else { Vec::new() };
                let last = rows.keys().next_back().copied();
                (*asset, Observation { last, digests: changed.then_some(digests), files, asked: None })
            })
            .collect()
    }

    /// The last session of `input` that had closed when session `ix` of `reader` closed.
    fn last_read(&self, reader: usize, input: usize, ix: u32) -> Option<u32> {
        if self.assets[reader].calendar == self.assets[input].calendar {
            return Some(ix);
        }
        let close = self.calendar(reader).close(SessionIx(ix));
        (0..SESSIONS).rev().find(|at| self.calendar(input).close(SessionIx(*at)) <= close)
    }

    /// The positions of an edge's input that position `ix` of the reader reads.
    pub fn window(&self, reader: usize, edge: &Edge, ix: u32) -> BTreeSet<u32> {
        let start = self.first(edge.input);
        self.uncut_window(reader, edge, ix).into_iter().filter(|at| *at >= start).collect()
    }

    /// The same with sessions before the input's start.
    pub fn uncut_window(&self, reader: usize, edge: &Edge, ix: u32) -> BTreeSet<u32> {
        if self.assets[edge.input].role == Role::Table {
            return BTreeSet::from([0]);
        }
        let Some(last) = self.last_read(reader, edge.input, ix) else { return BTreeSet::new() };
        let same = self.assets[reader].calendar == self.assets[edge.input].calendar;
        let of_reader =
            ix.checked_sub(edge.back).map_or(Some(0), |ix| self.last_read(reader, edge.input, ix)).unwrap_or(0);
        (0..=last).filter(|at| at + edge.back >= last || (!same && *at >= of_reader)).collect()
    }

    /// The first position that has a partition.
    pub fn first(&self, asset: usize) -> u32 {
        if self.assets[asset].role == Role::Table { 0 } else { self.assets[asset].start }
    }

    /// The last position that an asset has data for; that is final too if `is_final`. Inputs for which `outside` says so
    /// have what the ledger has.
    pub fn end(&self, asset: usize, is_final: bool, outside: &dyn Fn(usize) -> bool) -> Option<u32> {
        let it = &self.assets[asset];
        if outside(asset) {
            return self.position(asset, self.ledger.of(&name(asset)).keys().next_back().copied()?);
        }
        let mut end = match it.role {
            Role::Table => return Some(0),
            Role::Source => self.position(asset, *self.files[&asset].keys().next_back()?),
            Role::Derived => Some(SESSIONS - 1),
        }?;
        for edge in &it.edges {
            let of_input = self.end(edge.input, is_final, outside)?;
            if self.assets[edge.input].role != Role::Table {
                let reads_beyond =
                    |ix: &u32| self.last_read(asset, edge.input, *ix).is_some_and(|read| read > of_input);
                end = end.min((0..=end).rev().find(|ix| !reads_beyond(ix))?);
            }
        }
        if is_final {
            let waited = self.now - TimeDelta::hours(it.settlement);
            end = (0..=end).rev().find(|ix| self.calendar(asset).close(SessionIx(*ix)) <= waited)?;
        }
        (end >= it.start).then_some(end)
    }

    /// The positions of an asset up to its end.
    pub fn positions(&self, asset: usize, is_final: bool, outside: &dyn Fn(usize) -> bool) -> BTreeSet<u32> {
        self.end(asset, is_final, outside).map(|end| (self.first(asset)..=end).collect()).unwrap_or_default()
    }

    /// What a partition reads, given the contents of inputs.
    pub fn reads(&self, asset: usize, ix: u32, content: &dyn Fn(usize, NaiveDate) -> Option<Content>) -> Reads {
        let mut reads = Vec::new();
        for (at, edge) in self.assets[asset].edges.iter().enumerate() {
            let within = |back: u32| self.window(asset, &Edge { back, ..edge.clone() }, ix);
            for position in within(edge.back) {
                let session = self.date(edge.input, position);
                let Some(content) = content(edge.input, session) else { continue };
                let columns: Vec<_> = match &edge.columns {
                    EdgeColumns::All => {
                        content.columns.iter().map(|(name, value)| (name.clone(), Some(*value))).collect()
                    }
                    EdgeColumns::Named(reads) => {
                        let read = reads.iter().filter(|read| within(read.back).contains(&position));
                        read.map(|read| (read.column.clone(), content.columns.get(&read.column).copied())).collect()
                    }
                };
                reads.push((at, session, content.key, columns));
            }
        }
        if self.assets[asset].role != Role::Derived {
            // The digest of the row stands for the row, as it does in the ledger.
            let row = self.files[&asset].get(&self.date(asset, ix));
            reads.push((0, self.date(asset, ix), row.map_or(0, |row| mix(digest(row))), Vec::new()));
        }
        reads
    }

    /// What a partition holds, given what it reads.
    pub fn content(&self, asset: usize, ix: u32, reads: &Reads) -> Content {
        let it = &self.assets[asset];
        if it.role == Role::Derived {
            let keys: Vec<_> = reads.iter().map(|(edge, session, key, _)| (edge, session, key)).collect();
            let column = |(name, column): (&String, &Column)| {
                (name.clone(), mix((name, column.version, reads)) % column.modulus)
            };
            return Content { key: mix(keys) % 2, columns: it.columns.iter().map(column).collect() };
        }
        let row = self.files[&asset].get(&self.date(asset, ix));
        // Version 1 of a source's column gives what version 0 does.
        let value = |name: &String, column: &Column| {
            row.and_then(|row| row.get(name)).map_or(99, |value| value + u64::from(column.version / 2))
        };
        let columns = it.columns.iter().map(|(name, column)| (name.clone(), value(name, column))).collect();
        Content { key: u64::from(row.is_some()), columns }
    }

    /// Everything from scratch: the content of every final partition of every asset.
    pub fn rebuild(&self) -> Vec<BTreeMap<NaiveDate, Content>> {
        let mut all: Vec<BTreeMap<NaiveDate, Content>> = vec![BTreeMap::new(); self.assets.len()];
        for asset in 0..self.assets.len() {
            let content = |input: usize, session: NaiveDate| all[input].get(&session).cloned();
            let made = self.positions(asset, true, &|_| false).into_iter().map(|ix| {
                let reads = self.reads(asset, ix, &content);
                (self.date(asset, ix), self.content(asset, ix, &reads))
            });
            all[asset] = made.collect();
        }
        all
    }
}
