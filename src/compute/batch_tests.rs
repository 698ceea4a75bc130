//! Laws 1 and 3 from expression to frame: what [`Program::window`] says is read is enough, and where a batch begins and ends
//! leaves no trace.

use assetctl_expr::{ColumnKind, InputScope, Program, Source, compile};
use polars::prelude::*;
use proptest::prelude::*;

use crate::evaluate::tests::task;
use crate::frame::tests::{day, panel_frame};
use crate::{Inputs, evaluate};

const DAYS: u32 = 31;
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Every function at least once, nested in each other.
fn program() -> Program {
    let columns = [
        ("ret", "close / ref(close, 3) - 1"),
        ("smooth", "mean(ret, 4) + sum(volume, 3)"),
        ("risk", "std(ret, 5) + var(ref(close, 2), 3)"),
        ("span", "max(close, 5) - min(close, 6)"),
        ("middle", "median(close, 4) - quantile(close, 5, 0.2)"),
        ("place", "rank(volume, 6)"),
        ("ups", "count(delta(close, 1) > 0, 5) + count(close, 2)"),
        ("trend", "slope(close, 5) + roc(close, 2)"),
        ("tied", "corr(close, volume, 5) + cov(ret, volume, 4)"),
        ("score", "mean(cs_zscore(cs_winsorize(ret)), 3) + cs_rank(risk) - cs_demean(volume)"),
        ("good", "score > 0 and not (close < mean(close, 10))"),
        ("choice", "if(good, log(abs(score)), -1)"),
    ];
    let sources: Vec<Source> = columns.iter().map(|(name, text)| Source { name, text }).collect();
    let numbers = ["close", "volume"].map(|name| (name.to_owned(), ColumnKind::Number));
    compile(&sources, &[InputScope { alias: "bars".into(), columns: Some(numbers.into()) }]).unwrap()
}

/// The result for days `from..to`, from the days that its windows reach.
fn batch(program: &Program, bars: &DataFrame, dates: &[u32], from: u32, to: u32) -> DataFrame {
    let first = from.saturating_sub(program.window(0).back).max(1);
    let (start, end) = (dates.partition_point(|d| *d < first), dates.partition_point(|d| *d < to));
    let read = bars.slice(start as i64, end - start);
    let sessions: Vec<_> = (first..to).map(day).collect();
    let written = (from - first) as usize..(to - first) as usize;
    let inputs = Inputs::from_frames(program, &[&read], &sessions, written, first as usize, None, &[]).unwrap();
    evaluate(&task(program, &inputs)).unwrap().to_frame().unwrap()
}

/// The close and volume of a key, or no row.
fn row() -> impl Strategy<Value = Option<(f64, Option<f64>)>> {
    use proptest::option::weighted;
    weighted(0.8, (1.0..100.0_f64, weighted(0.9, 0.0..1e9_f64)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_split_gives_the_frame_of_one_batch(
        values in proptest::collection::vec(row(), DAYS as usize * NAMES.len()),
        cuts in proptest::collection::btree_set(2..=DAYS, 0..8),
    ) {
        let program = program();
        let (mut keys, mut close, mut volume) = (vec![], vec![], vec![]);
        for (at, value) in values.into_iter().enumerate() {
            if let Some((price, traded)) = value {
                keys.push((at as u32 / NAMES.len() as u32 + 1, NAMES[at % NAMES.len()]));
                close.push(price);
                volume.push(traded);
            }
        }
        let dates: Vec<u32> = keys.iter().map(|(date, _)| *date).collect();
        let bars = panel_frame(&keys, vec![Column::new("close".into(), close), Column::new("volume".into(), volume)]);

        let whole = batch(&program, &bars, &dates, 1, DAYS + 1);
        prop_assert_eq!(whole.height(), bars.height());
        let edges: Vec<u32> = std::iter::once(1).chain(cuts).chain([DAYS + 1]).collect();
        let mut parts = whole.slice(0, 0);
        for edge in edges.windows(2) {
            parts.vstack_mut(&batch(&program, &bars, &dates, edge[0], edge[1])).unwrap();
        }
        prop_assert!(parts.equals_missing(&whole), "{}\n{}", parts, whole);
    }
}
