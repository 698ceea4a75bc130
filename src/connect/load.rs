//! From a file to its rows: reads it whole, and tells what is wrong with it.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;

use crate::decode::decode;
use crate::error::{ConnectError, Place, Problem, Problems};
use crate::excerpt;
use crate::files::{Content, Format, SourceFile, Stat, changing, unreadable};
use crate::gate::Gate;
use crate::header::Header;
use crate::layout::Layout;
use crate::parquet::Parquet;
use crate::rows::{RowBuilder, Rows};
use crate::settings::Settings;
use crate::source::FileSource;
use crate::{csv, suggest};

/// The first part of a file that is read for its header.
const HEAD: u64 = 64 * 1024;

pub(crate) struct Loader<'a> {
    source: FileSource<'a>,
    settings: Settings,
    parquet: Option<Parquet>,
}

impl<'a> Loader<'a> {
    /// # Errors
    /// The source's settings cannot be.
    pub fn new(source: &FileSource<'a>) -> Result<Self, ConnectError> {
        Ok(Self { source: *source, settings: Settings::new(source)?, parquet: None })
    }

    /// The layout that the first file's header gives.
    pub fn layout(&mut self, files: &[SourceFile]) -> Result<Layout, ConnectError> {
        let Some(first) = files.first() else {
            return Err(Problem::new(Place::file(self.source.base), "the source has no files").into());
        };
        let header = match first.format {
            Format::Parquet => self.parquet(first)?.header(&first.path)?,
            Format::Csv => self.head(first)?,
        };
        Layout::new(&self.source, self.settings.clone(), &header, &first.name)
    }

    /// The header of a CSV file, from as little of it as there must be.
    fn head(&self, file: &SourceFile) -> Result<Header, Problem> {
        let mut length = HEAD;
        loop {
            let mut bytes = Vec::new();
            let open = File::open(&file.path).map_err(|error| unreadable(&file.path, &error))?;
            open.take(length).read_to_end(&mut bytes).map_err(|error| unreadable(&file.path, &error))?;
            let whole = (bytes.len() as u64) < length;
            if !whole {
                // A character may be cut in two, but no encoding has a line feed within one.
                let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
                bytes.truncate(end);
            }
            let text = decode(&file.path, &bytes, self.settings.encoding)?;
            if whole || csv::has_rows(&text, self.settings.delimiter) {
                return csv::header(&file.path, &text, self.settings.delimiter);
            }
            length *= 4;
        }
    }

    fn parquet(&mut self, file: &SourceFile) -> Result<&Parquet, Problem> {
        if self.parquet.is_none() {
            let zone = self.source.calendar.map(|calendar| calendar.time_zone());
            self.parquet = Some(Parquet::open(&file.path, zone)?);
        }
        self.parquet.as_ref().ok_or_else(|| Problem::new(Place::file(&file.path), "DuckDB does not start"))
    }

    /// The rows of a file, of which `bytes` are what it holds and `stat` what the file system said of them. `None` if
    /// there is a problem. What a person should know but need not mend is added to `notes`.
    pub fn rows(
        &mut self,
        file: &SourceFile,
        content: &Content,
        layout: &Layout,
        problems: &mut Problems,
        notes: &mut Vec<String>,
    ) -> Option<Rows> {
        problems.begin_file();
        let before = problems.count();
        let rows = self.try_rows(file, content, layout, problems, notes);
        match rows {
            Ok(rows) if problems.count() == before => {
                tracing::debug!(file = file.name, rows = rows.len(), "read");
                Some(rows)
            }
            Ok(_) => None,
            Err(problem) => {
                problems.push(problem);
                None
            }
        }
    }

    fn try_rows(
        &mut self,
        file: &SourceFile,
        content: &Content,
        layout: &Layout,
        problems: &mut Problems,
        notes: &mut Vec<String>,
    ) -> Result<Rows, Problem> {
        let mut builder = RowBuilder::new(layout, Gate::new(&self.source));
        let delimiter = self.settings.delimiter;
        let header = match file.format {
            Format::Csv => {
                let text = decode(&file.path, &content.bytes, self.settings.encoding)?;
                let header = csv::header(&file.path, &text, delimiter)?;
                let binding = layout.bind(&header)?;
                csv::read(&file.path, &text, delimiter, &header, &binding, &mut builder, problems);
                header
            }
            Format::Parquet => {
                let parquet = self.parquet(file)?;
                let header = parquet.header(&file.path)?;
                let binding = layout.bind(&header)?;
                parquet.read(&file.path, &header, &binding, layout, &mut builder, problems);
                // DuckDB has opened the file anew: it must still be the one whose bytes were hashed.
                if Stat::read(file)? != content.stat {
                    return Err(changing(&file.path));
                }
                header
            }
        };
        let ignored = layout.ignored(&header);
        if !ignored.is_empty() {
            let columns = suggest::list(ignored, 8);
            notes.push(format!(
                "`{}`: not read, since `{}` does not have them: the columns {columns}",
                file.name, layout.first
            ));
        }
        if header.names.iter().any(String::is_empty) {
            notes.push(format!("`{}`: a column without a name is not read", file.name));
        }
        if let Some(left_out) = builder.left_out() {
            notes.push(format!("`{}`: {left_out}", file.name));
        }
        Ok(builder.finish())
    }

    /// The place of a row by its number, with its line if the file can still be read.
    pub fn place(&self, file: &SourceFile, number: u32) -> Place {
        let number = number as usize;
        match file.format {
            Format::Parquet => Place { row: Some(number), ..Place::file(&file.path) },
            Format::Csv => self.line(file, number).unwrap_or(Place { line: Some(number), ..Place::file(&file.path) }),
        }
    }

    fn line(&self, file: &SourceFile, number: usize) -> Option<Place> {
        let bytes = std::fs::read(&file.path).ok()?;
        let text: Cow<str> = decode(&file.path, &bytes, self.settings.encoding).ok()?;
        let start = match number {
            0 | 1 => 0,
            number => text.match_indices('\n').nth(number - 2).map(|(at, _)| at + 1)?,
        };
        let end = text[start..].find(['\r', '\n']).map_or(text.len(), |at| start + at);
        Some(excerpt::place(&file.path, &text, start..end, None))
    }
}
