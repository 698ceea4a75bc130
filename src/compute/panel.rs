//! A column laid out session by session.

/// A rectangle of values: one row per session, one lane per instrument, row-major.
///
/// A missing value is NaN, and nothing else is not finite; zero is always `+0.0`. Bools are `0.0` and `1.0`.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Number of sessions.
    pub rows: usize,
    /// Number of instruments.
    pub lanes: usize,
    /// `rows * lanes` values; the value of (row, lane) is at `row * lanes + lane`.
    pub data: Vec<f64>,
}

impl Panel {
    /// A panel that holds `value` everywhere.
    pub fn filled(rows: usize, lanes: usize, value: f64) -> Self {
        Self { rows, lanes, data: vec![value; rows * lanes] }
    }

    /// The values of one session.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.data[row * self.lanes..(row + 1) * self.lanes]
    }
}

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

    #[test]
    fn a_row_is_one_session() {
        let panel = Panel { rows: 2, lanes: 2, data: vec![1.0, 2.0, 3.0, 4.0] };
        assert_eq!(panel.row(1), [3.0, 4.0]);
        assert_eq!(Panel::filled(3, 0, 1.0).row(2), [0.0; 0]);
    }
}
