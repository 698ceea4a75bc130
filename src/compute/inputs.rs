//! Frames → what panels are gathered from.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use assetctl_expr::{Node, Program, Type};
use chrono::NaiveDate;
use polars::prelude::{Column, DataFrame, DataType, Float64Chunked, StringChunked};

use crate::axis::Axis;
use crate::frame::{self, FrameError};
use crate::layout::Layout;
use crate::members::Members;

/// The column of the first input that says on which sessions an instrument was suspended.
const SUSPENDED: &str = "is_suspended";

/// What a program is evaluated on: the columns it reads, over the same sessions and instruments.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// What rows and lanes stand for.
    pub axis: Axis,
    /// The rows that the result is wanted for; the ones before it are there to be read.
    pub written: Range<usize>,
    /// Whether the result has a row per instrument, or one per session.
    pub by_instrument: bool,
    /// The absolute number of row 0 in the calendar.
    pub anchor: usize,
    /// Which keys have a row in the first input, whose rows are the result's; row-major.
    present: Vec<bool>,
    /// Of those the ones that take part, where not all do; row-major.
    members: Option<Vec<bool>>,
    /// The key columns of the result where the first input has them as they are needed.
    keys: Option<Vec<Column>>,
    suspended: Option<Values>,
    frames: BTreeMap<usize, Frame>,
}

/// A frame, as far as it is read.
#[derive(Debug, Clone)]
struct Frame {
    layout: Layout,
    columns: BTreeMap<String, Values>,
}

/// The values of a column in the order of its frame.
#[derive(Debug, Clone)]
enum Values {
    /// One piece without a missing value, as the frame holds it.
    Shared(Float64Chunked),
    /// Missing values are NaN.
    Own { values: Vec<f64>, missing: f64 },
}

impl Values {
    fn slice(&self) -> &[f64] {
        match self {
            Self::Shared(values) => values.cont_slice().unwrap_or_default(),
            Self::Own { values, .. } => values,
        }
    }

    /// What a cell without a row has.
    fn missing(&self) -> f64 {
        match self {
            Self::Shared(_) => f64::NAN,
            Self::Own { missing, .. } => *missing,
        }
    }

    fn of(df: &DataFrame, frame: &str, name: &str, ty: Type) -> Result<Self, FrameError> {
        let missing = if ty == Type::Bool { 0.0 } else { f64::NAN };
        if df.height() == 0 {
            return Ok(Self::Own { values: Vec::new(), missing }); // an input without rows may not know its columns
        }
        let column = frame::column(df, frame, name)?;
        let values = match ty {
            Type::Number => {
                let values = frame::floats(column, frame)?;
                if values.null_count() == 0 {
                    return Ok(Self::Shared(values.rechunk().into_owned()));
                }
                values.iter().map(|value| value.unwrap_or(f64::NAN)).collect()
            }
            Type::Bool => {
                frame::bools(column, frame)?.iter().map(|v| if v == Some(true) { 1.0 } else { 0.0 }).collect()
            }
            Type::Category => codes(frame::texts(column, frame)?),
        };
        Ok(Self::Own { values, missing })
    }
}

/// A column of an input, to be gathered into panels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InputColumn<'a> {
    layout: &'a Layout,
    values: &'a [f64],
    missing: f64,
    lanes: usize,
}

impl InputColumn<'_> {
    /// Fills `out`, a panel of `lanes` whose first row is `first`.
    pub fn gather(&self, first: usize, lanes: Range<usize>, out: &mut [f64]) {
        self.layout.gather(self.values, self.missing, first, lanes, self.lanes, out);
    }
}

impl Inputs {
    /// Prepares what `program` reads of `frames`, its inputs in order.
    ///
    /// `sessions` are the calendar's sessions of the whole range that is read, ascending, also those without any row:
    /// windows count sessions, not rows. `written` are the positions in it that the result is wanted for; `anchor` is the
    /// calendar's own number of the first.
    ///
    /// The lanes are the instruments of the first frame and those of `more` (which carry a state though no row may name
    /// them), of these only those in `only` if it is given. A value where a frame has no row is missing (a Bool is false).
    /// A later frame without a column `instrument` (an index, a rate) has its value in every lane.
    ///
    /// # Errors
    /// When a frame lacks a column, has one of another type, a row without key, two rows of one key, or a row of a session
    /// that is not in `sessions`.
    pub fn from_frames(
        program: &Program,
        frames: &[&DataFrame],
        sessions: &[NaiveDate],
        written: Range<usize>,
        anchor: usize,
        only: Option<&BTreeSet<String>>,
        more: &[String],
    ) -> Result<Self, FrameError> {
        let ascending = sessions.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || written.start > written.end || written.end > sessions.len() {
            return Err(FrameError::BadSessions);
        }
        let first = *frames.first().ok_or(FrameError::MissingInput { input: 1, given: 0 })?;
        let by_instrument = frame::has_instruments(first);
        let instruments = if by_instrument { lanes(first, only, more)? } else { vec![String::new()] };
        let axis = Axis { sessions: sessions.to_vec(), instruments };
        let (rows, lanes) = (axis.sessions.len(), axis.instruments.len());

        let mut wanted: BTreeMap<usize, BTreeMap<&str, Type>> = BTreeMap::from([(0, BTreeMap::new())]);
        for node in &program.nodes {
            if let Node::Input { input, column, ty } = node {
                wanted.entry(*input).or_default().insert(column, *ty);
            }
        }
        let mut read = BTreeMap::new();
        for (input, columns) in wanted {
            let df = *frames.get(input).ok_or(FrameError::MissingInput { input: input + 1, given: frames.len() })?;
            let layout = Layout::of(df, &name(input), &axis, by_instrument)?;
            let columns = columns
                .into_iter()
                .map(|(column, ty)| Ok((column.to_owned(), Values::of(df, &name(input), column, ty)?)))
                .collect::<Result<_, FrameError>>()?;
            read.insert(input, Frame { layout, columns });
        }
        let layout = &read[&0].layout;
        let present = layout.presence(rows, lanes);
        let keys =
            layout.slice(written.start, written.end, lanes).filter(|_| by_instrument).and_then(|(from, height)| {
                let key = |name| Some(frame::column(first, "", name).ok()?.slice(from as i64, height));
                Some(vec![key(frame::SESSION)?, key(frame::INSTRUMENT)?])
            });
        let has_suspensions = first.columns().iter().any(|c| c.name() == SUSPENDED && c.dtype() == &DataType::Boolean);
        let suspended = if has_suspensions { Some(Values::of(first, &name(0), SUSPENDED, Type::Bool)?) } else { None };
        Ok(Self { axis, written, by_instrument, anchor, present, members: None, keys, suspended, frames: read })
    }

    /// Lets only members take part: in functions of all instruments, and in the result. Windows and states go on reading the rows of
    /// all, also those of sessions on which an instrument was no member.
    #[must_use]
    pub fn within(mut self, members: &Members) -> Self {
        let Axis { sessions, instruments } = &self.axis;
        let cells = sessions.iter().flat_map(|session| instruments.iter().map(move |name| (*session, name)));
        let taking_part =
            self.present.iter().zip(cells).map(|(there, (session, name))| *there && members.has(session, name));
        self.members = Some(taking_part.collect());
        self
    }

    /// Which cells take part, row-major, where not all that have a row do.
    pub(crate) fn members(&self) -> Option<&[bool]> {
        self.members.as_deref()
    }

    pub(crate) fn rows(&self) -> usize {
        self.axis.sessions.len()
    }

    pub(crate) fn lanes(&self) -> usize {
        self.axis.instruments.len()
    }

    /// Which instruments have a row in a session.
    pub(crate) fn present(&self, row: usize) -> &[bool] {
        &self.present[row * self.lanes()..(row + 1) * self.lanes()]
    }

    /// The key columns of the result, if they need not be made.
    pub(crate) fn keys(&self) -> Option<&[Column]> {
        self.keys.as_deref()
    }

    /// A column of an input, if the program that this was made for reads it.
    pub(crate) fn column(&self, input: usize, column: &str) -> Option<InputColumn<'_>> {
        let frame = self.frames.get(&input)?;
        Some(self.gatherer(frame, frame.columns.get(column)?))
    }

    fn gatherer<'a>(&self, frame: &'a Frame, values: &'a Values) -> InputColumn<'a> {
        InputColumn { layout: &frame.layout, values: values.slice(), missing: values.missing(), lanes: self.lanes() }
    }

    /// Which cells are traded bars: those with a row in the first input from row `origin` on, unless its column
    /// `is_suspended` says that the instrument was not traded.
    pub(crate) fn traded(&self, origin: usize) -> Vec<bool> {
        let lanes = self.lanes();
        let mut traded = self.present.clone();
        traded[..origin.min(self.rows()) * lanes].fill(false);
        if let (Some(values), Some(frame)) = (&self.suspended, self.frames.get(&0)) {
            let mut suspended = vec![0.0; traded.len()];
            self.gatherer(frame, values).gather(0, 0..lanes, &mut suspended);
            traded.iter_mut().zip(suspended).for_each(|(traded, suspended)| *traded &= suspended == 0.0);
        }
        traded
    }

    /// A column as a whole panel.
    #[cfg(test)]
    fn panel(&self, input: usize, column: &str) -> Option<Vec<f64>> {
        let mut panel = vec![9.0; self.rows() * self.lanes()];
        self.column(input, column)?.gather(0, 0..self.lanes(), &mut panel);
        Some(panel)
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

/// The instruments of the first frame and `more`, of these those in `only`; sorted.
fn lanes(df: &DataFrame, only: Option<&BTreeSet<String>>, more: &[String]) -> Result<Vec<String>, FrameError> {
    let frame = name(0);
    // Rows come sorted, with mostly the same instruments in each session: the next row's is mostly the next known one.
    let mut known: Vec<&str> = Vec::new();
    let mut fresh: Vec<&str> = Vec::new();
    let (mut at, mut last) = (0, "");
    for instrument in frame::texts(frame::column(df, &frame, frame::INSTRUMENT)?, &frame)?.iter() {
        let instrument = instrument.ok_or_else(|| frame::missing_key(&frame, frame::INSTRUMENT))?;
        if instrument <= last && !fresh.is_empty() {
            known.append(&mut fresh);
            known.sort_unstable();
            known.dedup();
        }
        last = instrument;
        at = if known.get(at) == Some(&instrument) {
            at + 1
        } else if let Ok(found) = known.binary_search(&instrument) {
            found + 1
        } else {
            fresh.push(instrument);
            at
        };
    }
    let all = known.into_iter().chain(fresh).chain(more.iter().map(String::as_str));
    let wanted: BTreeSet<&str> = all.filter(|name| only.is_none_or(|only| only.contains(*name))).collect();
    Ok(wanted.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::{day, panel_frame};
    use polars::prelude::Column;

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
        let inputs = Inputs::from_frames(
            &reading(&[(0, "x", Type::Number)]),
            &[&df],
            &[day(2), day(3), day(4)],
            0..3,
            0,
            None,
            &[],
        )
        .unwrap();
        assert_eq!(inputs.axis.instruments, ["a", "b"]);
        let panel = inputs.panel(0, "x").unwrap();
        assert!(panel[0].is_nan() && panel[2].is_nan() && panel[3].is_nan());
        assert_eq!((panel[1], panel[4], panel[5]), (2.0, 3.0, 4.0));
        assert_eq!(inputs.present(0), [false, true]);
        assert_eq!(inputs.present(1), [false, false]);
    }

    #[test]
    fn later_inputs_follow_the_lanes_of_the_first() {
        let bars = panel_frame(&[(2, "a"), (2, "b"), (3, "a")], vec![Column::new("x".into(), [1.0, 2.0, 3.0])]);
        let flags = panel_frame(&[(2, "b"), (2, "z")], vec![Column::new("flag".into(), [true, true])]);
        let rate = panel_frame(&[(3, "-")], vec![Column::new("rate".into(), [0.5])]).drop(frame::INSTRUMENT).unwrap();
        let program = reading(&[(1, "flag", Type::Bool), (2, "rate", Type::Number)]);
        let inputs =
            Inputs::from_frames(&program, &[&bars, &flags, &rate], &[day(2), day(3)], 1..2, 0, None, &[]).unwrap();
        assert_eq!(inputs.panel(1, "flag").unwrap(), [0.0, 1.0, 0.0, 0.0]);
        let rate = inputs.panel(2, "rate").unwrap();
        assert!(rate[..2].iter().all(|v| v.is_nan()));
        assert_eq!(rate[2..], [0.5, 0.5]);
        assert!(inputs.by_instrument);
    }

    #[test]
    fn bad_frames_are_refused() {
        let x = |n| vec![Column::new("x".into(), vec![1.0; n])];
        let program = reading(&[(0, "x", Type::Number)]);
        let read = |df: &DataFrame| {
            Inputs::from_frames(&program, &[df], &[day(2), day(3)], 0..2, 0, None, &[]).unwrap_err().to_string()
        };
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
        assert!(matches!(
            Inputs::from_frames(&program, &[&df], &sessions, 0..2, 0, None, &[]),
            Err(FrameError::BadSessions)
        ));
        let index = df.drop(frame::INSTRUMENT).unwrap();
        let program = reading(&[(1, "x", Type::Number)]);
        let error = Inputs::from_frames(&program, &[&index, &df], &[day(2)], 0..1, 0, None, &[]).unwrap_err();
        assert!(matches!(error, FrameError::UnexpectedInstruments { .. }));
    }

    #[test]
    fn lanes_are_the_named_instruments_and_those_of_states() {
        let keys = [(2, "b"), (2, "d"), (3, "a"), (3, "d"), (4, "c"), (4, "b")];
        let df = panel_frame(&keys, vec![Column::new("x".into(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])]);
        let program = reading(&[(0, "x", Type::Number)]);
        let lanes = |only: Option<&BTreeSet<String>>, more: &[String]| {
            let inputs = Inputs::from_frames(&program, &[&df], &[day(2), day(3), day(4)], 0..3, 0, only, more).unwrap();
            inputs.axis.instruments
        };
        assert_eq!(lanes(None, &[]), ["a", "b", "c", "d"]);
        assert_eq!(lanes(None, &["e".into(), "a".into()]), ["a", "b", "c", "d", "e"]);
        let only = BTreeSet::from(["e".to_owned(), "d".to_owned(), "z".to_owned()]);
        assert_eq!(lanes(Some(&only), &["e".into(), "f".into()]), ["d", "e"]);
    }

    #[test]
    fn suspended_bars_are_not_traded_and_nothing_is_before_the_origin() {
        let flags = Column::new("is_suspended".into(), [Some(false), Some(true), None, Some(false)]);
        let df = panel_frame(&[(2, "a"), (3, "a"), (3, "b"), (4, "b")], vec![flags]);
        let sessions = [day(2), day(3), day(4)];
        let inputs = Inputs::from_frames(&reading(&[]), &[&df], &sessions, 0..3, 0, None, &[]).unwrap();
        assert_eq!(inputs.traded(0), [true, false, false, true, false, true]);
        assert_eq!(inputs.traded(2), [false, false, false, false, false, true]);
    }
}
