//! Frames → panels.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use assetctl_expr::{Node, Program, Type};
use chrono::NaiveDate;
use polars::prelude::{DataFrame, StringChunked};

use crate::axis::{Axis, Presence};
use crate::frame::{self, FrameError};
use crate::panel::Panel;

/// What a program is evaluated on: the columns it reads, as panels over the same sessions and instruments.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// What rows and lanes stand for.
    pub axis: Axis,
    /// The keys of the first input, whose rows are the result's.
    pub presence: Presence,
    /// The rows that the result is wanted for; the ones before it are there to be read.
    pub written: Range<usize>,
    /// Whether the result has a row per instrument, or one per session.
    pub by_instrument: bool,
    panels: BTreeMap<usize, BTreeMap<String, Panel>>,
}

impl Inputs {
    /// Lays out what `program` reads of `frames`, its inputs in order.
    ///
    /// `sessions` are the calendar's sessions of the whole range that is read, ascending, also those without any row:
    /// windows count sessions, not rows. `written` are the positions in it that the result is wanted for.
    ///
    /// The lanes are the instruments of the first frame. A value where a frame has no row is missing (a Bool is false). A later
    /// frame without a column `instrument` (an index, a rate) has its value in every lane.
    ///
    /// # Errors
    /// When a frame lacks a column, has one of another type, a row without key, two rows of one key, or a row of a session
    /// that is not in `sessions`.
    pub fn from_frames(
        program: &Program,
        frames: &[&DataFrame],
        sessions: &[NaiveDate],
        written: Range<usize>,
    ) -> Result<Self, FrameError> {
        let ascending = sessions.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || written.start > written.end || written.end > sessions.len() {
            return Err(FrameError::BadSessions);
        }
        let first = frames.first().ok_or(FrameError::MissingInput { input: 1, given: 0 })?;
        let by_instrument = frame::has_instruments(first);
        let instruments =
            if by_instrument { distinct(&frame::instruments(first, &name(0))?) } else { vec![String::new()] };
        let axis = Axis { sessions: sessions.to_vec(), instruments };
        let (rows, lanes) = (axis.sessions.len(), axis.instruments.len());

        let mut wanted: BTreeMap<usize, BTreeMap<&str, Type>> = BTreeMap::from([(0, BTreeMap::new())]);
        for node in &program.nodes {
            if let Node::Input { input, column, ty } = node {
                wanted.entry(*input).or_default().insert(column, *ty);
            }
        }
        let mut presence = Presence::none(rows, lanes);
        let mut panels = BTreeMap::new();
        for (input, columns) in wanted {
            let df = *frames.get(input).ok_or(FrameError::MissingInput { input: input + 1, given: frames.len() })?;
            let cells = Cells::locate(df, &name(input), &axis, by_instrument)?;
            if input == 0 {
                cells.for_each(lanes, |_, cell| {
                    presence.insert(cell / lanes, cell % lanes);
                });
            }
            let mut read = BTreeMap::new();
            for (column, ty) in columns {
                read.insert(column.to_owned(), cells.panel(df, &name(input), column, ty, rows, lanes)?);
            }
            panels.insert(input, read);
        }
        Ok(Self { axis, presence, written, by_instrument, panels })
    }

    /// A column of an input, if the program that the panels were laid out for reads it.
    pub fn panel(&self, input: usize, column: &str) -> Option<&Panel> {
        self.panels.get(&input)?.get(column)
    }
}

/// Texts as numbers that keep their order: the place of each among all that there are.
fn codes(texts: &StringChunked) -> Vec<f64> {
    let mut distinct: Vec<&str> = texts.iter().flatten().collect::<HashSet<&str>>().into_iter().collect();
    distinct.sort_unstable();
    let code = |text: &str| distinct.binary_search(&text).map_or(f64::NAN, |at| at as f64);
    texts.iter().map(|text| text.map_or(f64::NAN, code)).collect()
}

/// What an input is called in an error.
fn name(input: usize) -> String {
    format!("input {}", input + 1)
}

fn distinct(names: &[&str]) -> Vec<String> {
    let unique: HashSet<&str> = names.iter().copied().collect();
    let mut sorted: Vec<String> = unique.into_iter().map(str::to_owned).collect();
    sorted.sort_unstable();
    sorted
}

/// Where in a panel each row of a frame belongs.
struct Cells {
    /// Per frame row: its cell, `None` for an instrument that is no lane. Where `whole_rows`, the panel row.
    at: Vec<Option<usize>>,
    /// The frame has one row per session, to be spread over all lanes.
    whole_rows: bool,
}

impl Cells {
    fn locate(df: &DataFrame, frame: &str, axis: &Axis, by_instrument: bool) -> Result<Self, FrameError> {
        let whole_rows = !frame::has_instruments(df);
        if !whole_rows && !by_instrument {
            return Err(FrameError::UnexpectedInstruments { frame: frame.to_owned() });
        }
        let sessions = frame::sessions(df, frame)?;
        let instruments = if whole_rows { vec![""; sessions.len()] } else { frame::instruments(df, frame)? };
        let lanes = if whole_rows { 1 } else { axis.instruments.len() };
        let mut seen = Presence::none(axis.sessions.len(), lanes);
        let mut at = Vec::with_capacity(sessions.len());
        // frames come sorted by (session, instrument): the next row is mostly the next lane
        let (mut row, mut lane) = (0, 0);
        for (session, instrument) in sessions.into_iter().zip(instruments) {
            row = axis
                .row(session, row)
                .ok_or_else(|| FrameError::SessionNotAsked { frame: frame.to_owned(), session })?;
            let found = if whole_rows { Some(0) } else { axis.lane(instrument, lane) };
            if let Some(found) = found {
                if !seen.insert(row, found) {
                    let instrument = instrument.to_owned();
                    return Err(FrameError::DuplicateKey { frame: frame.to_owned(), session, instrument });
                }
                lane = found + 1;
            }
            at.push(found.map(|lane| row * lanes + lane));
        }
        Ok(Self { at, whole_rows })
    }

    /// Calls `f(frame row, cell)` for every cell that a row fills.
    fn for_each(&self, lanes: usize, mut f: impl FnMut(usize, usize)) {
        for (row, at) in self.at.iter().enumerate() {
            match at {
                Some(at) if self.whole_rows => (at * lanes..(at + 1) * lanes).for_each(|cell| f(row, cell)),
                Some(at) => f(row, *at),
                None => {}
            }
        }
    }

    fn panel(
        &self,
        df: &DataFrame,
        frame: &str,
        column: &str,
        ty: Type,
        rows: usize,
        lanes: usize,
    ) -> Result<Panel, FrameError> {
        let missing = if ty == Type::Bool { 0.0 } else { f64::NAN };
        let mut panel = Panel::filled(rows, lanes, missing);
        if df.height() == 0 {
            return Ok(panel); // an input without rows may not know its columns
        }
        let column = frame::column(df, frame, column)?;
        let values = match ty {
            Type::Number => frame::numbers(column, frame)?,
            Type::Bool => {
                frame::bools(column, frame)?.iter().map(|v| if v == Some(true) { 1.0 } else { 0.0 }).collect()
            }
            Type::Category => codes(frame::texts(column, frame)?),
        };
        self.for_each(lanes, |row, cell| panel.data[cell] = values[row]);
        Ok(panel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::{day, panel_frame};
    use polars::prelude::*;

    fn reading(columns: &[(usize, &str, Type)]) -> Program {
        let nodes = columns
            .iter()
            .map(|(input, column, ty)| Node::Input { input: *input, column: (*column).to_owned(), ty: *ty })
            .collect();
        Program { nodes, outputs: vec![] }
    }

    #[test]
    fn rows_find_their_cells_in_any_order() {
        let df = panel_frame(&[(4, "b"), (2, "b"), (4, "a")], vec![Column::new("x".into(), [4.0, 2.0, 3.0])]);
        let inputs =
            Inputs::from_frames(&reading(&[(0, "x", Type::Number)]), &[&df], &[day(2), day(3), day(4)], 0..3).unwrap();
        assert_eq!(inputs.axis.instruments, ["a", "b"]);
        let panel = inputs.panel(0, "x").unwrap();
        assert!(panel.data[0].is_nan() && panel.data[2].is_nan() && panel.data[3].is_nan());
        assert_eq!((panel.data[1], panel.data[4], panel.data[5]), (2.0, 3.0, 4.0));
        assert_eq!(inputs.presence.row(0), [false, true]);
        assert_eq!(inputs.presence.row(1), [false, false]);
    }

    #[test]
    fn later_inputs_follow_the_lanes_of_the_first() {
        let bars = panel_frame(&[(2, "a"), (2, "b"), (3, "a")], vec![Column::new("x".into(), [1.0, 2.0, 3.0])]);
        let flags = panel_frame(&[(2, "b"), (2, "z")], vec![Column::new("flag".into(), [true, true])]);
        let rate = panel_frame(&[(3, "-")], vec![Column::new("rate".into(), [0.5])]).drop(frame::INSTRUMENT).unwrap();
        let program = reading(&[(1, "flag", Type::Bool), (2, "rate", Type::Number)]);
        let inputs = Inputs::from_frames(&program, &[&bars, &flags, &rate], &[day(2), day(3)], 1..2).unwrap();
        assert_eq!(inputs.panel(1, "flag").unwrap().data, [0.0, 1.0, 0.0, 0.0]);
        let rate = inputs.panel(2, "rate").unwrap();
        assert!(rate.row(0).iter().all(|v| v.is_nan()));
        assert_eq!(rate.row(1), [0.5, 0.5]);
        assert!(inputs.by_instrument);
    }

    #[test]
    fn bad_frames_are_refused() {
        let x = |n| vec![Column::new("x".into(), vec![1.0; n])];
        let program = reading(&[(0, "x", Type::Number)]);
        let read =
            |df: &DataFrame| Inputs::from_frames(&program, &[df], &[day(2), day(3)], 0..2).unwrap_err().to_string();
        assert_eq!(
            read(&panel_frame(&[(2, "a"), (2, "a")], x(2))),
            "input 1 has two rows of 2024-01-02 for `a`; keep one"
        );
        assert!(read(&panel_frame(&[(5, "a")], x(1))).contains("2024-01-05, which is not one of the sessions"));
        assert!(read(&panel_frame(&[(2, "a")], vec![])).contains("no column `x`"));
        let text = vec![Column::new("x".into(), ["?"])];
        assert!(read(&panel_frame(&[(2, "a")], text)).contains("is text, where a number is needed"));
        let sessions = [day(3), day(2)];
        let df = panel_frame(&[(2, "a")], x(1));
        assert!(matches!(Inputs::from_frames(&program, &[&df], &sessions, 0..2), Err(FrameError::BadSessions)));
        let index = df.drop(frame::INSTRUMENT).unwrap();
        let program = reading(&[(1, "x", Type::Number)]);
        let error = Inputs::from_frames(&program, &[&index, &df], &[day(2)], 0..1).unwrap_err();
        assert!(matches!(error, FrameError::UnexpectedInstruments { .. }));
    }
}
