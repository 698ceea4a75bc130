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

/// Median and 99th percentile of the sessions after a correction of 1 % until the states are the same again.
fn dies_out(f: RecursiveFn, params: &'static [f64]) -> (usize, usize) {
    let operands = match f {
        RecursiveFn::Sar => 2,
        RecursiveFn::Supertrend => 4,
        _ => 1,
    };
    let case = Case { f, params, part: 0, operands };
    let (changed, sessions) = (50, bars(900));
    let mut corrected = sessions.clone();
    corrected[changed].iter_mut().flatten().for_each(|value| *value *= 1.01);
    let (old, new) = (case.run(&sessions), case.run(&corrected));
    let mut lasts: Vec<usize> = (0..SERIES)
        .map(|lane| {
            let differs = |row: &usize| {
                let (old, new) = (&old[*row].1, &new[*row].1);
                (lane..old.len()).step_by(SERIES).any(|slot| old[slot].to_bits() != new[slot].to_bits())
            };
            (0..sessions.len()).rev().find(differs).map_or(0, |row| row + 1 - changed)
        })
        .collect();
    lasts.sort_unstable();
    (lasts[SERIES / 2], lasts[SERIES * 99 / 100])
}

#[test]
fn a_correction_dies_out() {
    for (f, params, expected) in [
        (RecursiveFn::Ema, &[12.0][..], (184, 209)),
        (RecursiveFn::EmaFirst, &[2.0 / 13.0], (184, 209)),
        (RecursiveFn::Ewm, &[2.0 / 13.0], (184, 209)),
        (RecursiveFn::Rma, &[14.0], (399, 449)),
        (RecursiveFn::WilderSum, &[14.0], (397, 466)),
        (RecursiveFn::MacdLine, &[12.0, 26.0], (386, 434)),
        (RecursiveFn::Kama, &[10.0], (408, 565)),
        (RecursiveFn::Sar, &[0.02, 0.2], (3, 45)),
        (RecursiveFn::Supertrend, &[3.0], (1, 36)),
    ] {
        assert_eq!(dies_out(f, params), expected, "{f:?}");
    }
}
