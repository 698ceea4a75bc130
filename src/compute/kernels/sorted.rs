//! Windows that keep themselves sorted, and what is read off sorted values.

use super::tile::{TILE, Tile};

/// The windows of the lanes of a tile, each in ascending order; missing values stand last, as infinity.
///
/// Every slot is visited when a value enters or leaves, in vector code and without a branch: for windows of up to some hundred
/// rows faster than searching and shifting lane by lane. What is kept is a function of the values alone and not of how they
/// came, so that sliding along is as start-independent as sorting each window afresh.
pub struct SortedTile {
    /// One more than the window can hold.
    slots: Vec<Tile>,
    held: usize,
    /// Valid values.
    count: Tile,
}

#[inline(always)]
fn missing_last(value: f64) -> f64 {
    if value.is_nan() { f64::INFINITY } else { value }
}

/// What a slot holds when one value has left and another entered: from the slot of the one that leaves on all move down, to
/// that of the one that enters all move up again. `before` is what the slot before would hold without the new value.
#[inline(always)]
fn moved(here: f64, next: f64, leaving: f64, entering: f64, before: &mut f64) -> f64 {
    let kept = if here < leaving { here } else { next };
    let least = if kept < entering { kept } else { entering };
    let value = if *before > least { *before } else { least };
    *before = kept;
    value
}

impl SortedTile {
    /// An empty window for up to `rows` values per lane.
    pub fn new(rows: usize) -> Self {
        Self { slots: vec![[f64::INFINITY; TILE]; rows + 1], held: 0, count: [0.0; TILE] }
    }

    /// Takes a value in.
    #[inline(always)]
    pub fn insert(&mut self, new: &[f64]) {
        self.held += 1;
        self.replace(&[f64::NAN; TILE], new);
    }

    /// Takes a value in and lets another go that was taken in before.
    #[inline(always)]
    pub fn replace(&mut self, old: &[f64], new: &[f64]) {
        let width = new.len().min(old.len()).min(TILE);
        let (mut leaving, mut entering) = ([f64::INFINITY; TILE], [f64::INFINITY; TILE]);
        for lane in 0..width {
            leaving[lane] = missing_last(old[lane]);
            entering[lane] = missing_last(new[lane]);
            self.count[lane] += if new[lane].is_nan() { 0.0 } else { 1.0 };
            self.count[lane] -= if old[lane].is_nan() { 0.0 } else { 1.0 };
        }
        let mut before = [f64::NEG_INFINITY; TILE];
        let mut slots: &mut [Tile] = &mut self.slots[..=self.held];
        // four at once, so that the lanes' values are loaded and stored less often
        while slots.len() > 4 {
            let (here, rest) = std::mem::take(&mut slots).split_at_mut(4);
            if let ([a, b, c, d], [next, ..]) = (here, &*rest) {
                for lane in 0..width {
                    let (leaving, entering, mut last) = (leaving[lane], entering[lane], before[lane]);
                    a[lane] = moved(a[lane], b[lane], leaving, entering, &mut last);
                    b[lane] = moved(b[lane], c[lane], leaving, entering, &mut last);
                    c[lane] = moved(c[lane], d[lane], leaving, entering, &mut last);
                    d[lane] = moved(d[lane], next[lane], leaving, entering, &mut last);
                    before[lane] = last;
                }
            }
            slots = rest;
        }
        while slots.len() > 1 {
            let (here, rest) = std::mem::take(&mut slots).split_at_mut(1);
            if let ([here], [next, ..]) = (here, &*rest) {
                for lane in 0..width {
                    here[lane] = moved(here[lane], next[lane], leaving[lane], entering[lane], &mut before[lane]);
                }
            }
            slots = rest;
        }
    }

    /// The `q`-quantile of each lane with at least `needs` valid values, as `quantile_of` has it.
    #[inline(always)]
    pub fn quantiles(&self, q: f64, needs: f64, out: &mut [f64]) {
        for lane in 0..out.len().min(TILE) {
            let count = self.count[lane];
            out[lane] = if count < needs || count == 0.0 {
                f64::NAN
            } else {
                let place = Place::of(q, count as usize - 1);
                place.between(self.slots[place.below][lane], self.slots[place.above][lane])
            };
        }
    }
}

/// Where a quantile lies among ascending values.
struct Place {
    below: usize,
    above: usize,
    share: f64,
}

impl Place {
    #[inline(always)]
    fn of(q: f64, last: usize) -> Self {
        let position = q * last as f64;
        // the cast saturates, so a `q` out of [0, 1] ends at the extremes
        let below = (position.floor() as usize).min(last);
        Self { below, above: (below + 1).min(last), share: (position - below as f64).clamp(0.0, 1.0) }
    }

    #[inline(always)]
    fn between(&self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share
    }
}

/// The `q`-quantile of ascending values by linear interpolation between the two about position `q (m - 1)`, as numpy and
/// pandas have it by default; NaN for none. What the faster ways to it are held against.
#[cfg(test)]
pub fn quantile_of(ascending: &[f64], q: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = Place::of(q, last);
    place.between(ascending[place.below], ascending[place.above])
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
        let values = [3.0, 1.0, f64::NAN, 2.0, 1.0, f64::NAN, 5.0, 4.0, 4.0];
        let n = 4;
        let mut window = SortedTile::new(n);
        for row in 0..values.len() {
            // the other lanes go another way
            let mut new = [row as f64; TILE];
            new[0] = values[row];
            if row < n {
                window.insert(&new);
            } else {
                let mut old = [(row - n) as f64; TILE];
                old[0] = values[row - n];
                window.replace(&old, &new);
            }
            let mut expected: Vec<f64> = values[(row + 1).saturating_sub(n)..=row].to_vec();
            expected.retain(|value| !value.is_nan());
            expected.sort_by(f64::total_cmp);
            assert_eq!(window.count[0], expected.len() as f64);
            let lane: Vec<f64> = window.slots.iter().map(|slot| slot[0]).filter(|value| value.is_finite()).collect();
            assert_eq!(lane, expected, "after row {row}");
            let mut quantiles = [0.0; TILE];
            window.quantiles(0.3, 1.0, &mut quantiles);
            assert_eq!(quantiles[0], quantile_of(&expected, 0.3));
        }
        assert_eq!(window.slots.iter().map(|slot| slot[1]).collect::<Vec<_>>(), [5.0, 6.0, 7.0, 8.0, f64::INFINITY]);
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile_of(&[1.0, 2.0], 0.5), 1.5);
        assert_eq!(quantile_of(&[1.0, 2.0, 9.0], 0.5), 2.0);
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
