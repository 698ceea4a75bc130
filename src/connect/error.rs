//! What is wrong with the files, as a value that the command line renders the way a compiler does.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// How many problems one scan reports before it stops looking.
pub(crate) const MOST_PROBLEMS: usize = 20;

/// The files of a source cannot be read as declared. Holds at least one problem.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ConnectError {
    /// In the order of files and lines, at most 20.
    pub problems: Vec<Problem>,
    /// There may be more: reading stopped at the 20th, or a column had more than 5.
    pub truncated: bool,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(problem, f)?;
        }
        if self.truncated { f.write_str("\nthere may be more of them") } else { Ok(()) }
    }
}

impl From<Problem> for ConnectError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem], truncated: false }
    }
}

/// One mistake: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where; a mistake that lies in no file (a pattern without files, say) names what it can.
    pub place: Box<Place>,
    /// A lower-case fragment with names in backticks.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The other place of a duplicate key.
    pub other: Option<Box<Place>>,
    /// The path of what is at fault in the asset's block, as `["columns", "session"]`; empty when it is the file.
    pub declared: Vec<String>,
}

/// A place in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, or the folder or pattern that should have led to one.
    pub path: PathBuf,
    /// Line of a text file, from 1.
    pub line: Option<usize>,
    /// Character in the line, from 1.
    pub column: Option<usize>,
    /// Row of a Parquet file, from 1.
    pub row: Option<usize>,
    /// The field that the place is in.
    pub field: Option<Field>,
    /// The line itself, or the part of it around the place.
    pub text: Option<Excerpt>,
}

impl Place {
    pub(crate) fn file(path: &Path) -> Self {
        Self { path: path.to_path_buf(), ..Self::default() }
    }
}

/// A field of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Position in the file, from 1.
    pub number: usize,
    /// The file's own name of it.
    pub name: String,
}

/// A line of a file, at most 200 characters of it, and what to underline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    pub text: String,
    /// Byte range within `text`.
    pub span: Range<usize>,
}

impl Problem {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place: Box::new(place), message: message.into(), help: None, other: None, declared: Vec::new() }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn declared(mut self, path: [&str; 2]) -> Self {
        self.declared = path.map(str::to_owned).to_vec();
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        if let Some(row) = self.row {
            write!(f, ", row {row}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        if let Some(other) = &self.other {
            write!(f, " (the other is at {other})")?;
        }
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

/// What is wrong with one value, before it is known where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub message: String,
    pub help: Option<String>,
}

impl Fault {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn at(self, place: Place) -> Problem {
        Problem { place: Box::new(place), message: self.message, help: self.help, other: None, declared: Vec::new() }
    }
}

/// How many problems of one column of a file are shown: the tenth of a kind tells nothing new.
const MOST_PER_COLUMN: usize = 5;

/// Collects problems until there are enough of them.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Problem>,
    by_column: HashMap<usize, usize>,
    left_out: bool,
}

impl Problems {
    pub fn push(&mut self, problem: Problem) {
        if !self.full() {
            self.found.push(problem);
        }
    }

    /// Columns are counted anew.
    pub fn begin_file(&mut self) {
        self.by_column.clear();
    }

    /// A problem of a column of the file, unless there are enough of them.
    pub fn push_for(&mut self, column: usize, problem: impl FnOnce() -> Problem) {
        let count = self.by_column.entry(column).or_default();
        *count += 1;
        if *count <= MOST_PER_COLUMN {
            self.push(problem());
        } else {
            self.left_out = true;
        }
    }

    /// Enough: whoever reads should stop.
    pub fn full(&self) -> bool {
        self.found.len() >= MOST_PROBLEMS
    }

    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// # Errors
    /// If any problem was collected.
    pub fn into_result(self) -> Result<(), ConnectError> {
        if self.found.is_empty() {
            return Ok(());
        }
        let truncated = self.full() || self.left_out;
        Err(ConnectError { problems: self.found, truncated })
    }
}
