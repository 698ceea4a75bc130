//! Sources: from a vendor's files to typed rows.
//!
//! - [`FileSource`] says which files and how to read them; [`schema`] gives its columns.
//! - [`refresh`] copies objects of a store that are not what was copied before; what follows reads the copies as files.
//! - [`scan`] finds out which files, and which sessions in them, differ from what was [`KnownFile`] before.
//! - [`read`] gives the rows of some sessions as one canonical frame.
//! - [`Fetch`] is a source that has to be asked: an HTTP vendor, a database. [`fetcher`] gives the one that an asset names.
//! - [`ConnectError`] is what a person reads when a file is not as it should be: where, what, and what to do.
//!
//! The way of a file: `files` (which, and their bytes) → `unpack` → `decode` (text) → `csv`, `jsonl` or `parquet` (rows of fields) →
//! `cell` (typed values) → `rows` (columns) → `digest` (what changed) → `frame` (polars).

mod blocking;
mod cell;
mod csv;
mod database;
mod date;
mod decode;
mod digest;
mod duplicate;
mod error;
mod excerpt;
mod fetch;
mod fetcher;
mod files;
mod frame;
mod gate;
mod header;
mod http;
mod json;
mod jsonl;
mod layout;
mod load;
mod moments;
mod number;
mod objects;
mod parquet;
mod places;
mod read;
mod rows;
mod scan;
mod settings;
mod source;
mod suggest;
mod time;
mod unique;
mod unpack;

#[cfg(test)]
mod testing;

pub use error::{ConnectError, Excerpt, Field, Place, Problem};
pub use fetch::{Delivery, Fetch, FetchError, Progress, Request};
pub use fetcher::fetcher;
pub use files::local_files;
pub use http::poll;
pub use objects::{Refreshed, newest_object, refresh};
pub use places::problem_of_rows;
pub use read::read;
pub use scan::{FileState, KnownFile, Scan, ScannedFile, scan};
pub use source::{FileSource, schema};
