//! Functions of one cell. A missing operand makes a missing number, and a false comparison.

use assetctl_expr::{BinaryOp, UnaryOp};

use crate::panel::canonical;

/// One side of an operation: the cells of a panel, or one number for all of them.
#[derive(Debug, Clone, Copy)]
pub enum Operand<'a> {
    Cells(&'a [f64]),
    Scalar(f64),
}

impl Operand<'_> {
    fn at(self, cell: usize) -> f64 {
        match self {
            Self::Cells(cells) => cells[cell],
            Self::Scalar(value) => value,
        }
    }
}

fn map(x: Operand, out: &mut [f64], f: impl Fn(f64) -> f64) {
    match x {
        Operand::Cells(x) => out.iter_mut().zip(x).for_each(|(out, &x)| *out = f(x)),
        Operand::Scalar(x) => out.fill(f(x)),
    }
}

fn map_pairs(x: Operand, y: Operand, out: &mut [f64], f: impl Fn(f64, f64) -> f64) {
    match (x, y) {
        (Operand::Cells(x), Operand::Cells(y)) => {
            out.iter_mut().zip(x.iter().zip(y)).for_each(|(out, (&x, &y))| *out = f(x, y));
        }
        (Operand::Cells(x), Operand::Scalar(y)) => out.iter_mut().zip(x).for_each(|(out, &x)| *out = f(x, y)),
        (Operand::Scalar(x), Operand::Cells(y)) => out.iter_mut().zip(y).for_each(|(out, &y)| *out = f(x, y)),
        (Operand::Scalar(x), Operand::Scalar(y)) => out.fill(f(x, y)),
    }
}

fn truth(value: bool) -> f64 {
    if value { 1.0 } else { 0.0 }
}

fn is_true(value: f64) -> bool {
    value > 0.0
}

/// `sign(0)` is 0, as in numpy; f64's own `signum` says 1.
fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        x
    }
}

/// `f` where neither side is missing. Needed where IEEE 754 has an answer for NaN all the same (`NaN ^ 0` is 1 to it).
fn unless_missing(f: impl Fn(f64, f64) -> f64) -> impl Fn(f64, f64) -> f64 {
    move |x, y| if x.is_nan() || y.is_nan() { f64::NAN } else { f(x, y) }
}

/// Applies `op` to every cell. A result that is not finite is missing.
pub fn unary(op: UnaryOp, x: Operand, out: &mut [f64]) {
    match op {
        UnaryOp::Neg => map(x, out, |x| canonical(-x)),
        UnaryOp::Not => map(x, out, |x| truth(!is_true(x))),
        UnaryOp::Abs => map(x, out, f64::abs),
        UnaryOp::Log => map(x, out, |x| canonical(x.ln())),
        UnaryOp::Exp => map(x, out, |x| canonical(x.exp())),
        UnaryOp::Sqrt => map(x, out, |x| canonical(x.sqrt())),
        UnaryOp::Sign => map(x, out, sign),
        UnaryOp::Floor => map(x, out, f64::floor),
        UnaryOp::Ceil => map(x, out, |x| canonical(x.ceil())),
        UnaryOp::Round => map(x, out, |x| canonical(x.round_ties_even())),
        UnaryOp::Tanh => map(x, out, f64::tanh),
        UnaryOp::Atan => map(x, out, f64::atan),
        UnaryOp::IsMissing => map(x, out, |x| truth(x.is_nan())),
    }
}

/// Applies `op` to every pair of cells. A result that is not finite is missing; a comparison with a missing value is
/// false, `!=` too.
pub fn binary(op: BinaryOp, x: Operand, y: Operand, out: &mut [f64]) {
    match op {
        BinaryOp::Add => map_pairs(x, y, out, |x, y| canonical(x + y)),
        BinaryOp::Sub => map_pairs(x, y, out, |x, y| canonical(x - y)),
        BinaryOp::Mul => map_pairs(x, y, out, |x, y| canonical(x * y)),
        BinaryOp::Div => map_pairs(x, y, out, |x, y| canonical(x / y)),
        BinaryOp::Pow => map_pairs(x, y, out, unless_missing(|x, y| canonical(x.powf(y)))),
        BinaryOp::Min => map_pairs(x, y, out, unless_missing(|x, y| if y < x { y } else { x })),
        BinaryOp::Max => map_pairs(x, y, out, unless_missing(|x, y| if y > x { y } else { x })),
        BinaryOp::Lt => map_pairs(x, y, out, |x, y| truth(x < y)),
        BinaryOp::Le => map_pairs(x, y, out, |x, y| truth(x <= y)),
        BinaryOp::Gt => map_pairs(x, y, out, |x, y| truth(x > y)),
        BinaryOp::Ge => map_pairs(x, y, out, |x, y| truth(x >= y)),
        BinaryOp::Eq => map_pairs(x, y, out, |x, y| truth(x == y)),
        BinaryOp::Ne => map_pairs(x, y, out, |x, y| truth(x < y || x > y)),
        BinaryOp::And => map_pairs(x, y, out, |x, y| truth(is_true(x) && is_true(y))),
        BinaryOp::Or => map_pairs(x, y, out, |x, y| truth(is_true(x) || is_true(y))),
        BinaryOp::Coalesce => map_pairs(x, y, out, |x, y| if x.is_nan() { y } else { x }),
    }
}

/// `then` where `condition` is true, else `otherwise`.
pub fn select(condition: Operand, then: Operand, otherwise: Operand, out: &mut [f64]) {
    for (cell, out) in out.iter_mut().enumerate() {
        *out = if is_true(condition.at(cell)) { then.at(cell) } else { otherwise.at(cell) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    fn two(op: BinaryOp, x: f64, y: f64) -> f64 {
        let forms = [
            (Operand::Cells(&[x]), Operand::Cells(&[y])),
            (Operand::Cells(&[x]), Operand::Scalar(y)),
            (Operand::Scalar(x), Operand::Cells(&[y])),
            (Operand::Scalar(x), Operand::Scalar(y)),
        ]
        .map(|(x, y)| {
            let mut out = [9.0];
            binary(op, x, y, &mut out);
            out[0]
        });
        assert!(forms.iter().all(|form| form.to_bits() == forms[0].to_bits()), "{op:?} {forms:?}");
        forms[0]
    }

    fn one(op: UnaryOp, x: f64) -> f64 {
        let mut out = [9.0];
        unary(op, Operand::Cells(&[x]), &mut out);
        out[0]
    }

    #[test]
    fn what_is_not_finite_is_missing() {
        assert!(two(BinaryOp::Div, 1.0, 0.0).is_nan());
        assert!(two(BinaryOp::Div, 0.0, 0.0).is_nan());
        assert!(two(BinaryOp::Pow, 0.0, -1.0).is_nan());
        assert!(two(BinaryOp::Mul, 1e300, 1e300).is_nan());
        assert!(one(UnaryOp::Log, 0.0).is_nan());
        assert!(one(UnaryOp::Sqrt, -1.0).is_nan());
        assert!(one(UnaryOp::Exp, 1000.0).is_nan());
    }

    #[test]
    fn missing_is_catching_in_arithmetic() {
        use BinaryOp::*;
        for op in [Add, Sub, Mul, Div, Pow, Min, Max] {
            assert!(two(op, NAN, 0.0).is_nan(), "{op:?}");
            assert!(two(op, 1.0, NAN).is_nan(), "{op:?}");
        }
        use UnaryOp::*;
        for op in [Neg, Abs, Log, Exp, Sqrt, Sign] {
            assert!(one(op, NAN).is_nan(), "{op:?}");
        }
    }

    #[test]
    fn comparisons_with_missing_are_false() {
        use BinaryOp::*;
        for op in [Lt, Le, Gt, Ge, Eq, Ne] {
            for (x, y) in [(NAN, 1.0), (1.0, NAN), (NAN, NAN)] {
                assert_eq!(two(op, x, y), 0.0, "{op:?}");
            }
        }
        assert_eq!([Lt, Le, Gt, Ge, Eq, Ne].map(|op| two(op, 1.0, 2.0)), [1.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!([Lt, Le, Gt, Ge, Eq, Ne].map(|op| two(op, 2.0, 2.0)), [0.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn zero_has_one_sign() {
        assert_eq!(one(UnaryOp::Neg, 0.0).to_bits(), 0.0_f64.to_bits());
        assert_eq!(two(BinaryOp::Mul, 0.0, -3.0).to_bits(), 0.0_f64.to_bits());
        assert_eq!([-2.0, 0.0, 3.0].map(|x| one(UnaryOp::Sign, x)), [-1.0, 0.0, 1.0]);
    }

    #[test]
    fn arithmetic_and_logic() {
        use BinaryOp::*;
        assert_eq!(
            [Add, Sub, Mul, Div, Pow, Min, Max].map(|op| two(op, 3.0, 2.0)),
            [5.0, 1.0, 6.0, 1.5, 9.0, 2.0, 3.0]
        );
        assert_eq!([And, Or].map(|op| two(op, 1.0, 0.0)), [0.0, 1.0]);
        assert_eq!([And, Or].map(|op| two(op, 1.0, 1.0)), [1.0, 1.0]);
        assert_eq!([one(UnaryOp::Not, 0.0), one(UnaryOp::Not, 1.0)], [1.0, 0.0]);
    }

    #[test]
    fn chooses_by_condition() {
        let mut out = [9.0; 2];
        select(Operand::Cells(&[1.0, 0.0]), Operand::Scalar(5.0), Operand::Cells(&[6.0, 7.0]), &mut out);
        assert_eq!(out, [5.0, 7.0]);
    }
}
