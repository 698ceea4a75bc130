//! Qlib's dialect: its expression strings, read unchanged, become the same operations as ours.
//!
//! In Qlib a string is Python that is run on objects: names are looked up, `+` and `&` are methods, and a window of 0 or of a fraction
//! means something of its own. What is read here is that language as `qlib/data/ops.py` and `qlib/data/base.py` (0.9.7) define it.
//!
//! - `token`, `parse`: text → tokens → expressions, with Python's precedence
//! - `operators`: the operators there are, and those that are refused, with the reason
//! - `bind`, `column`: calls and names → nodes
//! - `extent`: how many rows a query of one day loads, which `compat: qlib` needs to know
//! - `features`: the feature sets Alpha158 and Alpha360

mod bind;
mod column;
mod extent;
mod features;
mod operators;
mod parse;
#[cfg(test)]
mod tests;
mod token;

pub(crate) use column::compile_column;
pub use features::{Feature, FeatureSet};
