//! `assetctl ls`.

use assetctl_config::ColumnType;
use assetctl_graph::{AssetNode, Extent, Reach};
use serde::Serialize;

use crate::args::Ls;
use crate::context::{Context, Loaded};
use crate::error::CliError;
use crate::report::{self, table};

/// `--format json`: one per asset, in the order written.
#[derive(Serialize)]
struct Listed<'a> {
    asset: &'a str,
    kind: &'a str,
    calendar: &'a str,
    start: String,
    inputs: Vec<Input<'a>>,
    columns: Option<Vec<Column<'a>>>,
    tags: &'a [String],
    owner: Option<&'a str>,
    description: Option<&'a str>,
}

#[derive(Serialize)]
struct Input<'a> {
    asset: &'a str,
    /// Sessions before its own that a partition reads.
    back: u32,
}

#[derive(Serialize)]
struct Column<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    ty: ColumnType,
}

/// `--windows --format json`: one per column, in the order of assets and columns.
#[derive(Serialize)]
struct Windows<'a> {
    asset: &'a str,
    /// `null` stands for all columns of an asset whose columns only a run can tell.
    column: Option<&'a str>,
    reads: Vec<Window<'a>>,
}

/// What a column depends on of another asset with sessions.
#[derive(Serialize)]
struct Window<'a> {
    asset: &'a str,
    /// Whether it is an input, and not further up.
    direct: bool,
    /// So many, the partition's own included; `null` for all so far.
    last: Option<u32>,
    /// `sessions`, or `bars`: sessions on which the instrument was traded.
    unit: &'static str,
    /// Whether all sessions so far count through the state of a recursive function.
    state: bool,
    /// Whether values of sessions before them may have been carried into them.
    carried: bool,
}

pub fn run(context: &Context, args: &Ls) -> Result<(), CliError> {
    let loaded = context.load()?;
    let selected = loaded.select_by_state(&args.selecting, context.clock.now())?;
    if args.windows {
        let reaches = loaded.graph.reaches();
        let columns = selected.iter().flat_map(|ix| reaches[*ix].iter().map(|column| (*ix, column)));
        let listed: Vec<Windows<'_>> = columns
            .map(|(ix, column)| Windows {
                asset: &loaded.graph.node(ix).name,
                column: column.column.as_deref(),
                reads: column.reads.iter().map(|reach| window(&loaded, reach)).collect(),
            })
            .collect();
        return report::result(context.format, &listed, |listed| windows(listed));
    }
    let listed: Vec<Listed<'_>> = selected.iter().map(|ix| listed(&loaded, loaded.graph.node(*ix))).collect();
    report::result(context.format, &listed, |listed| if args.columns { columns(listed) } else { human(listed) })
}

fn listed<'a>(loaded: &'a Loaded, node: &'a AssetNode) -> Listed<'a> {
    Listed {
        asset: &node.name,
        kind: node.kind,
        calendar: node.calendar.name(),
        start: node.start_date().to_string(),
        inputs: node
            .edges
            .iter()
            .map(|edge| Input { asset: &loaded.graph.node(edge.input).name, back: edge.back })
            .collect(),
        columns: node.schema.as_ref().map(|schema| schema.iter().map(|(name, ty)| Column { name, ty: *ty }).collect()),
        tags: &node.tags,
        owner: node.owner.as_deref(),
        description: node.description.as_deref(),
    }
}

fn window<'a>(loaded: &'a Loaded, reach: &Reach) -> Window<'a> {
    let Extent { back, bars, state, carried } = reach.extent;
    Window {
        asset: &loaded.graph.node(reach.asset).name,
        direct: reach.direct,
        last: (!state).then(|| back.saturating_add(1)),
        unit: if bars { "bars" } else { "sessions" },
        state,
        carried,
    }
}

fn windows(listed: &[Windows<'_>]) -> String {
    let mut rows = table::table(&["asset", "column", "reads", "and so depends on"]);
    for one in listed {
        let part = |direct: bool| {
            let reads = one.reads.iter().filter(|window| window.direct == direct);
            reads.map(Window::to_string).collect::<Vec<_>>().join(", ")
        };
        rows.add_row([one.asset.to_owned(), one.column.unwrap_or("(all)").to_owned(), part(true), part(false)]);
    }
    table::render(&rows)
}

impl std::fmt::Display for Window<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = if self.last == Some(1) { self.unit.trim_end_matches('s') } else { self.unit };
        match self.last {
            Some(last) => write!(f, "{} {last} {unit}", self.asset)?,
            None => write!(f, "{} all history (state)", self.asset)?,
        }
        if self.carried { f.write_str(" and what was carried into them") } else { Ok(()) }
    }
}

fn human(listed: &[Listed<'_>]) -> String {
    let mut rows = table::table(&["asset", "kind", "columns#", "reads", "tags", "description"]);
    for asset in listed {
        let reads: Vec<String> = asset
            .inputs
            .iter()
            .map(|input| match input.back {
                0 => input.asset.to_owned(),
                back => format!("{} (last {})", input.asset, back + 1),
            })
            .collect();
        rows.add_row([
            asset.asset.to_owned(),
            asset.kind.to_owned(),
            asset.columns.as_ref().map_or_else(|| "?".to_owned(), |columns| columns.len().to_string()),
            reads.join(", "),
            asset.tags.join(", "),
            asset.description.unwrap_or_default().to_owned(),
        ]);
    }
    table::render(&rows)
}

fn columns(listed: &[Listed<'_>]) -> String {
    let mut rows = table::table(&["asset", "column", "type"]);
    for asset in listed {
        for column in asset.columns.iter().flatten() {
            rows.add_row([asset.asset, column.name, column.ty.name()]);
        }
    }
    table::render(&rows)
}
