//! Functions of all instruments of one session, or of each group of them by itself.
//!
//! They see the instruments that have a row and a value; sums run in lane order, which is the order of instrument names, so
//! neither absent lanes, nor other sessions, nor how groups are numbered touch the bits.

mod apply;
mod groups;
mod mean;
mod neutralize;
mod order;
mod rank;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod law_tests;

pub use apply::{Scratch, cross};
