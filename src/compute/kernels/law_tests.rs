//! The laws of window functions, for every one of them: where a batch begins, which lanes stand beside a value and how many
//! rows are missing never show in its bits; and naive forms of the same formulas agree.

use std::ops::Range;

use proptest::prelude::*;

use super::count::{count, count_true};
use super::moments::{mean, std, sum, var};
use super::order::{max, median, min, quantile, rank};
use super::pair::{corr, cov};
use super::regression::slope;
use super::shift::{lagged, roc};
use super::*;

type Kernel = fn(Grid, Grid, Range<usize>, Span, &mut [f64]);

/// Name, kernel, and how many rows before its own it reads with a window of n.
const KERNELS: [(&str, Kernel, fn(usize) -> usize); 16] = [
    ("ref", |x, _, rows, span, out| lagged(x, rows, span, out), |n| n),
    ("roc", |x, _, rows, span, out| roc(x, rows, span, out), |n| n),
    ("sum", |x, _, rows, span, out| sum(x, rows, span, out), |n| n - 1),
    ("mean", |x, _, rows, span, out| mean(x, rows, span, out), |n| n - 1),
    ("std", |x, _, rows, span, out| std(x, rows, span, out), |n| n - 1),
    ("var", |x, _, rows, span, out| var(x, rows, span, out), |n| n - 1),
    ("min", |x, _, rows, span, out| min(x, rows, span, out), |n| n - 1),
    ("max", |x, _, rows, span, out| max(x, rows, span, out), |n| n - 1),
    ("median", |x, _, rows, span, out| median(x, rows, span, out), |n| n - 1),
    ("quantile", |x, _, rows, span, out| quantile(x, rows, span, 0.3, out), |n| n - 1),
    ("rank", |x, _, rows, span, out| rank(x, rows, span, out), |n| n - 1),
    ("count", |x, _, rows, span, out| count(x, rows, span, out), |n| n - 1),
    ("count of true", |x, _, rows, span, out| count_true(x, rows, span, out), |n| n - 1),
    ("slope", |x, _, rows, span, out| slope(x, rows, span, out), |n| n - 1),
    ("corr", corr, |n| n - 1),
    ("cov", cov, |n| n - 1),
];

const ROWS: usize = 40;
/// More than one tile of lanes.
const LANES: usize = 35;

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Two panels and a span. Values of very different size, some equal, a quarter missing.
fn cases() -> impl Strategy<Value = (Vec<f64>, Vec<f64>, Span)> {
    let value = prop_oneof![
        2 => Just(f64::NAN),
        3 => -1e3..1e3_f64,
        2 => (-3..3_i32).prop_map(f64::from),
        1 => 1e8..1e9_f64,
    ];
    let panel = proptest::collection::vec(value, ROWS * LANES);
    let span = (1..50_usize, 1..4_usize).prop_map(|(n, min_periods)| Span { n, min_periods, anchor: None });
    (panel.clone(), panel, span)
}

fn run(kernel: Kernel, x: &[f64], y: &[f64], lanes: usize, rows: Range<usize>, span: Span) -> Vec<f64> {
    let mut out = vec![0.0; rows.len() * lanes];
    kernel(Grid { data: x, lanes }, Grid { data: y, lanes }, rows, span, &mut out);
    out
}

/// The lanes of a panel, chosen and ordered anew.
fn pick(panel: &[f64], lanes: &[usize]) -> Vec<f64> {
    panel.chunks(LANES).flat_map(|row| lanes.iter().map(|lane| row[*lane])).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Rows from `start` on have the same bits whether the panel holds all of history or just their windows, and whether they
    /// are computed in one block or two.
    #[test]
    fn the_start_of_a_batch_does_not_show((x, y, span) in cases(), start in 0..ROWS, block in 0..ROWS) {
        for (name, kernel, reach) in KERNELS {
            let whole = run(kernel, &x, &y, LANES, 0..ROWS, span);
            let cut = start.saturating_sub(reach(span.n)) * LANES;
            let rows = start - cut / LANES..ROWS - cut / LANES;
            let part = run(kernel, &x[cut..], &y[cut..], LANES, rows, span);
            prop_assert_eq!(bits(&part), bits(&whole[start * LANES..]), "{} from {}", name, start);

            let mut blocks = run(kernel, &x, &y, LANES, 0..block, span);
            blocks.extend(run(kernel, &x, &y, LANES, block..ROWS, span));
            prop_assert_eq!(bits(&blocks), bits(&whole), "{} in two blocks at {}", name, block);
        }
    }

    /// A window cut by the start of history has the bits of one whose first rows are missing (but for `count`, to which
    /// `min_periods` asks for sessions).
    #[test]
    fn missing_history_is_no_history((x, y, span) in cases(), rows in 1..20_usize) {
        let before = vec![f64::NAN; rows * LANES];
        let (longer_x, longer_y) = ([&before[..], &x].concat(), [&before[..], &y].concat());
        for (name, kernel, _) in KERNELS.into_iter().filter(|(name, ..)| !name.starts_with("count")) {
            let whole = run(kernel, &x, &y, LANES, 0..ROWS, span);
            let padded = run(kernel, &longer_x, &longer_y, LANES, rows..rows + ROWS, span);
            prop_assert_eq!(bits(&padded), bits(&whole), "{}", name);
        }
    }

    #[test]
    fn the_lanes_beside_do_not_show(
        (x, y, span) in cases(),
        lanes in Just((0..LANES).collect::<Vec<_>>()).prop_shuffle(),
        kept in 0..=LANES,
    ) {
        let lanes = &lanes[..kept];
        for (name, kernel, _) in KERNELS {
            let whole = run(kernel, &x, &y, LANES, 0..ROWS, span);
            let picked = run(kernel, &pick(&x, lanes), &pick(&y, lanes), kept, 0..ROWS, span);
            prop_assert_eq!(bits(&picked), bits(&pick(&whole, lanes)), "{}", name);
        }
    }

    #[test]
    fn naive_forms_agree((x, y, span) in cases()) {
        for (name, naive) in NAIVE {
            let (_, kernel, _) = KERNELS.into_iter().find(|(kernel, ..)| *kernel == name).unwrap();
            let out = run(kernel, &x, &y, LANES, 0..ROWS, span);
            for (cell, out) in out.into_iter().enumerate() {
                let (row, lane) = (cell / LANES, cell % LANES);
                let window: Vec<f64> = (0..=row).rev().take(span.n).map(|row| x[row * LANES + lane]).collect();
                let expected = naive(&window, span.min_periods);
                let agree = expected.map_or(out.is_nan(), |expected| {
                    let size = window.iter().filter(|v| !v.is_nan()).fold(1.0_f64, |size, v| size.max(v.abs()));
                    (out - expected).abs() <= 1e-9 * expected.abs() || (out - expected).abs() <= 1e-13 * size
                });
                prop_assert!(agree, "{}: {} is not {:?} for {:?}", name, out, expected, window);
            }
        }
    }
}

/// Functions of a window (newest value first) and `min_periods`, as a textbook has them.
const NAIVE: [(&str, fn(&[f64], usize) -> Option<f64>); 6] = [
    ("mean", |window, min_periods| {
        let values = valid(window, min_periods)?;
        Some(values.iter().sum::<f64>() / values.len() as f64)
    }),
    ("std", |window, min_periods| {
        let values = valid(window, min_periods.max(2))?;
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some((squares / (values.len() - 1) as f64).sqrt())
    }),
    ("rank", |window, min_periods| {
        let values = valid(window, min_periods)?;
        if window[0].is_nan() {
            return None;
        }
        let less = values.iter().filter(|value| **value < window[0]).count();
        let equal = values.iter().filter(|value| **value == window[0]).count();
        Some((less as f64 + (equal as f64 + 1.0) / 2.0) / values.len() as f64)
    }),
    ("quantile", |window, min_periods| {
        let mut values = valid(window, min_periods)?;
        values.sort_by(f64::total_cmp);
        let position = 0.3 * (values.len() - 1) as f64;
        let (low, high) = (values[position.floor() as usize], values[position.ceil() as usize]);
        Some(low * (1.0 - position.fract()) + high * position.fract())
    }),
    ("median", |window, min_periods| {
        let mut values = valid(window, min_periods)?;
        values.sort_by(f64::total_cmp);
        let half = values.len() / 2;
        Some(if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 })
    }),
    ("min", |window, min_periods| valid(window, min_periods)?.into_iter().min_by(f64::total_cmp)),
];

fn valid(window: &[f64], min_periods: usize) -> Option<Vec<f64>> {
    let values: Vec<f64> = window.iter().copied().filter(|value| !value.is_nan()).collect();
    (values.len() >= min_periods.max(1)).then_some(values)
}
