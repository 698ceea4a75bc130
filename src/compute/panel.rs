//! How values are stored in a panel: a column laid out session by session, row = session, lane = instrument, row-major. A missing
//! value is NaN, and nothing else is not finite; zero is always `+0.0`. Bools are `0.0` and `1.0`.

/// The one form in which a value may be stored: infinities become missing, `-0.0` becomes `0.0`, NaN has one bit pattern.
///
/// ```text
/// canonical(1.0 / 0.0) = NaN    canonical(-0.0) = 0.0
/// ```
pub(crate) fn canonical(value: f64) -> f64 {
    if value.is_finite() { value + 0.0 } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_values_have_one_bit_pattern() {
        assert_eq!(canonical(-0.0).to_bits(), 0.0_f64.to_bits());
        assert_eq!(canonical(-f64::NAN).to_bits(), f64::NAN.to_bits());
        assert!(canonical(f64::INFINITY).is_nan());
        assert!(canonical(f64::NEG_INFINITY).is_nan());
        assert_eq!(canonical(-1.5), -1.5);
    }
}
