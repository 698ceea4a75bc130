//! `assetctl ls`.

use assetctl_serve::{ColumnWindow, ColumnWindows, ListedAsset};

use crate::args::Ls;
use crate::context::Context;
use crate::error::CliError;
use crate::report::{self, table};

pub fn run(context: &Context, args: &Ls) -> Result<(), CliError> {
    let loaded = context.load()?;
    let selected = loaded.select_by_state(&args.selecting, context.clock.now())?;
    if args.windows {
        let listed = loaded.view().windows(&selected);
        return report::result(context.format, &listed, |listed| windows(listed));
    }
    let listed: Vec<ListedAsset> = selected.iter().map(|ix| loaded.view().listed(*ix)).collect();
    report::result(context.format, &listed, |listed| if args.columns { columns(listed) } else { human(listed) })
}

fn windows(listed: &[ColumnWindows]) -> String {
    let mut rows = table::table(&["asset", "column", "reads", "and so depends on"]);
    for one in listed {
        let part = |direct: bool| {
            let reads = one.reads.iter().filter(|window| window.direct == direct);
            reads.map(in_words).collect::<Vec<_>>().join(", ")
        };
        rows.add_row([one.asset.clone(), one.column.as_deref().unwrap_or("(all)").to_owned(), part(true), part(false)]);
    }
    table::render(&rows)
}

fn in_words(window: &ColumnWindow) -> String {
    let unit = if window.last == Some(1) { window.unit.trim_end_matches('s') } else { window.unit };
    let carried = if window.carried { " and what was carried into them" } else { "" };
    match window.last {
        Some(last) => format!("{} {last} {unit}{carried}", window.asset),
        None => format!("{} all history (state){carried}", window.asset),
    }
}

fn human(listed: &[ListedAsset]) -> String {
    let mut rows = table::table(&["asset", "kind", "columns#", "reads", "tags", "description"]);
    for asset in listed {
        let reads: Vec<String> = asset
            .inputs
            .iter()
            .map(|input| match input.back {
                0 => input.asset.clone(),
                back => format!("{} (last {})", input.asset, back + 1),
            })
            .collect();
        rows.add_row([
            asset.asset.clone(),
            asset.kind.clone(),
            asset.columns.as_ref().map_or_else(|| "?".to_owned(), |columns| columns.len().to_string()),
            reads.join(", "),
            asset.tags.join(", "),
            asset.description.clone().unwrap_or_default(),
        ]);
    }
    table::render(&rows)
}

fn columns(listed: &[ListedAsset]) -> String {
    let mut rows = table::table(&["asset", "column", "type"]);
    for asset in listed {
        for column in asset.columns.iter().flatten() {
            rows.add_row([&asset.asset, &column.name, &column.ty]);
        }
    }
    table::render(&rows)
}
