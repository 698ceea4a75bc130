//! Which lanes belong together.

/// The lanes of one session by group, each group's in lane order.
#[derive(Debug, Default)]
pub struct Groups {
    /// The codes that `lanes` and `ends` were made of, as bits; `None` if all lanes are one group.
    by: Option<Vec<u64>>,
    lanes: Vec<u32>,
    /// Where in `lanes` each group ends.
    ends: Vec<usize>,
}

impl Groups {
    /// Sorts `count` lanes by their code in `by` (NaN = in no group). Cheap if the codes are those of the call before, as
    /// industries mostly are from one session to the next.
    pub fn sort(&mut self, by: Option<&[f64]>, count: usize) {
        let known = match (&self.by, by) {
            (None, None) => self.lanes.len() == count && self.ends.len() == 1,
            (Some(known), Some(by)) => known.len() == by.len() && known.iter().zip(by).all(|(k, b)| *k == b.to_bits()),
            _ => false,
        };
        if known {
            return;
        }
        self.by = by.map(|by| by.iter().map(|code| code.to_bits()).collect());
        self.lanes.clear();
        self.lanes.extend((0..count as u32).filter(|lane| by.is_none_or(|by| !by[*lane as usize].is_nan())));
        self.ends.clear();
        if let Some(codes) = &self.by {
            let code = |lane: u32| codes[lane as usize];
            self.lanes.sort_unstable_by_key(|lane| (code(*lane), *lane));
            let border = |at: &usize| code(self.lanes[at - 1]) != code(self.lanes[*at]);
            self.ends.extend((1..self.lanes.len()).filter(border));
        }
        self.ends.push(self.lanes.len());
    }

    /// The lanes of each group, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.lanes[start..*end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(groups: &mut Groups, by: Option<&[f64]>, count: usize) -> Vec<Vec<u32>> {
        groups.sort(by, count);
        groups.iter().map(<[u32]>::to_vec).collect()
    }

    #[test]
    fn lanes_are_sorted_by_group_and_stay_in_order() {
        let groups = &mut Groups::default();
        let by = [2.0, f64::NAN, 1.0, 2.0, 1.0];
        assert_eq!(sorted(groups, Some(&by), 5), [vec![2, 4], vec![0, 3]]);
        assert_eq!(sorted(groups, Some(&by), 5), [vec![2, 4], vec![0, 3]]);
        assert_eq!(sorted(groups, Some(&[7.0, 7.0]), 2), [[0, 1]]);
        assert_eq!(sorted(groups, None, 3), [[0, 1, 2]]);
        assert_eq!(sorted(groups, None, 2), [[0, 1]]);
        assert_eq!(sorted(groups, Some(&[1.0, 0.0]), 2), [[1], [0]]);
    }

    #[test]
    fn no_lane_is_no_group_with_members() {
        let groups = &mut Groups::default();
        assert!(sorted(groups, None, 0).concat().is_empty());
        assert!(sorted(groups, Some(&[f64::NAN; 3]), 3).concat().is_empty());
    }
}
