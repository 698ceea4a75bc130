//! What is said to the user about the configuration, as data: drawing it is the report's.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::project::Project;

/// Number of a file in its [`SourceMap`], in the order read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub(crate) u32);

/// One file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// As the user wrote it, or as found from what the user wrote.
    pub path: PathBuf,
    /// Without byte order mark; bytes that are not UTF-8 are replaced by `U+FFFD`.
    pub text: String,
}

/// The texts that [`Loc`]s point into. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    files: Vec<Arc<SourceFile>>,
}

impl SourceMap {
    pub fn add(&mut self, path: impl Into<PathBuf>, text: impl Into<String>) -> FileId {
        self.files.push(Arc::new(SourceFile { path: path.into(), text: text.into() }));
        FileId(self.files.len() as u32 - 1)
    }

    /// The file of a place in this map.
    ///
    /// # Panics
    /// When `file` is of another map.
    pub fn file(&self, file: FileId) -> &SourceFile {
        &self.files[file.0 as usize]
    }

    /// All files, in the order read.
    pub fn files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().map(AsRef::as_ref)
    }

    pub fn path(&self, file: FileId) -> &Path {
        &self.file(file).path
    }

    /// What stands at a place.
    pub fn text(&self, loc: &Loc) -> &str {
        self.file(loc.file).text.get(loc.range.clone()).unwrap_or_default()
    }

    /// Line and column of the start of a place, both from 1; columns count characters.
    pub fn line_column(&self, loc: &Loc) -> (usize, usize) {
        let before = self.file(loc.file).text.get(..loc.range.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// A place: a range of bytes of a file's text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Loc {
    pub file: FileId,
    pub range: Range<usize>,
}

/// A place and what is to be said of it (empty: it is only shown).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub loc: Loc,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiagnosticSeverity {
    Error,
    Warning,
}

/// One thing that is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: DiagnosticSeverity,
    /// A lower-case fragment with names in `backticks`.
    pub message: String,
    /// Where it is wrong; `None` when there is no file to point into.
    pub primary: Option<Label>,
    /// Places that explain it.
    pub secondary: Vec<Label>,
    /// What to do.
    pub help: Vec<String>,
}

impl Diagnostic {
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: DiagnosticSeverity::Error,
            message: message.into(),
            primary: None,
            secondary: Vec::new(),
            help: Vec::new(),
        }
    }

    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: DiagnosticSeverity::Warning, ..Self::error(message) }
    }

    /// Where it is, and what is to be said there.
    #[must_use]
    pub fn at(mut self, loc: Loc, text: impl Into<String>) -> Self {
        self.primary = Some(Label { loc, text: text.into() });
        self
    }

    /// One more place that explains it.
    #[must_use]
    pub fn and(mut self, loc: Loc, text: impl Into<String>) -> Self {
        self.secondary.push(Label { loc, text: text.into() });
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Sorts by place (what has none first), and keeps one of those alike: a block that makes many assets repeats its mistakes.
    pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
        diagnostics.sort_by_key(|diagnostic| {
            let place =
                diagnostic.primary.as_ref().map(|label| (label.loc.file, label.loc.range.start, label.loc.range.end));
            (place, diagnostic.severity)
        });
        let mut kept: Vec<Diagnostic> = Vec::with_capacity(diagnostics.len());
        for diagnostic in diagnostics.drain(..) {
            let same_place = kept.iter().rev().take_while(|known| {
                known.primary.as_ref().map(|label| &label.loc) == diagnostic.primary.as_ref().map(|label| &label.loc)
            });
            if !same_place.into_iter().any(|known| known.message == diagnostic.message) {
                kept.push(diagnostic);
            }
        }
        *diagnostics = kept;
    }
}

/// Everything that is wrong with a configuration, sorted by place, with the texts it points into.
#[derive(Debug, Clone)]
pub struct ConfigErrors {
    pub sources: SourceMap,
    pub diagnostics: Vec<Diagnostic>,
    /// The project without its [broken](crate::Project::broken) assets, so that the graph can say what else is wrong; `None` when
    /// it is not known which assets there are.
    pub partial: Option<Box<Project>>,
}

impl std::error::Error for ConfigErrors {}

/// One line for each, as compilers write them: `assets.yaml:3:5: error: …`.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (at, diagnostic) in self.diagnostics.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            if let Some(Label { loc, .. }) = &diagnostic.primary {
                let (line, column) = self.sources.line_column(loc);
                write!(f, "{}:{line}:{column}: ", self.sources.path(loc.file).display())?;
            }
            let severity = match diagnostic.severity {
                DiagnosticSeverity::Error => "error",
                DiagnosticSeverity::Warning => "warning",
            };
            write!(f, "{severity}: {}", diagnostic.message)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let mut sources = SourceMap::default();
        let file = sources.add("a.yaml", "a: 1\n中文: 坏\n");
        let start = sources.file(file).text.find('坏').unwrap();
        let loc = Loc { file, range: start..start + '坏'.len_utf8() };
        assert_eq!((sources.line_column(&loc), sources.text(&loc)), ((2, 5), "坏"));
    }

    #[test]
    fn mistakes_are_sorted_by_place_and_said_once() {
        let loc = |start| Loc { file: FileId(0), range: start..start + 1 };
        let one = |start, message: &str| Diagnostic::error(message).at(loc(start), "");
        let mut all = vec![one(9, "late"), one(3, "x"), one(3, "y"), one(3, "x"), Diagnostic::error("nowhere")];
        Diagnostic::sort(&mut all);
        let messages: Vec<&str> = all.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
        assert_eq!(messages, ["nowhere", "x", "y", "late"]);
    }
}
