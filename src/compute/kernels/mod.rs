//! The functions of the expression language, on plain slices.
//!
//! A window kernel computes `rows` of its result from `x` and writes nothing else, so blocks of rows may be given to
//! different threads. The value at row r is made of rows r-n+1..=r alone; no sum is carried from window to window, because
//! it would drift in the last bits with where the batch began. [`rolling`] says how that is fast nonetheless.

mod count;
mod cross;
mod direct;
mod dispatch;
mod extreme;
mod moments;
mod order;
mod pair;
mod pointwise;
pub(crate) mod recursive;
mod regression;
mod rolling;
mod shift;
mod sorted;
mod tile;
mod window;

#[cfg(test)]
mod golden_qlib_tests;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod law_tests;
#[cfg(test)]
mod naive;

pub(crate) use cross::{Scratch, cross};
pub(crate) use dispatch::window;
pub(crate) use pointwise::{Operand, binary, select, unary};
pub(crate) use window::{Grid, Span};
