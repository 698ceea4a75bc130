//! The laws of window functions, for every one of them: where a batch begins, which lanes stand beside a value, what lies
//! outside its window and how many rows are missing never show in its bits; and naive forms of the same formulas agree.

use std::ops::Range;

use assetctl_expr::WindowFn::{self, *};
use proptest::prelude::*;

use super::naive::{Window, naive};
use super::tile::baseline;
use super::*;

/// A function, whether its operand is a Bool, and its parameter.
type Kernel = (WindowFn, bool, f64);

const KERNELS: [Kernel; 31] = [
    (Ref, false, 0.0),
    (Roc, false, 0.0),
    (Sum, false, 0.0),
    (Mean, false, 0.0),
    (Std, false, 0.0),
    (Var, false, 0.0),
    (Min, false, 0.0),
    (Max, false, 0.0),
    (Median, false, 0.0),
    (Quantile, false, 0.3),
    (Rank, false, 0.0),
    (Count, false, 0.0),
    (Count, true, 0.0),
    (Slope, false, 0.0),
    (Corr, false, 0.0),
    (Cov, false, 0.0),
    (Skew, false, 0.0),
    (Kurt, false, 0.0),
    (Mad, false, 0.0),
    (StdPop, false, 0.0),
    (VarPop, false, 0.0),
    (Product, false, 0.0),
    (ArgMax, false, 0.0),
    (ArgMax, false, 1.0),
    (ArgMin, false, 0.0),
    (ArgMin, false, 1.0),
    (Wma, false, 0.0),
    (RSquare, false, 0.0),
    (Resid, false, 0.0),
    (Fitted, false, 0.0),
    (EwmWindow, false, 0.1),
];

const ROWS: usize = 40;
/// More than two tiles of lanes, the last one not full.
const LANES: usize = 35;

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Two panels and a span. Values of very different size, some equal, some large and close together, a quarter missing.
fn cases() -> impl Strategy<Value = (Vec<f64>, Vec<f64>, Span)> {
    let value = prop_oneof![
        2 => Just(f64::NAN),
        3 => -1e3..1e3_f64,
        2 => (-3..3_i32).prop_map(f64::from),
        1 => 1e8..1e9_f64,
        1 => (0..1000_i32).prop_map(|x| 1e9 + f64::from(x) * 1e-3),
    ];
    // whole lanes of one kind too
    let close = prop_oneof![1 => Just(f64::NAN), 4 => (0..1000_i32).prop_map(|x| 1e9 + f64::from(x) * 1e-3)];
    let panel = (proptest::collection::vec(value, ROWS * LANES), proptest::collection::vec(close, ROWS)).prop_map(
        |(mut panel, close)| {
            panel.chunks_mut(LANES).zip(close).for_each(|(row, close)| row[LANES - 1] = close);
            panel
        },
    );
    let span = (1..50_usize, 1..4_usize, proptest::option::weighted(0.7, 20..1000_usize))
        .prop_map(|(n, min_periods, anchor)| Span { n, min_periods, anchor });
    (panel.clone(), panel, span)
}

fn reach((f, ..): Kernel, n: usize) -> usize {
    f.back(n as u32) as usize
}

fn compute(kernel: Kernel, x: &[f64], y: &[f64], lanes: usize, rows: Range<usize>, span: Span) -> Vec<f64> {
    let (f, is_bool, param) = kernel;
    let mut out = vec![0.0; rows.len() * lanes];
    let (x, y) = (Grid { data: x, lanes }, Grid { data: y, lanes });
    let args: &[Grid] = if matches!(f, Corr | Cov) { &[x, y] } else { &[x] };
    window(f, args, is_bool, rows, span, param, &mut out).unwrap();
    out
}

/// A panel that begins so many rows later.
fn later(span: Span, rows: usize) -> Span {
    Span { anchor: span.anchor.map(|anchor| anchor + rows), ..span }
}

/// The lanes of a panel, chosen and ordered anew.
fn pick(panel: &[f64], lanes: &[usize]) -> Vec<f64> {
    panel.chunks(LANES).flat_map(|row| lanes.iter().map(|lane| row[*lane])).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Rows from `start` on have the same bits whether the panel holds all of history or just their windows, and whether they
    /// are computed in one block or two.
    #[test]
    fn the_start_of_a_batch_does_not_show((x, y, span) in cases(), start in 0..ROWS, block in 0..ROWS) {
        for kernel in KERNELS {
            let whole = compute(kernel, &x, &y, LANES, 0..ROWS, span);
            let cut = start.saturating_sub(reach(kernel, span.n));
            let part =
                compute(kernel, &x[cut * LANES..], &y[cut * LANES..], LANES, start - cut..ROWS - cut, later(span, cut));
            prop_assert_eq!(bits(&part), bits(&whole[start * LANES..]), "{:?} from {}", kernel, start);

            let mut blocks = compute(kernel, &x, &y, LANES, 0..block, span);
            blocks.extend(compute(kernel, &x, &y, LANES, block..ROWS, span));
            prop_assert_eq!(bits(&blocks), bits(&whole), "{:?} in two blocks at {}", kernel, block);
        }
    }

    /// A window cut by the start of history has the bits of one whose first rows are missing, but for what counts the rows of
    /// the window as it is.
    #[test]
    fn missing_history_is_no_history((x, y, span) in cases(), rows in 1..20_usize) {
        let before = vec![f64::NAN; rows * LANES];
        let (longer_x, longer_y) = ([&before[..], &x].concat(), [&before[..], &y].concat());
        let earlier = Span { anchor: span.anchor.map(|anchor| anchor - rows), ..span };
        for kernel in KERNELS.into_iter().filter(|(f, ..)| !matches!(f, Count | ArgMax | ArgMin)) {
            let whole = compute(kernel, &x, &y, LANES, 0..ROWS, span);
            let padded = compute(kernel, &longer_x, &longer_y, LANES, rows..rows + ROWS, earlier);
            prop_assert_eq!(bits(&padded), bits(&whole), "{:?}", kernel);
        }
    }

    #[test]
    fn the_lanes_beside_do_not_show(
        (x, y, span) in cases(),
        lanes in Just((0..LANES).collect::<Vec<_>>()).prop_shuffle(),
        kept in 0..=LANES,
    ) {
        let lanes = &lanes[..kept];
        for kernel in KERNELS {
            let whole = compute(kernel, &x, &y, LANES, 0..ROWS, span);
            let picked = compute(kernel, &pick(&x, lanes), &pick(&y, lanes), kept, 0..ROWS, span);
            prop_assert_eq!(bits(&picked), bits(&pick(&whole, lanes)), "{:?}", kernel);
        }
    }

    /// Other values before and after the window of a row change nothing in it.
    #[test]
    fn what_is_outside_the_window_does_not_show((x, y, span) in cases(), (other, _, _) in cases(), row in 0..ROWS) {
        for kernel in KERNELS {
            let window = row.saturating_sub(reach(kernel, span.n)) * LANES..(row + 1) * LANES;
            let only = |panel: &[f64]| [&other[..window.start], &panel[window.clone()], &other[window.end..]].concat();
            let here = row * LANES..(row + 1) * LANES;
            let (whole, changed) = (
                compute(kernel, &x, &y, LANES, 0..ROWS, span),
                compute(kernel, &only(&x), &only(&y), LANES, 0..ROWS, span),
            );
            prop_assert_eq!(bits(&changed[here.clone()]), bits(&whole[here]), "{:?} of row {}", kernel, row);
        }
    }

    #[test]
    fn wider_vectors_change_no_bit((x, y, span) in cases()) {
        for kernel in KERNELS {
            let wide = compute(kernel, &x, &y, LANES, 0..ROWS, span);
            let baseline = baseline::with(|| compute(kernel, &x, &y, LANES, 0..ROWS, span));
            prop_assert_eq!(bits(&wide), bits(&baseline), "{:?}", kernel);
        }
    }

    #[test]
    fn equal_values_are_their_mean_and_do_not_vary(
        (x, _, span) in cases(),
        value in prop_oneof![-1e9..1e9_f64, Just(0.1), Just(1e300)],
    ) {
        let flat: Vec<f64> = x.iter().map(|x| if x.is_nan() { f64::NAN } else { value }).collect();
        for kernel in KERNELS {
            let out = compute(kernel, &flat, &flat, LANES, 0..ROWS, span);
            let expected = match kernel.0 {
                Mean | Min | Max | Median | Quantile | Wma | EwmWindow | Fitted => value,
                Std | Var | StdPop | VarPop | Mad | Slope | Resid | Cov => 0.0,
                Skew | Kurt | Corr | RSquare => f64::NAN,
                _ => continue,
            };
            for out in out {
                prop_assert!(out.is_nan() || out == expected, "{:?}: {} of {}", kernel, out, value);
            }
        }
    }

    #[test]
    fn naive_forms_agree((x, y, span) in cases()) {
        for kernel in KERNELS {
            let out = compute(kernel, &x, &y, LANES, 0..ROWS, span);
            let (f, is_bool, param) = kernel;
            for (cell, out) in out.into_iter().enumerate() {
                let (row, lane) = (cell / LANES, cell % LANES);
                let of = |panel: &[f64]| (0..=row).rev().take(span.n).map(|row| panel[row * LANES + lane]).collect();
                let window = Window { x: of(&x), y: of(&y), n: span.n, min_periods: span.min_periods, param };
                let Some((expected, tolerance)) = naive(f, is_bool, &window) else { continue };
                let agree = if expected.is_nan() { out.is_nan() } else { (out - expected).abs() <= tolerance };
                prop_assert!(agree, "{:?}: {} is not {} for {:?}", kernel, out, expected, window.x);
            }
        }
    }
}

#[test]
fn one_entry_refuses_what_no_function_takes() {
    let grid = Grid { data: &[1.0], lanes: 1 };
    let span = Span { n: 1, min_periods: 1, anchor: None };
    let call = |f, args: &[Grid], span| window(f, args, false, 0..1, span, 0.0, &mut [0.0]);
    assert!(call(Mean, &[grid], span).is_some());
    assert!(call(Mean, &[grid, grid], span).is_none());
    assert!(call(Mean, &[], span).is_none());
    assert!(call(Corr, &[grid], span).is_none());
    assert!(call(Corr, &[grid, grid], span).is_some());
    assert!(call(Mean, &[grid], Span { n: 0, ..span }).is_none());
}
