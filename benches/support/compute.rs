//! Our side without the writing: the panel read, every feature computed, nothing kept. Runs as a process of its own.

use std::fs::File;
use std::hint::black_box;

use assetctl_compute::{Inputs, Task, WindowAxis, evaluate};
use assetctl_expr::{ColumnKind, Dialect, FeatureSet, InputScope, Program, Source, compile_in};
use polars::prelude::*;

use crate::features::Set;
use crate::measure::Failure;
use crate::panel::Panel;

/// Values of one batch's features, 8 bytes each.
const MOST_VALUES: usize = 64 << 20;
/// Sessions of one batch, as in a run of the program.
const MOST_SESSIONS: usize = 252;
/// As many processes as Qlib is given.
const THREADS: usize = 2;

/// Computes a set of features on a panel; gives the number of values that are not missing.
///
/// # Errors
/// When the panel cannot be read, or the features not computed.
pub fn compute(panel: Panel, set: Set) -> Result<usize, Failure> {
    let program = program(set)?;
    let columns: Vec<String> =
        ["session", "instrument"].map(str::to_owned).into_iter().chain(program.columns_read(0)).collect();
    let bars = ParquetReader::new(File::open(panel.file())?).with_columns(Some(columns)).finish()?;
    let (dates, anchor) = (panel.dates()?, panel.first_session()?);
    let starts = starts(&bars)?;
    let back = program.window(0).back as usize;
    let fits = MOST_VALUES / (panel.instruments * program.outputs.len());
    let batch = fits.clamp(1, MOST_SESSIONS);
    let mut valid = 0;
    for first in (0..dates.len()).step_by(batch) {
        let (read, end) = (first.saturating_sub(back), (first + batch).min(dates.len()));
        let rows = bars.slice(starts[read] as i64, starts[end] - starts[read]);
        let written = first - read..end - read;
        let inputs = Inputs::from_frames(&program, &[&rows], &dates[read..end], written, anchor + read, None, &[])?;
        let evaluated = evaluate(&Task {
            program: &program,
            inputs: &inputs,
            axis: WindowAxis::Calendar,
            origin: 0,
            checkpoints: &[],
            states_after: &[],
            threads: THREADS,
            cancel: &|| false,
        })?;
        let features = black_box(evaluated.to_frame()?);
        let columns = features.columns().iter().filter(|column| column.dtype() == &DataType::Float64);
        valid += columns.map(|column| column.len() - column.null_count()).sum::<usize>();
    }
    Ok(valid)
}

fn program(set: Set) -> Result<Program, Failure> {
    let features = set.features();
    let sources: Vec<Source> =
        features.iter().map(|feature| Source { name: &feature.name, text: &feature.text }).collect();
    let columns = FeatureSet::NEEDS.map(|name| (name.to_owned(), ColumnKind::Number)).to_vec();
    let bars = InputScope { alias: "bars".to_owned(), columns: Some(columns) };
    compile_in(&sources, &|_| Dialect::Feature { compat: false }, &[bars])
        .map_err(|errors| errors.iter().map(|error| format!("{error}\n")).collect::<String>().into())
}

/// The row at which each session begins, and the number of rows.
fn starts(bars: &DataFrame) -> Result<Vec<usize>, Failure> {
    let days = bars.column("session")?.date()?.physical().rechunk().into_owned();
    let days = days.cont_slice()?;
    let changes = days.windows(2).enumerate().filter(|(_, pair)| pair[0] != pair[1]).map(|(at, _)| at + 1);
    Ok(std::iter::once(0).chain(changes).chain([days.len()]).collect())
}
