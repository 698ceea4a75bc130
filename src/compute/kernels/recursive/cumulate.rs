//! Running sum and product. A missing value leaves them as they are and has none itself. What overflows is missing from there on.

use super::lanes::slots;
use crate::panel::canonical;

/// Σx over all sessions so far, in their order. State: the sum.
pub fn cum_sum(x: &[f64], state: &mut [f64], out: &mut [f64]) {
    let lanes = out.len();
    let (x, [sum]) = (&x[..lanes], slots::<1>(state, lanes));
    for lane in 0..lanes {
        let next = canonical(sum[lane] + x[lane]);
        let missing = x[lane].is_nan();
        sum[lane] = if missing { sum[lane] } else { next };
        out[lane] = if missing { f64::NAN } else { next };
    }
}

/// Πx over all sessions so far, in their order. State: whether a value was seen; the product.
pub fn cum_prod(x: &[f64], state: &mut [f64], out: &mut [f64]) {
    let lanes = out.len();
    let (x, [seen, product]) = (&x[..lanes], slots::<2>(state, lanes));
    for lane in 0..lanes {
        let before = if seen[lane] > 0.0 { product[lane] } else { 1.0 };
        let next = canonical(before * x[lane]);
        let missing = x[lane].is_nan();
        seen[lane] = if missing { seen[lane] } else { 1.0 };
        product[lane] = if missing { product[lane] } else { next };
        out[lane] = if missing { f64::NAN } else { next };
    }
}
