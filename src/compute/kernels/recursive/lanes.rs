//! What all recursive kernels do with a state.

use crate::panel::canonical;

/// The slots of a state, each with one number per lane.
///
/// # Panics
/// When the state is shorter than `N * lanes`: it was not made for this function.
pub fn slots<const N: usize>(mut state: &mut [f64], lanes: usize) -> [&mut [f64]; N] {
    std::array::from_fn(|_| {
        let (slot, rest) = std::mem::take(&mut state).split_at_mut(lanes);
        state = rest;
        slot
    })
}

/// The state of one lane.
pub fn load<const N: usize>(state: &[f64], lanes: usize, lane: usize) -> [f64; N] {
    std::array::from_fn(|slot| state[slot * lanes + lane])
}

/// Keeps the state of one lane; one that overflowed is forgotten. Returns whether it was kept.
pub fn store<const N: usize>(state: &mut [f64], lanes: usize, lane: usize, values: [f64; N]) -> bool {
    let kept = values.iter().all(|value| value.is_finite());
    for (slot, value) in values.into_iter().enumerate() {
        state[slot * lanes + lane] = if kept { canonical(value) } else { 0.0 };
    }
    kept
}

/// A number of a state after a session: as it was where the session is missing, nothing where the state overflowed.
#[inline(always)]
pub fn after(missing: bool, kept: bool, before: f64, next: f64) -> f64 {
    if missing {
        before
    } else if kept {
        next + 0.0
    } else {
        0.0
    }
}

/// One step of an exponential mean, as TA-Lib writes it. An `alpha` of 1 remembers nothing.
#[inline(always)]
pub fn step(before: f64, x: f64, alpha: f64) -> f64 {
    if alpha >= 1.0 { x } else { before + alpha * (x - before) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_slot_major() {
        let mut state = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(load::<2>(&state, 2, 1), [2.0, 4.0]);
        let [first, second] = slots::<2>(&mut state, 2);
        assert_eq!((&first[..], &second[..]), (&[1.0, 2.0][..], &[3.0, 4.0][..]));
        assert!(slots::<2>(&mut [], 0).iter().all(|slot| slot.is_empty()));
    }

    #[test]
    fn what_overflows_is_forgotten() {
        let mut state = [1.0, 2.0, 3.0, 4.0];
        assert!(!store(&mut state, 2, 0, [f64::INFINITY, 1.0]));
        assert_eq!(state, [0.0, 2.0, 0.0, 4.0]);
        assert!(store(&mut state, 2, 1, [-0.0, 1.0]));
        assert_eq!(state.map(f64::to_bits), [0.0, 0.0, 0.0, 1.0].map(f64::to_bits));
    }

    #[test]
    fn an_alpha_of_one_is_the_value_itself() {
        assert_eq!(step(1e17, 0.1, 1.0), 0.1);
        assert_eq!(step(1.0, 3.0, 0.5), 2.0);
    }
}
