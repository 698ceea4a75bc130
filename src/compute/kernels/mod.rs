//! The functions of the expression language, on plain slices.
//!
//! A window kernel computes `rows` of its result from `x` and writes nothing else, so blocks of rows may be given to
//! different threads. The value at row r is made of rows r-n+1..=r alone, oldest first; no sum is carried from row to
//! row, because it would drift in the last bits with where the batch began.

mod count;
mod cross;
mod dispatch;
mod moments;
mod order;
mod pair;
mod pointwise;
pub(crate) mod recursive;
mod regression;
mod shift;
mod sorted;
mod window;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod law_tests;

pub(crate) use cross::{Scratch, cross};
pub(crate) use dispatch::window;
pub(crate) use pointwise::{Operand, binary, select, unary};
pub(crate) use window::{Grid, Span};
