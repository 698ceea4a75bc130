//! What a regression on other values, and on the group, leaves of a value.

use super::groups::Groups;
use super::mean::mean;
use crate::panel::canonical;

/// A column of which the columns before it leave less than this share of its length is their sum, but for rounding.
const COLLINEAR: f64 = 1e-11;

/// Working memory, kept between calls to save allocations.
#[derive(Debug, Default)]
pub struct Columns {
    /// The lanes that take part, ascending.
    used: Vec<u32>,
    /// Where in `used` a lane is; `u32::MAX` for none.
    place: Vec<u32>,
    /// One column per operand, of the values of the lanes in `used`; the regressors first.
    data: Vec<f64>,
    /// The lanes of one group, as places in `used`, and their values in one column.
    here: Vec<u32>,
    members: Vec<f64>,
}

impl Columns {
    /// Takes the lanes that have a row, a group and a value of every operand. Returns how many.
    fn fill(&mut self, args: &[&[f64]], groups: &Groups, present: &[bool]) -> usize {
        self.place.clear();
        self.place.resize(present.len(), u32::MAX);
        for lane in groups.iter().flatten() {
            let at = *lane as usize;
            if present[at] && args.iter().all(|arg| !arg[at].is_nan()) {
                self.place[at] = 0;
            }
        }
        self.used.clear();
        for (lane, place) in self.place.iter_mut().enumerate().filter(|(_, place)| **place == 0) {
            *place = self.used.len() as u32;
            self.used.push(lane as u32);
        }
        self.data.clear();
        for arg in args[1..].iter().chain(&args[..1]) {
            self.data.extend(self.used.iter().map(|lane| arg[*lane as usize]));
        }
        self.used.len()
    }

    /// Takes each group's mean from each column.
    fn center(&mut self, groups: &Groups, count: usize) {
        for group in groups.iter() {
            self.here.clear();
            let places = group.iter().map(|lane| self.place[*lane as usize]);
            self.here.extend(places.filter(|at| *at != u32::MAX));
            for column in self.data.chunks_exact_mut(count) {
                self.members.clear();
                self.members.extend(self.here.iter().map(|at| column[*at as usize]));
                let mean = mean(&self.members);
                self.here.iter().for_each(|at| column[*at as usize] -= mean);
            }
        }
    }
}

/// The residuals of the ordinary least squares regression of the first operand on the others and on one constant per group.
/// An instrument of which an operand is missing is left out.
///
/// The means of each group are taken from all columns (Frisch, Waugh and Lovell), which are then made orthogonal one after the
/// other by modified Gram-Schmidt, twice, so that rounding leaves nothing of one in the next. A regressor of which less than
/// 1e-11 of its length is left is the sum of those before it (or constant in every group) and dropped; residuals of less than
/// 1e-11 of the operand's length are 0. What overflows is missing.
pub fn neutralize(args: &[&[f64]], groups: &Groups, present: &[bool], columns: &mut Columns, out: &mut [f64]) {
    let count = columns.fill(args, groups, present);
    if count == 0 {
        return;
    }
    let lengths: Vec<f64> = columns.data.chunks_exact(count).map(length).collect();
    columns.center(groups, count);
    let mut basis: Vec<usize> = Vec::with_capacity(lengths.len());
    for (at, whole) in lengths.iter().enumerate() {
        let (before, rest) = columns.data.split_at_mut(at * count);
        let column = &mut rest[..count];
        for _ in 0..2 {
            for unit in basis.iter().map(|unit| &before[unit * count..(unit + 1) * count]) {
                let share = dot(unit, column);
                column.iter_mut().zip(unit).for_each(|(value, unit)| *value -= share * unit);
            }
        }
        let left = length(column);
        if left <= COLLINEAR * whole {
            column.fill(0.0);
        } else if at + 1 < lengths.len() {
            column.iter_mut().for_each(|value| *value /= left);
            basis.push(at);
        }
    }
    let residuals = &columns.data[(lengths.len() - 1) * count..];
    for (lane, residual) in columns.used.iter().zip(residuals) {
        out[*lane as usize] = canonical(*residual);
    }
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

fn length(x: &[f64]) -> f64 {
    dot(x, x).sqrt()
}
