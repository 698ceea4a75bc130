//! From a file to its rows: reads it whole, and tells what is wrong with it.

use assetctl_config::FileNamePattern;

use crate::decode::decode;
use crate::error::{ConnectError, Place, Problem, Problems};
use crate::excerpt;
use crate::files::{Content, Format, SourceFile, Stat, changing};
use crate::gate::Gate;
use crate::header::Header;
use crate::layout::Layout;
use crate::moments::Moments;
use crate::parquet::Parquet;
use crate::rows::{RowBuilder, Rows};
use crate::settings::Settings;
use crate::source::FileSource;
use crate::unpack::unpacked_name;
use crate::{csv, jsonl, suggest, unpack};

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

    /// The layout that the first file's header gives; of JSON lines, the first file's that has a row.
    pub fn layout(&mut self, files: &[SourceFile]) -> Result<Layout, ConnectError> {
        let Some(first) = files.first() else {
            return Err(Problem::new(Place::file(self.source.base), "the source has no files").into());
        };
        for file in files {
            let header = match file.format {
                Format::Parquet => Some(self.parquet(file)?.header(&file.path)?),
                Format::Csv | Format::JsonLines => self.head(file)?,
            };
            if let Some(header) = header {
                return Layout::new(&self.source, self.settings.clone(), &header, &file.name);
            }
        }
        Err(Problem::new(
            Place::file(&first.path),
            "no file of the source has a row, so that its columns are not known",
        )
        .help("JSON lines name their columns in every row: wait for the first one")
        .into())
    }

    /// The header of a file of text, from as little of it as there must be; `None` for JSON lines without a row.
    fn head(&self, file: &SourceFile) -> Result<Option<Header>, Problem> {
        let mut length = HEAD;
        loop {
            let (path, mut bytes, whole) = unpack::head(file, length)?;
            if !whole {
                // A character may be cut in two, but no encoding has a line feed within one.
                let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
                bytes.truncate(end);
            }
            let text = decode(&path, &bytes, self.settings.encoding)?;
            if file.format == Format::JsonLines {
                let header = jsonl::header(&path, &text)?;
                if whole || header.is_some() {
                    return Ok(header);
                }
            } else if whole || csv::has_rows(&text, self.settings.delimiter) {
                return csv::header(&path, &text, self.settings.delimiter).map(Some);
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
        let moments = self.source.calendar.zip(self.source.time).map(|(calendar, times)| Moments::new(calendar, times));
        let mut builder = RowBuilder::new(layout, Gate::new(&self.source), moments);
        let session = self.source.session.map(FileNamePattern::parse).transpose();
        let pattern = session.map_err(|mistake| Problem::new(Place::file(&file.path), mistake.to_string()))?;
        if let Format::Parquet = file.format {
            if pattern.as_ref().is_some_and(|pattern| !begin_session(&mut builder, pattern, file, None, problems)) {
                return Ok(builder.finish());
            }
            let parquet = self.parquet(file)?;
            let header = parquet.header(&file.path)?;
            let binding = layout.bind(&header)?;
            parquet.read(&file.path, &header, &binding, layout, &mut builder, problems);
            // DuckDB has opened the file anew: it must still be the one whose bytes were hashed.
            if Stat::read(file)? != content.stat {
                return Err(changing(&file.path));
            }
            note_columns(&file.name, &header, layout, notes);
            return Ok(builder.finish());
        }
        let delimiter = self.settings.delimiter;
        let not_read = unpack::each(file, &content.bytes, |part| {
            let member = part.member.as_deref();
            if let Some(member) = member {
                builder.begin_member(member);
            }
            if pattern.as_ref().is_some_and(|pattern| !begin_session(&mut builder, pattern, file, member, problems)) {
                return Ok(());
            }
            let text = decode(&part.path, &part.bytes, self.settings.encoding)?;
            let header = if file.format == Format::JsonLines {
                jsonl::read(&part.path, &text, layout, &mut builder, problems)
            } else {
                let header = csv::header(&part.path, &text, delimiter)?;
                let binding = layout.bind(&header)?;
                csv::read(&part.path, &text, delimiter, &header, &binding, &mut builder, problems);
                Some(header)
            };
            let name = member.map_or_else(|| file.name.clone(), |member| format!("{}/{member}", file.name));
            header.iter().for_each(|header| note_columns(&name, header, layout, notes));
            Ok(())
        })?;
        if !not_read.is_empty() {
            let members = suggest::list(not_read.iter().map(String::as_str), 8);
            notes.push(format!("`{}`: not read, since their names end in nothing that is read: {members}", file.name));
        }
        notes.extend(builder.left_out().into_iter().map(|left_out| format!("`{}`: {left_out}", file.name)));
        Ok(builder.finish())
    }

    /// The place of a row, with its line if the file can still be read.
    pub fn place(&self, file: &SourceFile, rows: &Rows, row: usize) -> Place {
        let number = rows.places[row] as usize;
        if file.format == Format::Parquet {
            return Place { row: Some(number), ..Place::file(&file.path) };
        }
        let member = rows.member(row);
        let path = member.map_or_else(|| file.path.clone(), |member| file.path.join(member));
        self.line(file, member, number).unwrap_or(Place { line: Some(number), ..Place::file(&path) })
    }

    fn line(&self, file: &SourceFile, member: Option<&str>, number: usize) -> Option<Place> {
        let bytes = std::fs::read(&file.path).ok()?;
        let mut found = None;
        unpack::each(file, &bytes, |part| {
            if part.member.as_deref() == member {
                let text = decode(&part.path, &part.bytes, self.settings.encoding)?;
                let start = match number {
                    0 | 1 => Some(0),
                    number => text.match_indices('\n').nth(number - 2).map(|(at, _)| at + 1),
                };
                found = start.map(|start| {
                    let end = text[start..].find(['\r', '\n']).map_or(text.len(), |at| start + at);
                    excerpt::place(&part.path, &text, start..end, None)
                });
            }
            Ok(())
        })
        .ok()?;
        found
    }
}

/// Takes the session out of a file's name, or out of that of a member of an archive; gives whether its rows are to be read.
fn begin_session(
    builder: &mut RowBuilder,
    pattern: &FileNamePattern,
    file: &SourceFile,
    member: Option<&str>,
    problems: &mut Problems,
) -> bool {
    let names = [member, Some(file.name.as_str())];
    let names = names.into_iter().flatten().flat_map(|name| [name, unpacked_name(name)]);
    let Some(date) = names.into_iter().find_map(|name| pattern.date(name)) else {
        let problem = Problem::new(
            Place::file(&file.path),
            "the name of the file is not of the pattern that `session:` declares",
        );
        problems.push(problem.help("name only such files, or correct the pattern: `session: { file_name: … }`"));
        return false;
    };
    builder.begin_session(date).unwrap_or_else(|fault| {
        problems.push(fault.at(Place::file(&file.path)));
        false
    })
}

/// What of a file is not read.
fn note_columns(name: &str, header: &Header, layout: &Layout, notes: &mut Vec<String>) {
    let ignored = layout.ignored(header);
    if !ignored.is_empty() {
        let columns = suggest::list(ignored, 8);
        notes.push(format!("`{name}`: not read, since `{}` does not have them: the columns {columns}", layout.first));
    }
    if header.names.iter().any(String::is_empty) {
        notes.push(format!("`{name}`: a column without a name is not read"));
    }
}
