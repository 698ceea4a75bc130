//! Signals: the k best of each session.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use polars::prelude::*;

use crate::frame::{self, FrameError, INSTRUMENT, SESSION};

/// Why there are no signals.
#[derive(Debug, thiserror::Error)]
pub enum TopKError {
    #[error(
        "`top_k` cannot order by a column called `{column}`, which is a column of its result; rename it in the input"
    )]
    ReservedName { column: String },
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// How the chosen share the capital; the weights of a session add up to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// The same for each.
    Equal,
    /// In proportion to `k + 1 - rank`.
    Rank,
}

/// Chooses per session the `k` instruments with the highest `by`; the missing are not scored and never chosen, and of equal ones
/// the smaller name goes first.
///
/// The result has a row for each chosen, sorted by (session, instrument), and the columns `rank` (1 is the highest), `by` under its
/// own name, and `weight`. Fewer than `k` scored instruments share the whole.
///
/// # Errors
/// When the frame has no keys or no numbers in `by`, or `by` is called as a column of the result is.
pub fn top_k(df: &DataFrame, by: &str, k: u32, weights: Weights) -> Result<DataFrame, TopKError> {
    if [SESSION, INSTRUMENT, "rank", "weight"].contains(&by) {
        return Err(TopKError::ReservedName { column: by.to_owned() });
    }
    let scores = frame::numbers(frame::column(df, FRAME, by)?, FRAME)?;
    let keys = frame::sessions(df, FRAME)?.into_iter().zip(frame::instruments(df, FRAME)?);
    let mut scored: BTreeMap<NaiveDate, Vec<(&str, f64)>> = BTreeMap::new();
    for ((session, instrument), score) in keys.zip(scores) {
        if !score.is_nan() {
            scored.entry(session).or_default().push((instrument, score));
        }
    }

    let mut chosen = Vec::new();
    for (session, mut scored) in scored {
        scored.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        scored.truncate(k as usize);
        let share = |rank: usize| match weights {
            Weights::Equal => 1.0,
            Weights::Rank => (k as usize + 1 - rank) as f64,
        };
        let total: f64 = (1..=scored.len()).map(share).sum();
        let first = chosen.len();
        chosen.extend((1..).zip(scored).map(|(rank, (instrument, score))| Chosen {
            session,
            instrument,
            rank: rank as f64,
            score,
            weight: share(rank) / total,
        }));
        chosen[first..].sort_unstable_by_key(|chosen| chosen.instrument);
    }

    let columns = vec![
        frame::date_column(SESSION, chosen.iter().map(|chosen| Some(chosen.session))),
        StringChunked::from_iter_values(INSTRUMENT.into(), chosen.iter().map(|chosen| chosen.instrument)).into_column(),
        frame::number_column("rank", chosen.iter().map(|chosen| chosen.rank)),
        frame::number_column(by, chosen.iter().map(|chosen| chosen.score)),
        frame::number_column("weight", chosen.iter().map(|chosen| chosen.weight)),
    ];
    Ok(DataFrame::new(chosen.len(), columns).map_err(FrameError::from)?)
}

const FRAME: &str = "the input of `top_k`";

struct Chosen<'a> {
    session: NaiveDate,
    instrument: &'a str,
    rank: f64,
    score: f64,
    weight: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::panel_frame;

    fn scores() -> DataFrame {
        let keys = [(2, "d"), (2, "a"), (2, "b"), (2, "c"), (3, "a"), (3, "b"), (4, "a")];
        let values = [Some(1.0), None, Some(5.0), Some(1.0), Some(-1.0), Some(-2.0), None];
        panel_frame(&keys, vec![Column::new("score".into(), values)])
    }

    fn expected(weights: [f64; 4]) -> DataFrame {
        panel_frame(
            &[(2, "b"), (2, "c"), (3, "a"), (3, "b")],
            vec![
                Column::new("rank".into(), [1.0, 2.0, 1.0, 2.0]),
                Column::new("score".into(), [5.0, 1.0, -1.0, -2.0]),
                Column::new("weight".into(), weights),
            ],
        )
    }

    #[test]
    fn the_best_are_chosen_and_ties_go_to_the_smaller_name() {
        let out = top_k(&scores(), "score", 2, Weights::Equal).unwrap();
        assert!(out.equals(&expected([0.5; 4])), "{out}");
        let out = top_k(&scores(), "score", 2, Weights::Rank).unwrap();
        assert!(out.equals(&expected([2.0 / 3.0, 1.0 / 3.0, 2.0 / 3.0, 1.0 / 3.0])), "{out}");
    }

    #[test]
    fn fewer_than_k_share_the_whole() {
        let out = top_k(&scores(), "score", 10, Weights::Rank).unwrap();
        let weight = out.column("weight").unwrap().f64().unwrap();
        let total = |rows: std::ops::Range<usize>| rows.filter_map(|row| weight.get(row)).sum::<f64>();
        assert_eq!(out.height(), 5);
        assert!((total(0..3) - 1.0).abs() < 1e-15 && (total(3..5) - 1.0).abs() < 1e-15);
        assert!((total(3..4) - 10.0 / 19.0).abs() < 1e-15);
        assert_eq!(top_k(&scores(), "score", 0, Weights::Equal).unwrap().height(), 0);
    }

    #[test]
    fn names_of_the_result_are_refused() {
        assert!(top_k(&scores(), "weight", 2, Weights::Equal).unwrap_err().to_string().contains("`weight`"));
        assert!(top_k(&scores(), "scroe", 2, Weights::Equal).unwrap_err().to_string().contains("no column `scroe`"));
    }
}
