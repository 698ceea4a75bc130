//! `assetctl status`: how far each asset is.

use chrono::NaiveDate;

use crate::args::{Selecting, Status};
use crate::context::Context;
use crate::error::CliError;
use crate::report::{self, table};

pub fn run(context: &Context, args: &Status) -> Result<(), CliError> {
    let loaded = context.load()?;
    let store = loaded.existing_store()?;
    let Selecting { select, exclude } = &args.selecting;
    let rows = loaded.view().status(store.as_ref(), select, exclude, context.clock.now())?;
    report::result(context.format, &rows, |rows| {
        let mut shown =
            table::table(&["asset", "kind", "state", "partitions#", "first", "last", "stale#", "blocked#", "checks"]);
        for row in rows {
            let date = |date: Option<NaiveDate>| date.map_or_else(String::new, |date| date.to_string());
            let stale = match row.possibly_stale {
                0 => row.stale.to_string(),
                more => format!("{} (+ ≤ {more})", row.stale),
            };
            shown.add_row([
                row.asset.clone(),
                row.kind.clone(),
                row.states.join(", "),
                format!("{}/{}", row.materialized, row.partitions),
                date(row.first),
                date(row.last),
                stale,
                row.blocked.to_string(),
                match (row.checks_failed, row.checks_warned) {
                    (0, 0) => String::new(),
                    (0, warned) => format!("{warned} warned"),
                    (failed, 0) => format!("{failed} failed"),
                    (failed, warned) => format!("{failed} failed, {warned} warned"),
                },
            ]);
        }
        table::render(&shown)
    })
}
