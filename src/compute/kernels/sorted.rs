//! A window that keeps itself sorted.

/// The valid values of one lane's window in ascending order.
///
/// A value enters and another leaves by binary search. What is kept is a function of the values alone and not of how they
/// came, so sliding along is as start-independent as sorting each window afresh.
#[derive(Debug, Default)]
pub struct SortedWindow {
    values: Vec<f64>,
}

impl SortedWindow {
    pub fn clear(&mut self) {
        self.values.clear();
    }

    /// Takes a value in, unless it is missing.
    pub fn insert(&mut self, value: f64) {
        if !value.is_nan() {
            self.values.insert(self.below(value), value);
        }
    }

    /// Lets a value go that was inserted before, unless it is missing.
    pub fn remove(&mut self, value: f64) {
        let at = self.below(value);
        if self.values.get(at) == Some(&value) {
            self.values.remove(at);
        }
    }

    /// How many values are less than `value`.
    pub fn below(&self, value: f64) -> usize {
        self.values.partition_point(|&v| v < value)
    }

    /// How many values are less than or equal to `value`.
    pub fn up_to(&self, value: f64) -> usize {
        self.values.partition_point(|&v| v <= value)
    }

    /// The values, ascending.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

/// The `q`-quantile of ascending values by linear interpolation between the two about position `q (m - 1)`, as numpy and
/// pandas have it by default; NaN for none.
pub fn quantile_of(ascending: &[f64], q: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else {
        return f64::NAN;
    };
    let position = q * last as f64;
    // the cast saturates, so a `q` out of [0, 1] ends at the extremes
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let (low, high) = (ascending[below], ascending[above]);
    low + (high - low) * (position - below as f64).clamp(0.0, 1.0)
}

/// The median of ascending values: the middle one, or the mean of the middle two; NaN for none.
pub fn median_of(ascending: &[f64]) -> f64 {
    quantile_of(ascending, 0.5)
}

/// The rank of a value among ascending ones (itself one of them), as a share of their number: ties share the mean of the
/// ranks they take.
pub fn percent_rank(below: usize, up_to: usize, count: usize) -> f64 {
    (below + 1 + up_to) as f64 / 2.0 / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slides_and_stays_sorted() {
        let mut window = SortedWindow::default();
        for value in [3.0, 1.0, f64::NAN, 2.0, 1.0] {
            window.insert(value);
        }
        assert_eq!(window.values(), [1.0, 1.0, 2.0, 3.0]);
        window.remove(1.0);
        window.remove(f64::NAN);
        window.remove(7.0);
        assert_eq!(window.values(), [1.0, 2.0, 3.0]);
        assert_eq!((window.below(2.0), window.up_to(2.0)), (1, 2));
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(median_of(&[1.0, 2.0]), 1.5);
        assert_eq!(median_of(&[1.0, 2.0, 9.0]), 2.0);
        assert_eq!(quantile_of(&[10.0, 20.0, 30.0, 40.0, 50.0], 0.8), 42.0);
        assert_eq!(quantile_of(&[1.0, 2.0], 1.0), 2.0);
        assert_eq!(quantile_of(&[7.0], 0.3), 7.0);
        assert!(quantile_of(&[], 0.5).is_nan());
    }

    #[test]
    fn ties_share_their_ranks() {
        // 1 2 2 4: the twos take ranks 2 and 3
        assert_eq!(percent_rank(1, 3, 4), 2.5 / 4.0);
        assert_eq!(percent_rank(3, 4, 4), 1.0);
    }
}
