//! States of instruments, compared and put together.

use std::collections::{BTreeSet, HashMap};

use assetctl_compute::State;
use assetctl_store::Lanes;

/// The instruments whose states are not the same, bit for bit. One that only one side has counts as empty on the other.
pub fn differing(new: &State, old: &State) -> BTreeSet<String> {
    let of_old = places(old);
    let mut differing: BTreeSet<String> = new
        .instruments
        .iter()
        .enumerate()
        .filter(|(lane, name)| {
            let old_lane = of_old.get(name.as_str()).copied();
            !same(slots(new, Some(*lane)), slots(old, old_lane))
        })
        .map(|(_, name)| name.clone())
        .collect();
    let of_new = places(new);
    let gone = old.instruments.iter().enumerate().filter(|(_, name)| !of_new.contains_key(name.as_str()));
    let gone = gone.filter(|(lane, _)| !same(slots(old, Some(*lane)), slots(new, None)));
    differing.extend(gone.map(|(_, name)| name.clone()));
    differing
}

/// `old` with the states of `new` in place of its own for those of `lanes`: one that `new` does not have is gone.
pub fn replaced(old: &State, new: &State, lanes: &Lanes) -> State {
    let is_new = |name: &String| match lanes {
        Lanes::All => true,
        Lanes::Some(lanes) => lanes.contains(name),
    };
    let kept = old.instruments.iter().filter(|name| !is_new(name));
    let names: BTreeSet<&String> = kept.chain(new.instruments.iter().filter(|name| is_new(name))).collect();
    let (of_old, of_new) = (places(old), places(new));
    let nodes = old.nodes.iter().zip(&new.nodes).map(|(old_node, new_node)| {
        let (old_lanes, new_lanes) = (old.instruments.len(), new.instruments.len());
        let slots = (old_node.len().checked_div(old_lanes)).or(new_node.len().checked_div(new_lanes)).unwrap_or(0);
        let mut node = Vec::with_capacity(slots * names.len());
        for slot in 0..slots {
            node.extend(names.iter().filter_map(|name| {
                let (node, lanes, of) =
                    if is_new(name) { (new_node, new_lanes, &of_new) } else { (old_node, old_lanes, &of_old) };
                node.get(slot * lanes + of.get(name.as_str())?).copied()
            }));
        }
        node
    });
    let nodes = nodes.collect();
    State { instruments: names.into_iter().cloned().collect(), nodes }
}

fn places(state: &State) -> HashMap<&str, usize> {
    state.instruments.iter().enumerate().map(|(lane, name)| (name.as_str(), lane)).collect()
}

/// The bits of one instrument's state; `None` for an instrument that the state does not have.
fn slots(state: &State, lane: Option<usize>) -> Option<impl Iterator<Item = u64>> {
    let lanes = state.instruments.len();
    lane.map(|lane| state.nodes.iter().flat_map(move |node| node.iter().skip(lane).step_by(lanes)).map(|v| v.to_bits()))
}

fn same(a: Option<impl Iterator<Item = u64>>, b: Option<impl Iterator<Item = u64>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.eq(b),
        // Nothing was seen of it: an empty state is all zeros.
        (Some(mut a), None) => a.all(|bits| bits == 0),
        (None, Some(mut b)) => b.all(|bits| bits == 0),
        (None, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(instruments: &[&str], node: &[f64]) -> State {
        State { instruments: instruments.iter().map(|name| (*name).to_owned()).collect(), nodes: vec![node.to_vec()] }
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn states_differ_by_bits_and_an_unknown_one_is_empty() {
        let old = state(&["a", "b", "c"], &[1.0, 2.0, 0.0, 5.0, f64::NAN, 0.0]);
        assert_eq!(differing(&old, &old), names(&[]));
        let new = state(&["a", "b", "d"], &[1.0, 2.0, 3.0, 5.5, f64::NAN, 0.0]);
        assert_eq!(differing(&new, &old), names(&["a", "d"]));
        assert_eq!(differing(&state(&["b"], &[2.0, f64::NAN]), &old), names(&["a"]));
    }

    #[test]
    fn new_states_take_the_place_of_old_ones() {
        let old = state(&["a", "c", "d"], &[1.0, 3.0, 5.0, 10.0, 30.0, 50.0]);
        let new = state(&["b", "c"], &[2.0, 4.0, 20.0, 40.0]);
        let lanes = Lanes::Some(names(&["b", "c", "d"]));
        assert_eq!(replaced(&old, &new, &lanes), state(&["a", "b", "c"], &[1.0, 2.0, 4.0, 10.0, 20.0, 40.0]));
        assert_eq!(replaced(&old, &new, &Lanes::All), new);
    }
}
