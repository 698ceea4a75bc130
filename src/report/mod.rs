//! What people and programs see. Everything else returns values; only what is here, and `main`, prints.
//!
//! Results go to standard output, everything else to standard error.

pub mod diagnostics;
pub mod plan;
pub mod progress;
pub mod rows;
pub mod run;
pub mod steps;
pub mod table;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::args::Format;
use crate::error::CliError;

/// Prints a result: as JSON, or in a form for people.
pub fn result<T: Serialize>(format: Format, value: &T, human: impl FnOnce(&T) -> String) -> Result<(), CliError> {
    match format {
        Format::Json => {
            let text = serde_json::to_string_pretty(value).map_err(CliError::other("writing JSON"))?;
            line(&text)
        }
        Format::Human => text(&human(value)),
        Format::Silent => Ok(()),
    }
}

/// Prints text as it is. A reader that has gone away (`| head`) is not an error.
pub fn text(text: &str) -> Result<(), CliError> {
    use std::io::Write;
    match anstream::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::other("writing to standard output")(error))
        }
        _ => Ok(()),
    }
}

/// Prints one line.
pub fn line(content: &str) -> Result<(), CliError> {
    text(&format!("{content}\n"))
}

/// `2015-07-03T07:30:00Z`.
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
