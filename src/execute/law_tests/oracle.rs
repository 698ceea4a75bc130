//! What everything should hold, by one evaluation over the whole history, and which pairs of session and instrument have to be
//! computed when one history takes the place of another, by comparing every cell that is read.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_compute::{Inputs, Members, State, Task, WindowAxis, evaluate};
use assetctl_expr::Program;
use assetctl_graph::{AssetNode, Body, Graph};
use assetctl_store::Lanes;
use polars::prelude::*;

use super::market::{Market, START, calendar, date};
use crate::lanes;

/// A session (a number from the first on) and an instrument.
pub type Pair = (usize, String);

/// A value by its bits.
type Cell = Option<u64>;

/// What one asset holds.
#[derive(Debug)]
pub struct Content {
    pub frame: DataFrame,
    /// Columns, sorted by name, with their types.
    columns: BTreeMap<String, DataType>,
    pub rows: BTreeMap<Pair, BTreeMap<String, Cell>>,
    spec: String,
    /// Hashes of what instruments carry on, for each row.
    trace: BTreeMap<Pair, i64>,
    /// The states themselves after each session, whether there is a row or not.
    states: Vec<BTreeMap<String, Vec<u64>>>,
}

/// What all assets hold.
#[derive(Debug)]
pub struct History {
    pub sessions: usize,
    pub contents: BTreeMap<String, Content>,
}

/// Pairs that have to be computed, and those that may be: instruments without a row leave no trace of their state.
#[derive(Debug, Default)]
pub struct Due {
    pub must: BTreeSet<Pair>,
    pub may: BTreeSet<Pair>,
}

pub fn axis_of(node: &AssetNode) -> WindowAxis {
    match node.window_axis {
        assetctl_graph::WindowAxis::Calendar => WindowAxis::Calendar,
        assetctl_graph::WindowAxis::Traded => WindowAxis::Traded,
    }
}

/// The rows of a frame, by key.
pub fn rows(frame: &DataFrame) -> BTreeMap<Pair, BTreeMap<String, Cell>> {
    let mut rows: BTreeMap<Pair, BTreeMap<String, Cell>> = BTreeMap::new();
    if frame.height() == 0 {
        return rows;
    }
    let dates = frame.column("session").unwrap().date().unwrap();
    let first = date(0);
    let numbers: BTreeMap<_, usize> = (0..80).map(|at| (date(at), at)).filter(|(day, _)| *day >= first).collect();
    let sessions: Vec<usize> = dates.as_date_iter().map(|day| numbers[&day.unwrap()]).collect();
    let names: Vec<String> =
        frame.column("instrument").unwrap().str().unwrap().iter().map(|name| name.unwrap().to_owned()).collect();
    let keys: Vec<Pair> = sessions.into_iter().zip(names).collect();
    for key in &keys {
        rows.entry(key.clone()).or_default();
    }
    for column in frame.columns().iter().filter(|column| !["session", "instrument"].contains(&column.name().as_str())) {
        let cells: Vec<Cell> = match column.dtype() {
            DataType::Boolean => column.bool().unwrap().iter().map(|value| value.map(u64::from)).collect(),
            DataType::Int64 => column.i64().unwrap().iter().map(|value| value.map(|value| value as u64)).collect(),
            _ => column.f64().unwrap().iter().map(|value| value.map(f64::to_bits)).collect(),
        };
        for (key, cell) in keys.iter().zip(cells) {
            rows.get_mut(key).unwrap().insert(column.name().to_string(), cell);
        }
    }
    rows
}

fn bits(state: &State) -> BTreeMap<String, Vec<u64>> {
    let lanes = state.instruments.len();
    let of = |(lane, name): (usize, &String)| {
        let slots = state.nodes.iter().flat_map(|node| node.iter().skip(lane).step_by(lanes));
        (name.clone(), slots.map(|value| value.to_bits()).collect())
    };
    state.instruments.iter().enumerate().map(of).collect()
}

impl Content {
    fn of(frame: DataFrame, spec: &str) -> Self {
        let types = frame.columns().iter().map(|column| (column.name().to_string(), column.dtype().clone()));
        Self {
            columns: types.collect(),
            rows: rows(&frame),
            spec: spec.to_owned(),
            trace: BTreeMap::new(),
            states: Vec::new(),
            frame,
        }
    }

    fn names(&self, session: usize) -> BTreeSet<String> {
        let of_session = self.rows.range((session, String::new())..(session + 1, String::new()));
        of_session.map(|((_, name), _)| name.clone()).collect()
    }

    fn cell(&self, pair: &Pair, column: &str) -> Option<Cell> {
        self.rows.get(pair).map(|row| row.get(column).copied().flatten())
    }

    /// What an instrument carries on from a session: `None` for nothing. Over traded bars a session without a row leaves it as it is.
    fn carries(&self, axis: WindowAxis, session: usize, name: &str) -> Option<Vec<u64>> {
        if axis == WindowAxis::Calendar {
            let state = self.states.get(session)?.get(name)?;
            return state.iter().any(|bits| *bits != 0).then(|| state.clone());
        }
        (0..=session).rev().find_map(|at| self.trace.get(&(at, name.to_owned()))).map(|hash| vec![*hash as u64])
    }
}

impl History {
    /// Everything from scratch.
    pub fn rebuild(graph: &Graph, market: &Market) -> Self {
        let sessions = market.sessions();
        let mut contents: BTreeMap<String, Content> = BTreeMap::new();
        for ix in graph.order() {
            let node = graph.node(*ix);
            let content = match &node.body {
                Body::Columns(program) => evaluated(graph, node, program, sessions, &contents),
                Body::AsOf { .. } => Content::of(market.index(), &node.spec_text),
                // Of whom nothing is read but through the index.
                Body::Table => continue,
                _ => Content::of(market.frame(), &node.spec_text),
            };
            contents.insert(node.name.clone(), content);
        }
        Self { sessions, contents }
    }

    /// What has to be computed of an asset once this takes the place of `before`.
    pub fn due(&self, before: &Self, graph: &Graph, node: &AssetNode) -> Due {
        let Body::Columns(program) = &node.body else { return Due::default() };
        let (now, then) = (&self.contents[&node.name], before.contents.get(&node.name));
        let of_session = |session: usize, lanes: &Lanes| -> BTreeSet<Pair> {
            let names = now.names(session).into_iter();
            let is_due = |name: &String| {
                matches!(lanes, Lanes::All) || matches!(lanes, Lanes::Some(lanes) if lanes.contains(name))
            };
            names.filter(is_due).map(|name| (session, name)).collect()
        };
        let same_spec = then.is_some_and(|then| then.spec == now.spec);
        let changed: Vec<Lanes> = (0..self.sessions)
            .map(|session| {
                if !same_spec || session >= before.sessions {
                    Lanes::All
                } else {
                    self.changed(before, graph, node, program, session)
                }
            })
            .collect();
        let Some(then) = then.filter(|_| same_spec) else {
            let all: BTreeSet<Pair> = now.rows.keys().cloned().collect();
            return Due { must: all.clone(), may: all };
        };
        let axis = axis_of(node);
        let (certain, possible) = if node.recursive { carried(axis, now, then, &changed) } else { Default::default() };
        let back = if axis == WindowAxis::Traded { 0 } else { program.carry_back().unwrap_or(0) as usize };
        let mut due = Due::default();
        for session in 0..self.sessions {
            let with = |carried: &[BTreeSet<String>]| {
                let mut lanes = changed[session].clone();
                let end = session.min(carried.len());
                for names in &carried[end.saturating_sub(1 + back).min(end)..end] {
                    lanes::add(&mut lanes, &Lanes::Some(names.clone()));
                }
                if program.is_cross_sectional() && !lanes::is_none(&lanes) { Lanes::All } else { lanes }
            };
            due.must.extend(of_session(session, &with(&certain)));
            due.may.extend(of_session(session, &with(&possible)));
        }
        due
    }

    /// The instruments of which something differs in what a session reads, in a value or in being there.
    fn changed(&self, before: &Self, graph: &Graph, node: &AssetNode, program: &Program, session: usize) -> Lanes {
        let mut changed = Lanes::Some(BTreeSet::new());
        let is_traded = axis_of(node) == WindowAxis::Traded;
        for (at, edge) in node.edges.iter().enumerate() {
            let input = &graph.node(edge.input).name;
            let (now, Some(then)) = (&self.contents[input], before.contents.get(input)) else { return Lanes::All };
            if node.universe.as_ref().is_some_and(|universe| universe.edge == at) {
                for read in session.saturating_sub(edge.key_back as usize)..=session {
                    let (is, was) = (now.names(read), then.names(read));
                    lanes::add(&mut changed, &Lanes::Some(is.symmetric_difference(&was).cloned().collect()));
                }
                continue;
            }
            let mut reads: Vec<(String, usize)> =
                program.reads(at).into_iter().map(|read| (read.column, read.back as usize)).collect();
            if is_traded {
                reads.iter_mut().for_each(|(_, back)| *back = 0);
                if at == 0 && now.columns.contains_key("is_suspended") {
                    reads.push(("is_suspended".to_owned(), 0));
                }
            }
            let keys = if at == 0 && !is_traded { program.presence_back() as usize } else { 0 };
            let keys = reads.iter().map(|(_, back)| *back).max().unwrap_or(0).max(keys);
            if reads.iter().any(|(column, _)| now.columns.get(column) != then.columns.get(column)) {
                return Lanes::All;
            }
            let mut differ = |column: Option<&str>, back: usize| {
                for read in session.saturating_sub(back)..=session {
                    for name in now.names(read).union(&then.names(read)) {
                        let pair = (read, name.clone());
                        let differs = match column {
                            Some(column) => now.cell(&pair, column) != then.cell(&pair, column),
                            None => now.rows.contains_key(&pair) != then.rows.contains_key(&pair),
                        };
                        if differs {
                            lanes::add(&mut changed, &Lanes::Some(BTreeSet::from([name.clone()])));
                        }
                    }
                }
            };
            differ(None, keys);
            reads.iter().for_each(|(column, back)| differ(Some(column), *back));
        }
        changed
    }
}

/// For each session that both histories have, the instruments that carry something else on from it: for certain, and as far as
/// can be told by who looks at rows only.
fn carried(
    axis: WindowAxis,
    now: &Content,
    then: &Content,
    changed: &[Lanes],
) -> (Vec<BTreeSet<String>>, Vec<BTreeSet<String>>) {
    let (mut certain, mut possible): (Vec<BTreeSet<String>>, Vec<BTreeSet<String>>) = Default::default();
    let rows = now.rows.keys().chain(then.rows.keys());
    // Who is no member has a state too, and no row.
    let traces = now.trace.keys().chain(then.trace.keys());
    let everyone: BTreeSet<&String> = rows.chain(traces).map(|(_, name)| name).collect();
    for (session, changed) in changed.iter().enumerate() {
        let (mut differ, mut seems) = (BTreeSet::new(), BTreeSet::new());
        for name in &everyone {
            let pair = (session, (*name).clone());
            let differs = now.carries(axis, session, name) != then.carries(axis, session, name);
            let is_changed =
                matches!(changed, Lanes::All) || matches!(changed, Lanes::Some(lanes) if lanes.contains(*name));
            let differed = session > 0 && possible[session - 1].contains(*name);
            let looks = match (now.trace.get(&pair), then.trace.get(&pair)) {
                (None, None) => differed || is_changed,
                (is, was) => is != was,
            };
            if differs {
                differ.insert((*name).clone());
            }
            if differs || looks {
                seems.insert((*name).clone());
            }
        }
        certain.push(differ);
        possible.push(seems);
    }
    (certain, possible)
}

/// One evaluation of an asset over all sessions.
fn evaluated(
    graph: &Graph,
    node: &AssetNode,
    program: &Program,
    sessions: usize,
    contents: &BTreeMap<String, Content>,
) -> Content {
    let dates: Vec<_> = (0..sessions).map(date).collect();
    let mut frames: Vec<&DataFrame> =
        node.edges.iter().map(|edge| &contents[&graph.node(edge.input).name].frame).collect();
    let members = node.universe.as_ref().map(|universe| Members::of(frames.remove(universe.edge), None).unwrap());
    let anchor = calendar().ix(START.parse().unwrap()).unwrap().0 as usize;
    let inputs = Inputs::from_frames(program, &frames, &dates, 0..sessions, anchor, None, &[]).unwrap();
    let inputs = members.iter().fold(inputs, |inputs, members| inputs.within(members));
    let all: Vec<usize> = (0..sessions).collect();
    let evaluated = evaluate(&Task {
        program,
        inputs: &inputs,
        axis: axis_of(node),
        origin: 0,
        checkpoints: &[],
        states_after: if program.is_recursive() { &all } else { &[] },
        threads: 1,
        cancel: &|| false,
    })
    .unwrap();
    let mut content = Content::of(evaluated.to_frame().unwrap(), &node.spec_text);
    if let Some(trace) = evaluated.trace() {
        let hashes = rows(&trace).into_iter().map(|(pair, row)| (pair, row["state"].unwrap() as i64));
        content.trace = hashes.collect();
    }
    content.states = evaluated.states().iter().map(|(_, state)| bits(state)).collect();
    content
}
