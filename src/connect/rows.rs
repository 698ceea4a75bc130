//! The rows of one file, column by column.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;

use crate::cell::{Cells, Context, Value};
use crate::date::to_days;
use crate::error::Fault;
use crate::gate::Gate;
use crate::layout::Layout;
use crate::moments::{Moments, Placed};

/// The instruments of rows: a code per row, and the name of each code.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Lanes {
    pub codes: Vec<u32>,
    /// In the order of first appearance. Parts of one source may share them.
    pub names: Arc<Vec<String>>,
}

/// Typed rows in the order of their file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rows {
    /// Where each row stands: a line of a text file or a row of a Parquet file, from 1.
    pub places: Vec<u32>,
    /// The members of an archive, and the first row of each.
    pub members: Vec<(u32, String)>,
    /// Days since 1970-01-01; empty for a table.
    pub sessions: Vec<i32>,
    /// `None` where the layout has no column `instrument`, and for a table.
    pub lanes: Option<Lanes>,
    /// Microseconds since 1970-01-01 00:00 at the exchange; empty where rows have no time.
    pub times: Vec<i64>,
    /// In the order of the layout's `values()`.
    pub columns: Vec<Cells>,
    /// The rows of each session, so that a batch of a long file touches its own rows only. Empty for a table.
    pub by_session: BTreeMap<i32, Vec<u32>>,
}

impl Rows {
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Brings `by_session` up to date.
    pub fn index(&mut self) {
        self.by_session.clear();
        let mut row = 0;
        for run in self.sessions.chunk_by(|session, next| session == next) {
            let end = row + run.len() as u32;
            self.by_session.entry(run[0]).or_default().extend(row..end);
            row = end;
        }
    }

    /// The member of an archive that a row is in.
    pub fn member(&self, row: usize) -> Option<&str> {
        let after = self.members.partition_point(|(first, _)| *first as usize <= row);
        self.members[..after].last().map(|(_, name)| name.as_str())
    }

    /// The instrument of a row; empty where there are none.
    pub fn instrument(&self, row: usize) -> &str {
        match &self.lanes {
            Some(lanes) => &lanes.names[lanes.codes[row] as usize],
            None => "",
        }
    }
}

/// Makes rows from fields.
pub(crate) struct RowBuilder<'a> {
    layout: &'a Layout,
    context: Context<'a>,
    gate: Option<Gate<'a>>,
    moments: Option<Moments<'a>>,
    codes: HashMap<String, u32>,
    /// The session of the rows, where it is not in a column.
    session: Option<i32>,
    rows: Rows,
}

impl<'a> RowBuilder<'a> {
    /// For a table without a gate; of rows with times with their `moments`.
    pub fn new(layout: &'a Layout, gate: Option<Gate<'a>>, moments: Option<Moments<'a>>) -> Self {
        let rows = Rows {
            lanes: layout.has_instrument.then(Lanes::default),
            columns: layout.values().iter().map(|column| Cells::new(column.kind)).collect(),
            ..Rows::default()
        };
        Self { layout, context: Context::new(layout), gate, moments, codes: HashMap::new(), session: None, rows }
    }

    /// What follows is of this member of an archive.
    pub fn begin_member(&mut self, name: &str) {
        self.rows.members.push((self.rows.len() as u32, name.to_owned()));
    }

    /// What follows is of this session, which is in no column. Gives whether rows of it are taken.
    ///
    /// # Errors
    /// It is not a session of the calendar.
    pub fn begin_session(&mut self, date: NaiveDate) -> Result<bool, Fault> {
        let day = to_days(date);
        self.session = Some(day);
        self.gate.as_mut().map_or(Ok(true), |gate| gate.admits(day))
    }

    /// Takes a row whose fields `field` gives by position in the layout's `fields()`; tells `refuse` of those that are not as
    /// they should be. A row before the source's start, or off its calendar where those are skipped, is left out unread.
    pub fn row<'v>(&mut self, place: u32, field: impl Fn(usize) -> Value<'v>, mut refuse: impl FnMut(usize, Fault)) {
        let layout = self.layout;
        let given = usize::from(!layout.has_session);
        if self.moments.is_some() {
            if !self.moment(&field, &mut refuse) {
                return;
            }
        } else if let Some(gate) = &mut self.gate {
            let day = match self.session {
                Some(day) => Ok(day),
                None => self.context.session(field(0)),
            };
            match day.and_then(|day| gate.admits(day).map(|admitted| (day, admitted))) {
                Ok((_, false)) => return,
                Ok((day, true)) => self.rows.sessions.push(day),
                Err(fault) => {
                    refuse(0, fault);
                    self.rows.sessions.push(0);
                }
            }
        }
        self.rows.places.push(place);
        if let Some(lanes) = &mut self.rows.lanes {
            let at = 1 - given;
            let name = match field(at) {
                Value::Text(text) => text.trim_ascii(),
                _ => "",
            };
            if name.is_empty() {
                refuse(at, Fault::new("the instrument is missing").help("every row of a source names its instrument"));
            }
            let again = lanes.codes.last().copied().filter(|&code| lanes.names[code as usize] == name);
            let code = again.or_else(|| self.codes.get(name).copied()).unwrap_or_else(|| {
                let code = lanes.names.len() as u32;
                Arc::make_mut(&mut lanes.names).push(name.to_owned());
                self.codes.insert(name.to_owned(), code);
                code
            });
            lanes.codes.push(code);
        }
        for (at, (cells, column)) in self.rows.columns.iter_mut().zip(layout.values()).enumerate() {
            let at = at + layout.keys - given;
            if let Err(fault) = cells.push(field(at), column, &mut self.context) {
                refuse(at, fault);
            }
        }
    }

    /// Session and time of a row that has both; gives whether it is taken.
    fn moment<'v>(&mut self, field: &impl Fn(usize) -> Value<'v>, refuse: &mut impl FnMut(usize, Fault)) -> bool {
        let (Some(gate), Some(moments)) = (&mut self.gate, &mut self.moments) else { return true };
        let layout = self.layout;
        let at = layout.keys - 1 - usize::from(!layout.has_session);
        let stated = match self.session {
            Some(day) => Ok(Some(day)),
            None if layout.has_session => self.context.session(field(0)).map(Some),
            None => Ok(None),
        };
        let placed = match stated {
            Ok(stated) => moments.place(field(at), stated),
            Err(fault) => {
                refuse(0, fault);
                Ok(Placed::Skipped)
            }
        };
        let admitted = placed.and_then(|placed| match placed {
            Placed::At(moment) => gate.admits(moment.session).map(|admitted| admitted.then_some(moment)),
            // Of a date that is no session the gate has a fault, or skips the row.
            Placed::OnDate(day) => gate.admits(day).map(|_| None),
            Placed::Skipped => Ok(None),
        });
        match admitted {
            Ok(Some(moment)) => {
                self.rows.sessions.push(moment.session);
                self.rows.times.push(moment.time);
                true
            }
            Ok(None) => false,
            Err(fault) => {
                refuse(at, fault);
                false
            }
        }
    }

    /// In words, what was left out because its date is no session, or nothing is traded at its time.
    pub fn left_out(&self) -> Vec<String> {
        let of_dates = self.gate.as_ref().and_then(Gate::left_out);
        let of_times = self.moments.as_ref().and_then(Moments::left_out);
        of_dates.into_iter().chain(of_times).collect()
    }

    pub fn finish(mut self) -> Rows {
        self.rows.index();
        self.rows
    }
}
