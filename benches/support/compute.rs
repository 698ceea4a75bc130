//! Our side without the writing: the panel read, every feature computed, nothing kept. Runs as a process of its own.

use std::fs::File;
use std::hint::black_box;

use assetctl_compute::{Inputs, evaluate};
use assetctl_expr::{ColumnKind, InputScope, Program, Source, compile};
use polars::prelude::*;

use crate::features::Set;
use crate::measure::Failure;
use crate::panel::Panel;

/// Values of one batch's features, 8 bytes each.
const MOST_VALUES: usize = 64 << 20;

/// Computes a set of features on a panel; gives the number of values that are not missing.
///
/// # Errors
/// When the panel cannot be read, or the features not computed.
pub fn compute(panel: Panel, set: Set) -> Result<usize, Failure> {
    let program = program(set)?;
    let columns: Vec<String> =
        ["session", "instrument"].map(str::to_owned).into_iter().chain(program.columns_read(0)).collect();
    let bars = ParquetReader::new(File::open(panel.file())?).with_columns(Some(columns)).finish()?;
    let dates = panel.dates()?;
    let starts = starts(&bars)?;
    let back = program.window(0).back as usize;
    let batch = (MOST_VALUES / (panel.instruments * program.outputs.len())).clamp(1, dates.len());
    let mut valid = 0;
    for first in (0..dates.len()).step_by(batch) {
        let (read, end) = (first.saturating_sub(back), (first + batch).min(dates.len()));
        let rows = bars.slice(starts[read] as i64, starts[end] - starts[read]);
        let inputs = Inputs::from_frames(&program, &[&rows], &dates[read..end], first - read..end - read)?;
        for feature in black_box(evaluate(&program, &inputs, &|| false)?) {
            valid += feature.data[(first - read) * feature.lanes..].iter().filter(|value| !value.is_nan()).count();
        }
    }
    Ok(valid)
}

fn program(set: Set) -> Result<Program, Failure> {
    let features = set.features();
    let sources: Vec<Source> = features.iter().map(|(name, text)| Source { name, text }).collect();
    let fields = ["open", "high", "low", "close", "volume", "vwap"];
    let columns = fields.map(|name| (name.to_owned(), ColumnKind::Number)).to_vec();
    let bars = InputScope { alias: "bars".to_owned(), columns: Some(columns) };
    compile(&sources, &[bars])
        .map_err(|errors| errors.iter().map(|error| format!("{error}\n")).collect::<String>().into())
}

/// The row at which each session begins, and the number of rows.
fn starts(bars: &DataFrame) -> Result<Vec<usize>, Failure> {
    let days = bars.column("session")?.date()?.physical().rechunk().into_owned();
    let days = days.cont_slice()?;
    let changes = days.windows(2).enumerate().filter(|(_, pair)| pair[0] != pair[1]).map(|(at, _)| at + 1);
    Ok(std::iter::once(0).chain(changes).chain([days.len()]).collect())
}
