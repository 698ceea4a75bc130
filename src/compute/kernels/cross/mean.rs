//! The mean of a group's values.

/// The mean, held within its values as a window's is (see `moments`), so that equal values have no deviation; NaN for none.
pub fn mean(values: &[f64]) -> f64 {
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    if mean.is_finite() { mean.max(low).min(high) } else { f64::NAN }
}

/// The standard deviation about `mean`, with one degree of freedom less than values; NaN for one value alone.
pub fn std(values: &[f64], mean: f64) -> f64 {
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    (squares / (values.len() as f64 - 1.0)).sqrt()
}
