//! Which sessions of everything above it each column depends on: its windows on its inputs, and through them on theirs.

use assetctl_config::WindowAxis;

use crate::dag::Graph;
use crate::node::{AssetNode, Axis, Body};

/// The sessions, counted back from a partition's own, that a column depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// The last `back + 1`.
    pub back: u32,
    /// Whether they are counted in bars of each instrument and not in sessions, somewhere on the way.
    pub bars: bool,
    /// Whether all sessions before them count too, through the state of a recursive function.
    pub state: bool,
    /// Whether a value may be carried from a session before them into one on which there was none.
    pub carried: bool,
}

impl Extent {
    /// The extent of this on something that itself reaches so far.
    fn beyond(self, further: Extent) -> Extent {
        Extent { back: self.back.saturating_add(further.back), ..self.widest(further) }
    }

    fn widest(self, other: Extent) -> Extent {
        Extent {
            back: self.back.max(other.back),
            bars: self.bars || other.bars,
            state: self.state || other.state,
            carried: self.carried || other.carried,
        }
    }
}

/// What a column depends on of another asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Position in the graph.
    pub asset: usize,
    /// Whether the asset is an input, and not further up.
    pub direct: bool,
    pub extent: Extent,
}

/// A column, and what it depends on: the inputs first, what is further up after what reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnReach {
    /// `None` stands for all columns of an asset whose columns only a run can tell.
    pub column: Option<String>,
    pub reads: Vec<Reach>,
}

/// What a column reads of one input: of one of its columns, or of all.
struct Read<'a> {
    edge: usize,
    column: Option<&'a str>,
    extent: Extent,
}

impl Graph {
    /// The columns of every asset but their keys, with what they depend on of assets with sessions; in the order of
    /// [`nodes`](Graph::nodes).
    pub fn reaches(&self) -> Vec<Vec<ColumnReach>> {
        let mut known: Vec<Vec<ColumnReach>> = vec![Vec::new(); self.nodes().len()];
        for &ix in self.order() {
            known[ix] = self.columns_of(ix, &known);
        }
        known
    }

    fn columns_of(&self, ix: usize, known: &[Vec<ColumnReach>]) -> Vec<ColumnReach> {
        let node = self.node(ix);
        let reach = |column: Option<&str>, reads: &[Read<'_>]| ColumnReach {
            column: column.map(str::to_owned),
            reads: self.compose(node, reads, known),
        };
        if let Body::Columns(program) = &node.body {
            let outputs = program.outputs.iter().enumerate();
            return outputs
                .map(|(at, output)| {
                    let reads = program.output_reads(at);
                    let reads: Vec<Read<'_>> = reads
                        .iter()
                        .map(|read| Read {
                            edge: read.input,
                            column: Some(&read.column),
                            extent: Extent {
                                back: read.back,
                                bars: node.window_axis == WindowAxis::Traded && read.back > 0,
                                state: read.state,
                                carried: false,
                            },
                        })
                        .collect();
                    reach(Some(&output.name), &reads)
                })
                .collect();
        }
        let names: Vec<Option<&str>> = match &node.schema {
            Some(schema) => {
                schema.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "instrument").map(Some).collect()
            }
            None => vec![None],
        };
        names.into_iter().map(|name| reach(name, &plain_reads(node, name))).collect()
    }

    /// Windows on inputs, and what the columns read there depend on.
    fn compose(&self, node: &AssetNode, reads: &[Read<'_>], known: &[Vec<ColumnReach>]) -> Vec<Reach> {
        let mut direct: Vec<Reach> = Vec::new();
        let mut further: Vec<Reach> = Vec::new();
        let universe = node.universe.as_ref().map(|universe| Read {
            edge: universe.edge,
            column: universe.rule.as_ref().map(|(column, _)| column.as_str()),
            extent: Extent { back: node.edges.get(universe.edge).map_or(0, |edge| edge.back), ..Extent::default() },
        });
        for read in reads.iter().chain(&universe) {
            let Some(edge) = node.edges.get(read.edge) else { continue };
            if self.node(edge.input).axis == Axis::Static {
                continue;
            }
            add(&mut direct, Reach { asset: edge.input, direct: true, extent: read.extent });
            let columns = &known[edge.input];
            let is_read = |column: &&ColumnReach| match (read.column, column.column.as_deref()) {
                (Some(read), Some(name)) => read == name,
                _ => true,
            };
            for above in columns.iter().filter(is_read).flat_map(|column| &column.reads) {
                add(&mut further, Reach { direct: false, extent: read.extent.beyond(above.extent), ..*above });
            }
        }
        // An asset that is read directly and also through another has one window: the wider.
        for above in further {
            add(&mut direct, above);
        }
        direct
    }
}

fn add(reaches: &mut Vec<Reach>, reach: Reach) {
    match reaches.iter_mut().find(|known| known.asset == reach.asset) {
        Some(known) => {
            known.extent = known.extent.widest(reach.extent);
            known.direct |= reach.direct;
        }
        None => reaches.push(reach),
    }
}

/// What a column of an asset without expressions reads.
fn plain_reads<'a>(node: &'a AssetNode, column: Option<&'a str>) -> Vec<Read<'a>> {
    match &node.body {
        // What it adds tells of the whole bar.
        Body::Complete { parts, .. } => {
            let columns = node.schema.iter().flatten().map(|(name, _)| name.as_str());
            let made = parts.made(columns);
            let column = column.filter(|column| made.iter().all(|(name, _)| name != column));
            let extent = Extent { carried: true, ..Extent::default() };
            std::iter::once(0).chain(parts.fallback).map(|edge| Read { edge, column, extent }).collect()
        }
        Body::Resample(resample) => {
            let made = resample.columns.iter().find(|made| Some(made.name.as_str()) == column);
            vec![Read { edge: 0, column: made.map(|made| made.of.as_str()), extent: Extent::default() }]
        }
        Body::Signals(_) => vec![Read { edge: 0, column: None, extent: Extent::default() }],
        Body::Sql { refs, .. } => refs
            .iter()
            .map(|of| Read {
                edge: of.edge,
                column: None,
                extent: Extent { back: of.sessions.saturating_sub(1), ..Extent::default() },
            })
            .collect(),
        Body::Exec { .. } => node
            .edges
            .iter()
            .enumerate()
            .map(|(at, edge)| Read { edge: at, column: None, extent: Extent { back: edge.back, ..Extent::default() } })
            .collect(),
        // Of a table, which has no sessions.
        Body::Source | Body::Fetched { .. } | Body::Table | Body::AsOf { .. } | Body::Columns(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use assetctl_config::ColumnType;
    use assetctl_expr::{InputScope, Source, compile};

    use super::*;
    use crate::node::{CompleteParts, SqlRef};
    use crate::testing::nodes;

    /// An asset of columns over inputs whose columns are not asked for.
    fn columns(node: &mut AssetNode, inputs: &[&str], of: &[(&str, &str)]) {
        let scopes: Vec<InputScope> =
            inputs.iter().map(|alias| InputScope { alias: (*alias).to_owned(), columns: None }).collect();
        let sources: Vec<Source<'_>> = of.iter().map(|(name, text)| Source { name, text }).collect();
        node.body = Body::Columns(Arc::new(compile(&sources, &scopes).unwrap()));
    }

    fn schema(node: &mut AssetNode, names: &[&str]) {
        let columns = ["instrument"].iter().chain(names).map(|name| ((*name).to_owned(), ColumnType::Number));
        node.schema = Some(columns.collect());
    }

    /// `column: asset last…`, with what it says of the kind of dependence.
    fn told(graph: &Graph, asset: &str) -> Vec<String> {
        let reach = |reach: &Reach| {
            let Extent { back, bars, state, carried } = reach.extent;
            let marks = [(!reach.direct, "up"), (bars, "bars"), (state, "state"), (carried, "carried")];
            let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| format!(" {mark}")).collect();
            format!("{} {}{marks}", graph.node(reach.asset).name, back + 1)
        };
        let line = |column: &ColumnReach| {
            let reads: Vec<String> = column.reads.iter().map(reach).collect();
            format!("{}: {}", column.column.as_deref().unwrap_or("*"), reads.join(", "))
        };
        graph.reaches()[graph.find(asset).unwrap()].iter().map(line).collect()
    }

    #[test]
    fn windows_add_up_column_by_column() {
        let mut all = nodes(&[("raw", &[]), ("bars", &[0]), ("ind", &[1]), ("scores", &[2, 1])]);
        schema(&mut all[0], &["close", "volume"]);
        schema(&mut all[1], &["close", "volume", "is_suspended"]);
        all[1].body = Body::Complete { fill: BTreeMap::new(), listing: false, parts: CompleteParts::default() };
        columns(&mut all[2], &["bars"], &[("vol", "std(close / ref(close, 1), 20)"), ("busy", "volume")]);
        columns(&mut all[3], &["ind", "bars"], &[("a", "mean(ind.vol, 5)"), ("b", "ind.busy + mean(bars.close, 30)")]);
        let graph = Graph::from_nodes(all).unwrap();
        assert_eq!(told(&graph, "raw"), ["close: ", "volume: "]);
        assert_eq!(told(&graph, "bars")[0], "close: raw 1 carried");
        assert_eq!(told(&graph, "ind"), ["vol: bars 21, raw 21 up carried", "busy: bars 1, raw 1 up carried"]);
        // What is read directly and through another has the wider window; a narrow column is not held to a wide one's.
        assert_eq!(
            told(&graph, "scores"),
            ["a: ind 5, bars 25 up, raw 25 up carried", "b: ind 1, bars 30, raw 30 up carried"]
        );
    }

    #[test]
    fn states_and_traded_bars_go_all_the_way_up() {
        let mut all = nodes(&[("raw", &[]), ("ind", &[0]), ("traded", &[1]), ("below", &[2]), ("query", &[2, 3])]);
        schema(&mut all[0], &["close"]);
        columns(&mut all[1], &["raw"], &[("slow", "ema(close, 5)"), ("fast", "close")]);
        columns(&mut all[2], &["ind"], &[("a", "mean(slow, 3)"), ("b", "mean(fast, 3)"), ("c", "fast")]);
        all[2].window_axis = WindowAxis::Traded;
        columns(&mut all[3], &["traded"], &[("x", "mean(b, 10)")]);
        let views = [(0, 4), (1, 1)].map(|(edge, sessions)| SqlRef { name: String::new(), edge, sessions });
        all[4].body = Body::Sql { sql: String::new(), refs: views.into(), key: None };
        let graph = Graph::from_nodes(all).unwrap();
        assert_eq!(told(&graph, "ind"), ["slow: raw 1 state", "fast: raw 1"]);
        assert_eq!(
            told(&graph, "traded"),
            ["a: ind 3 bars, raw 3 up bars state", "b: ind 3 bars, raw 3 up bars", "c: ind 1, raw 1 up"]
        );
        assert_eq!(told(&graph, "below"), ["x: traded 10, ind 12 up bars, raw 12 up bars"]);
        assert_eq!(told(&graph, "query"), ["*: traded 10, below 1, ind 12 up bars, raw 12 up bars state"]);
    }
}
