//! How many sessions a correction of one value takes to die out to the last bit: what the module's documentation says.

use assetctl_expr::RecursiveFn;

use super::testing::Case;

const SERIES: usize = 200;

/// A price of four decimals and its daily range, from a generator that is the same everywhere.
fn bars(sessions: usize) -> Vec<Vec<Vec<f64>>> {
    let mut seed = 1_u64;
    let mut uniform = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut price = vec![100.0; SERIES];
    let session = |_| {
        let mut rows = vec![vec![0.0; SERIES]; 4];
        for (lane, price) in price.iter_mut().enumerate() {
            *price *= 1.0 + 0.06 * (uniform() - 0.5);
            let close = (*price * 1e4).round() / 1e4;
            let bar = [close * (1.0 + 0.02 * uniform()), close * (1.0 - 0.02 * uniform()), close, 0.02 * close];
            rows.iter_mut().zip(bar).for_each(|(row, value)| row[lane] = value);
        }
        rows
    };
    (0..sessions).map(session).collect()
}

/// The session that is corrected.
const CHANGED: usize = 50;

/// Median and 99th percentile of the sessions until the states are the same again, after a correction of the bars of one session.
fn dies_out(f: RecursiveFn, params: &'static [f64], correct: impl Fn(&mut f64)) -> (usize, usize) {
    let operands = match f {
        RecursiveFn::Sar => 2,
        RecursiveFn::Supertrend => 4,
        _ => 1,
    };
    let case = Case { f, params, part: 0, operands };
    let sessions = bars(900);
    let mut corrected = sessions.clone();
    corrected[CHANGED].iter_mut().flatten().for_each(correct);
    let (old, new) = (case.run(&sessions), case.run(&corrected));
    let mut lasts: Vec<usize> = (0..SERIES)
        .map(|lane| {
            let differs = |row: &usize| {
                let (old, new) = (&old[*row].1, &new[*row].1);
                (lane..old.len()).step_by(SERIES).any(|slot| old[slot].to_bits() != new[slot].to_bits())
            };
            (0..sessions.len()).rev().find(differs).map_or(0, |row| row + 1 - CHANGED)
        })
        .collect();
    lasts.sort_unstable();
    (lasts[SERIES / 2], lasts[SERIES * 99 / 100])
}

const FORGETFUL: [(RecursiveFn, &[f64], (usize, usize)); 9] = [
    (RecursiveFn::Ema, &[12.0], (184, 209)),
    (RecursiveFn::EmaFirst, &[2.0 / 13.0], (184, 209)),
    (RecursiveFn::Ewm, &[2.0 / 13.0], (184, 209)),
    (RecursiveFn::Rma, &[14.0], (399, 449)),
    (RecursiveFn::WilderSum, &[14.0], (397, 466)),
    (RecursiveFn::MacdLine, &[12.0, 26.0], (386, 434)),
    (RecursiveFn::Kama, &[10.0], (408, 565)),
    (RecursiveFn::Sar, &[0.02, 0.2], (3, 45)),
    (RecursiveFn::Supertrend, &[3.0], (1, 36)),
];

#[test]
fn a_correction_dies_out() {
    for (f, params, expected) in FORGETFUL {
        assert_eq!(dies_out(f, params, |value| *value *= 1.01), expected, "{f:?}");
    }
}

/// Nothing in a state may count sessions or say where in a ring it stands: it would differ for good.
#[test]
fn a_value_that_went_missing_is_forgotten() {
    for (f, params, _) in FORGETFUL {
        let (_, nearly_all) = dies_out(f, params, |value| *value = f64::NAN);
        assert!(nearly_all < 700, "{f:?}: {nearly_all}");
    }
}
