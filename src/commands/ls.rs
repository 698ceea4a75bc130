//! `assetctl ls`.

use assetctl_config::ColumnType;
use assetctl_graph::AssetNode;
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

pub fn run(context: &Context, args: &Ls) -> Result<(), CliError> {
    let loaded = context.load()?;
    let selected = loaded.select_by_state(&args.selecting, context.clock.now())?;
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
