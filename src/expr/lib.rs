//! The expression language of columns: `close / ref(close, 20) - 1`.
//!
//! Text goes in by [`compile()`], which reports every mistake of every column with its place; a [`Program`] comes
//! out: a graph of operations on panels that says itself which columns and sessions of its inputs it reads.
//!
//! - `scan`, `climb`: reading tokens and climbing precedence, in any dialect; `token`, `ast`, `parse`: our own
//! - `catalogue`, `table`: the functions there are, with their formulas and sources
//! - `names`, `calls`, `arguments`, `literals`, `types`, `compile`: names and calls → nodes; shared sub-expressions
//! - `formula`, `constants`: functions that are defined in the language itself
//! - `program`: what is evaluated
//! - `windows`, `reach`: which sessions of each input a program reads, and each of its outputs
//! - `canonical`: what of a program the spec hash covers
//! - `dialect`, `qlib`: the other languages in which a column may be written
//! - `error`, `suggest`: mistakes, and what may have been meant

mod arguments;
mod ast;
mod builder;
mod calls;
mod canonical;
mod catalogue;
mod climb;
mod compile;
mod constants;
mod dialect;
mod error;
mod formula;
mod literals;
mod names;
mod parse;
mod program;
mod qlib;
mod reach;
mod scan;
mod suggest;
mod table;
#[cfg(test)]
mod testing;
mod token;
mod types;
mod windows;

pub use catalogue::{Class, Example, Function, Interval, Param, ParamKind, function, functions};
pub use compile::{compile, compile_in};
pub use dialect::Dialect;
pub use error::ExprError;
pub use names::{ColumnKind, InputScope, Source};
pub use program::{
    BinaryOp, ColumnRead, CrossFn, Node, NodeId, Output, Program, RecursiveFn, Type, UnaryOp, Window, WindowFn,
};
pub use qlib::{Feature, FeatureSet};
pub use reach::OutputRead;
pub use table::{SAMPLE_BARS, SAMPLE_GROUPS, SAMPLE_SESSION};
