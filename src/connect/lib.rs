//! Sources: from a vendor's files to typed rows.
//!
//! - [`FileSource`] says which files and how to read them; [`schema`] gives its columns.
//! - [`scan`] finds out which files, and which sessions in them, differ from what was [`KnownFile`] before.
//! - [`read`] gives the rows of some sessions as one canonical frame.
//! - [`Fetch`] is a source that has to be asked: an HTTP vendor, a database.
//! - [`ConnectError`] is what a person reads when a file is not as it should be: where, what, and what to do.
//!
//! The way of a file: `files` (which, and their bytes) → `decode` (text) → `csv` or `parquet` (rows of fields) →
//! `cell` (typed values) → `rows` (columns) → `digest` (what changed) → `frame` (polars).

mod cell;
mod csv;
mod date;
mod decode;
mod digest;
mod duplicate;
mod error;
mod excerpt;
mod fetch;
mod files;
mod frame;
mod gate;
mod header;
mod layout;
mod load;
mod number;
mod parquet;
mod places;
mod read;
mod rows;
mod scan;
mod settings;
mod source;
mod suggest;
mod unique;

#[cfg(test)]
mod testing;

pub use error::{ConnectError, Excerpt, Field, Place, Problem};
pub use fetch::{Delivery, Fetch, FetchError, Progress, Request};
pub use places::problem_of_rows;
pub use read::read;
pub use scan::{FileState, KnownFile, Scan, ScannedFile, scan};
pub use source::{FileSource, schema};
