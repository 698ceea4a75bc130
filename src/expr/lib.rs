//! The expression language of columns: `close / ref(close, 20) - 1`.
//!
//! Text goes in by [`compile()`], which reports every mistake of every column with its place; a [`Program`] comes
//! out: a graph of operations on panels that says itself which columns and sessions of its inputs it reads.
//!
//! - `token`, `ast`, `parse`: text → tokens → expressions with their places in the text
//! - `catalogue`, `table`: the functions there are, with their formulas and sources
//! - `names`, `calls`, `arguments`, `literals`, `types`, `compile`: names and calls → nodes; shared sub-expressions
//! - `formula`, `constants`: functions that are defined in the language itself
//! - `program`: what is evaluated
//! - `windows`: which sessions of each input a program reads
//! - `canonical`: what of a program the spec hash covers
//! - `error`, `suggest`: mistakes, and what may have been meant

mod arguments;
mod ast;
mod builder;
mod calls;
mod canonical;
mod catalogue;
mod compile;
mod constants;
mod error;
mod formula;
mod literals;
mod names;
mod parse;
mod program;
mod suggest;
mod table;
#[cfg(test)]
mod testing;
mod token;
mod types;
mod windows;

pub use catalogue::{Class, Example, Function, Interval, Param, ParamKind, function, functions};
pub use compile::compile;
pub use error::ExprError;
pub use names::{ColumnKind, InputScope, Source};
pub use program::{
    BinaryOp, ColumnRead, CrossFn, Node, NodeId, Output, Program, RecursiveFn, Type, UnaryOp, Window, WindowFn,
};
pub use table::{SAMPLE_BARS, SAMPLE_GROUPS, SAMPLE_SESSION};
