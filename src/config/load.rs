//! `assets.yaml` and what it includes → a [`Project`].

mod schedule_file;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::assets::{self, Built, Declared, Shared};
use crate::calendars::{self, Calendars, Declaration};
use crate::diagnostic::{ConfigErrors, Diagnostic, DiagnosticSeverity, Loc, SourceMap};
use crate::interpolate::{Environment, Scope, process_environment};
use crate::names;
use crate::node::{Content, Entry, Node};
use crate::parse;
use crate::project::Project;
use crate::schedules;
use crate::schema::SCHEMAS;
use crate::sinks;
use crate::spec::{CalendarSpec, ProjectSpec};
use crate::structure::{Keys, Structure, Subject};
use crate::vendors;

/// Reads a configuration, with `${env.NAME}` from the process's environment.
///
/// # Errors
/// Everything that is wrong in it and can be seen without the graph.
pub fn load(path: &Path) -> Result<Project, ConfigErrors> {
    load_with(path, &process_environment)
}

/// Reads a configuration, with `${env.NAME}` from a function.
///
/// # Errors
/// Everything that is wrong in it and can be seen without the graph.
pub fn load_with(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Project, ConfigErrors> {
    let mut loader =
        Loader { environment, sources: SourceMap::default(), problems: Vec::new(), files: Vec::new(), unread: false };
    let project = loader.project(path);
    let Loader { sources, mut problems, .. } = loader;
    Diagnostic::sort(&mut problems);
    let has_errors = problems.iter().any(|problem| problem.severity == DiagnosticSeverity::Error);
    match project {
        Some((mut project, _)) if !has_errors => {
            project.warnings = problems;
            Ok(project)
        }
        Some((project, true)) => Err(ConfigErrors { sources, diagnostics: problems, partial: Some(Box::new(project)) }),
        _ => Err(ConfigErrors { sources, diagnostics: problems, partial: None }),
    }
}

/// A path that stands in a file of folder `base`.
pub(crate) fn join(base: &Path, path: &str) -> PathBuf {
    if base == Path::new(".") { PathBuf::from(path) } else { base.join(path) }
}

/// Why a file cannot be read, without the number of the operating system.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

/// One YAML file as parsed.
struct File {
    base: PathBuf,
    root: Node,
}

struct Loader<'a> {
    environment: Environment<'a>,
    sources: SourceMap,
    problems: Vec<Diagnostic>,
    /// The main file first.
    files: Vec<File>,
    /// Whether there may be assets whose names are not known: an included file could not be read, or a block is wrong.
    unread: bool,
}

/// A value and where it stands.
type Located<T> = Option<(T, Loc)>;

impl Loader<'_> {
    /// The project as far as it can be made out, and whether all assets are known by name; it counts as whole only if no error
    /// was reported.
    fn project(&mut self, path: &Path) -> Option<(Project, bool)> {
        let root = match path.parent() {
            Some(parent) if parent != Path::new("") => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let main = self.read(path, None)?;
        let mut seen = HashSet::from([identity(path)]);
        self.files.push(File { base: root.clone(), root: main });
        let mut at = 0;
        while at < self.files.len() {
            self.include(at, &mut seen);
            at += 1;
        }
        let files = std::mem::take(&mut self.files);
        let values = self.variables(&files);
        let mut calendars = Calendars::default();
        let mut problems = std::mem::take(&mut self.problems);
        let sources = self.sources.clone();
        let scope = Scope { sources: &sources, environment: self.environment, values };
        let (main, main_node) = top(&files[0].root, &scope, &SCHEMAS.project, "the project", &mut problems);
        let mut calendar_names = Vec::new();
        for (at, file) in files.iter().enumerate() {
            let included;
            let node = if at == 0 {
                &main_node
            } else {
                included = top(&file.root, &scope, &SCHEMAS.included, "an included file", &mut problems).1;
                &included
            };
            let declared = node.get("calendars").and_then(Node::entries).unwrap_or_default();
            calendar_names.extend(declared.iter().map(|entry| entry.key.text().to_owned()));
            self.calendars(declared, &file.base, &mut calendars, &mut problems);
        }
        let unknown = |key: &str| main_node.get(key).is_some() || main.meant.iter().any(|meant| meant == key);
        let spec: ProjectSpec = serde_json::from_value(Value::Object(main.values.clone())).unwrap_or_default();
        let place = |key: &str| main_node.get(key).map(|node| node.loc.clone());
        let calendar: Located<String> = spec.calendar.clone().zip(place("calendar"));
        let mut all = Vec::new();
        for file in &files {
            self.unread |= declared(file, &scope, &mut all, &mut problems).is_err();
        }
        vendors::resolve(&mut all, &mut self.sources, &mut problems);
        let sources = self.sources.clone();
        let shared = Shared {
            defaults: main_node.get("defaults").filter(|node| is_right(node, "defaults")),
            calendar: calendar.as_ref().map(|(name, loc)| (name.as_str(), loc.clone())),
            calendar_unknown: calendar.is_none() && unknown("calendar"),
            start: spec.start.zip(place("start")),
            start_unknown: spec.start.is_none() && unknown("start"),
            calendars: &calendars,
            calendar_names: &calendar_names,
            sources: &sources,
            unread: self.unread,
        };
        let names = all.iter().map(|asset| asset.key.text().to_owned()).collect();
        let Built { assets, broken } = assets::build(all, &shared, &mut problems);
        let all_known = broken.is_some();
        let names = broken.as_ref().map(|_| names);
        let sinks = sinks::read(&main_node, &spec, &root, &sources, &mut problems);
        let declared = main_node.get("sinks").and_then(Node::entries).unwrap_or_default();
        let sink_names: Vec<String> = declared.iter().map(|entry| entry.key.text().to_owned()).collect();
        sinks::published(&assets, &sinks, &sink_names, &mut problems);
        let around = schedules::Around {
            scope: scope.with_sources(&sources),
            calendars: &calendars,
            calendar_names: &calendar_names,
            calendar: calendar.as_ref().map(|(name, _)| name.as_str()),
            calendar_unknown: calendar.is_none() && unknown("calendar"),
            assets: &assets,
            names,
            base: &root,
        };
        let schedules = self.schedules(path, spec.schedules.as_deref().zip(place("schedules")), around, &mut problems);
        let calendar_loc = calendar.map(|(_, loc)| loc);
        self.problems.append(&mut problems);
        let project = Project {
            sinks,
            schedules,
            data_dir: join(&root, spec.data.as_deref().unwrap_or("data")),
            root,
            sources: self.sources.clone(),
            assets,
            calendars,
            broken: broken.unwrap_or_default(),
            warnings: Vec::new(),
            calendar_loc,
        };
        Some((project, all_known))
    }

    /// The tree of a file; what is wrong with it as YAML is reported.
    fn read(&mut self, path: &Path, named: Option<(Loc, &str)>) -> Option<Node> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let problem = Diagnostic::error(format!("cannot read `{}`: {}", path.display(), reason(&error)));
                self.problems.push(match named {
                    Some((loc, label)) => problem.at(loc, label).help("paths are relative to the file that names them"),
                    None => problem.help("`assetctl init` writes a project"),
                });
                return None;
            }
        };
        let (text, not_utf8) = parse::decode(&bytes);
        let file = self.sources.add(path, text.as_str());
        match not_utf8 {
            Some(mistake) => {
                self.problems.push(mistake.diagnostic(file));
                None
            }
            None => parse::parse(file, &text, &mut self.problems),
        }
    }

    /// Reads what file number `at` includes. A file that is included twice, or that includes itself, counts once.
    fn include(&mut self, at: usize, seen: &mut HashSet<PathBuf>) {
        let Some(include) = self.files[at].root.get("include").cloned() else { return };
        let base = self.files[at].base.clone();
        let files = std::mem::take(&mut self.files);
        let values = self.variables(&files);
        self.files = files;
        let sources = self.sources.clone();
        let scope = Scope { sources: &sources, environment: self.environment, values };
        let include = scope.node(&include, &mut self.problems);
        // Anything but a text or a list of texts is reported with the rest of the file.
        let items = match &include.content {
            Content::List(items) => items.iter().collect(),
            _ => vec![&include],
        };
        for item in items {
            let Some(scalar) = item.scalar().filter(|scalar| !scalar.unresolved() && !scalar.is_null()) else {
                continue;
            };
            for path in self.matches(&base, &scalar.text, &item.loc) {
                if !seen.insert(identity(&path)) {
                    continue;
                }
                let Some(root) = self.read(&path, Some((item.loc.clone(), "included here"))) else {
                    self.unread = true;
                    continue;
                };
                let base = path.parent().map_or_else(|| base.clone(), Path::to_path_buf);
                let base = if base == Path::new("") { PathBuf::from(".") } else { base };
                self.files.push(File { base, root });
            }
        }
    }

    /// The files of a path or glob, in alphabetical order.
    fn matches(&mut self, base: &Path, pattern: &str, loc: &Loc) -> Vec<PathBuf> {
        if !pattern.contains(['*', '?', '[']) {
            return vec![join(base, pattern)];
        }
        let folder = glob::Pattern::escape(&base.to_string_lossy());
        let whole = join(Path::new(&folder), pattern);
        let found = match glob::glob(&whole.to_string_lossy()) {
            Ok(found) => found,
            Err(error) => {
                self.problems.push(
                    Diagnostic::error(format!("`{pattern}` is not a glob: {}", error.msg))
                        .at(loc.clone(), "here")
                        .help("`*` is any name, `**` any folders, `?` one character, `[ab]` one of these"),
                );
                return Vec::new();
            }
        };
        let found: Vec<PathBuf> = found.filter_map(Result::ok).filter(|path| path.is_file()).collect();
        if found.is_empty() {
            self.problems.push(
                Diagnostic::warning(format!("`{pattern}` matches no file"))
                    .at(loc.clone(), "includes nothing")
                    .help("paths are relative to the file that names them"),
            );
        }
        found
    }

    /// The variables of all files. One may use those above it.
    fn variables(&mut self, files: &[File]) -> BTreeMap<String, Node> {
        let sources = self.sources.clone();
        let mut scope = Scope { sources: &sources, environment: self.environment, values: BTreeMap::new() };
        let mut places: BTreeMap<String, Loc> = BTreeMap::new();
        for file in files {
            for Entry { key, value } in file.root.get("vars").and_then(Node::entries).unwrap_or_default() {
                let name = key.text();
                if names::check_name(name).is_err() || name == "env" {
                    self.problems.push(
                        Diagnostic::error(format!("`{name}` cannot be the name of a variable"))
                            .at(key.loc.clone(), "letters, digits and `_`, and not `env`")
                            .help("choose another name"),
                    );
                    continue;
                }
                if let Some(first) = places.get(name) {
                    self.problems.push(
                        Diagnostic::error(format!("variable `{name}` is declared twice"))
                            .at(key.loc.clone(), "here again")
                            .and(first.clone(), "first here")
                            .help("variables are the whole project's: keep one, or choose another name"),
                    );
                    continue;
                }
                let value = scope.node(value, &mut self.problems);
                places.insert(name.to_owned(), key.loc.clone());
                scope.values.insert(name.to_owned(), value);
            }
        }
        scope.values
    }

    /// Reads the calendars that a file declares.
    fn calendars(&mut self, entries: &[Entry], base: &Path, calendars: &mut Calendars, problems: &mut Vec<Diagnostic>) {
        for Entry { key, value } in entries {
            let schema = SCHEMAS.resolve(&SCHEMAS.definitions["CalendarSpec"]);
            let subject = Subject { name: format!("`{}`", key.text()), loc: key.loc.clone() };
            // What is wrong with its form has been said when the whole file was looked at.
            let form = Structure { problems: &mut Vec::new() }.value(value, schema, &subject);
            let Some(spec) = form.and_then(|form| serde_json::from_value::<CalendarSpec>(form).ok()) else { continue };
            if calendars.declared().any(|(known, _)| known == key.text()) {
                problems.push(
                    Diagnostic::error(format!("calendar `{}` is declared twice", key.text()))
                        .at(key.loc.clone(), "here again")
                        .help("keep one, or choose another name"),
                );
                continue;
            }
            let declaration = Declaration { name: key.text(), name_loc: key.loc.clone(), node: value, base };
            if let Some(calendar) = calendars::read(&declaration, &spec, &mut self.sources, problems) {
                calendars.declare(key.text(), calendar);
            }
        }
    }
}

/// A file by what it is, however its path is written.
fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

/// The top level of a file without its assets: as JSON, and as a tree.
fn top(root: &Node, scope: &Scope<'_>, schema: &Value, name: &str, problems: &mut Vec<Diagnostic>) -> (Keys, Node) {
    let entries =
        root.entries().unwrap_or_default().iter().filter(|entry| entry.key.text() != "assets").cloned().collect();
    let node = scope.node(&Node { loc: root.loc.clone(), content: Content::Map(entries) }, problems);
    let subject = Subject { name: name.to_owned(), loc: root.head() };
    let keys = Structure { problems }.keys(node.entries().unwrap_or_default(), schema, &subject);
    (keys, node)
}

/// Whether the value of a top-level key of the main file has the right form.
fn is_right(node: &Node, key: &str) -> bool {
    let subject = Subject { name: String::new(), loc: node.loc.clone() };
    let schema = &SCHEMAS.project["properties"][key];
    Structure { problems: &mut Vec::new() }.value(node, schema, &subject).is_some()
}

/// Some assets that a file declares cannot be made out, not even by name; why has been reported.
struct Unknown;

/// The assets of a file, with `for_each` and `${…}` done, go to `all`.
fn declared(
    file: &File,
    scope: &Scope<'_>,
    all: &mut Vec<Declared>,
    problems: &mut Vec<Diagnostic>,
) -> Result<(), Unknown> {
    let Some(entry) = file.root.entry("assets") else { return Ok(()) };
    match &entry.value.content {
        Content::Map(blocks) => {
            let mut known = Ok(());
            for block in blocks {
                let made = crate::expand::expand(block, scope, problems);
                if made.is_empty() {
                    known = Err(Unknown);
                }
                all.extend(made.into_iter().map(|(key, node)| Declared { key, node, base: file.base.clone() }));
            }
            known
        }
        Content::Scalar(scalar) if scalar.is_null() => Ok(()),
        Content::Scalar(_) | Content::List(_) => {
            problems.push(
                Diagnostic::error("`assets` must be a map of names to assets")
                    .at(entry.key.loc.clone(), "expected a map")
                    .help("write each asset as `name:`, with its keys indented below it"),
            );
            Err(Unknown)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{BARS, fixtures, load_text, mistakes};

    #[test]
    fn every_valid_fixture_loads_and_every_invalid_one_fails_here_or_in_the_graph() {
        let valid = fixtures("valid");
        let invalid = fixtures("invalid");
        assert!(valid.len() >= 9 && invalid.len() >= 50, "{} and {}", valid.len(), invalid.len());
        for path in valid {
            let project = load(&path).unwrap_or_else(|errors| panic!("{errors}"));
            assert!(!project.assets.is_empty(), "{}", path.display());
        }
        for path in invalid {
            let is_of_graph = path.file_name().unwrap().to_string_lossy().starts_with("graph_");
            match load(&path) {
                Ok(_) => assert!(is_of_graph, "{} loads", path.display()),
                Err(errors) => {
                    assert!(!is_of_graph, "{errors}");
                    assert!(errors.diagnostics.iter().all(|problem| problem.primary.is_some()), "{errors}");
                }
            }
        }
    }

    #[test]
    fn mistakes_of_fixtures_are_said_at_their_place() {
        for (fixture, message, place) in [
            ("unknown_key", "asset `completed_bars` has no key `inptu`", "inptu"),
            ("unknown_top_level_key", "the project has no key `calender`", "calender"),
            ("missing_key", "asset `signals` has no `top_k`", "signals"),
            ("wrong_type_number", "`k` must be a whole number, not `ten`", "ten"),
            ("bad_choice", "`open` cannot be `cary`", "cary"),
            ("undefined_variable", "there is no variable `horizn`", "${horizn}"),
            ("include_twice_declared", "asset `raw_bars` is declared twice", "raw_bars"),
            ("include_missing", "there is no such file", "strategies/momentum.yaml"),
            ("calendar_file_bad", "`05.01.2027` is not a date", "05.01.2027"),
            ("start_past_calendar", "`2031-01-02` is after the last known session of `XSHG`", "2031-01-02"),
            ("yaml_not_utf8", "the file is not UTF-8: byte 108 is 0xbb", "\u{fffd}"),
        ] {
            let path = fixtures("invalid").into_iter().find(|path| path.ends_with(format!("{fixture}.yaml"))).unwrap();
            let errors = load(&path).unwrap_err();
            let [problem] = errors.diagnostics.as_slice() else { panic!("{fixture}: {errors}") };
            assert!(problem.message.contains(message), "{fixture}: {}", problem.message);
            assert_eq!(errors.sources.text(&problem.primary.as_ref().unwrap().loc), place, "{fixture}");
        }
    }

    #[test]
    fn all_mistakes_come_at_once_in_the_order_of_the_file() {
        let path = fixtures("invalid").into_iter().find(|path| path.ends_with("many_mistakes.yaml")).unwrap();
        let errors = load(&path).unwrap_err();
        let lines: Vec<usize> = errors
            .diagnostics
            .iter()
            .map(|problem| errors.sources.line_column(&problem.primary.as_ref().unwrap().loc).0)
            .collect();
        assert_eq!(lines, [4, 7, 12, 13, 19]);
    }

    #[test]
    fn a_file_as_windows_saves_it_loads_alike() {
        let path = fixtures("valid").into_iter().find(|path| path.ends_with("sql.yaml")).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let (unix, windows) =
            (load_text(&text).unwrap(), load_text(&format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap());
        for (a, b) in unix.assets.iter().zip(&windows.assets) {
            assert_eq!((&a.kind, &a.common), (&b.kind, &b.common));
        }
    }

    #[test]
    fn paths_are_relative_to_the_file_that_names_them() {
        let path = fixtures("valid").into_iter().find(|path| path.ends_with("include.yaml")).unwrap();
        let project = load(&path).unwrap();
        let folder = path.parent().unwrap();
        assert_eq!((project.root.as_path(), project.data_dir.clone()), (folder, folder.join("data")));
        assert_eq!(project.asset("indicators").unwrap().base, folder.join("parts"));
        assert_eq!(join(Path::new("."), "data"), Path::new("data"));
    }

    #[test]
    fn a_missing_file_and_an_include_that_matches_nothing() {
        let errors = load(Path::new("no/such/assets.yaml")).unwrap_err();
        assert_eq!(errors.diagnostics[0].message, "cannot read `no/such/assets.yaml`: there is no such file");
        let project = load_text(&format!("include: no_such/*.yaml\n{BARS}")).unwrap();
        assert_eq!(project.warnings[0].message, "`no_such/*.yaml` matches no file");
    }

    #[test]
    fn variables_are_named_once_and_used_below() {
        assert_eq!(
            mistakes(&format!("vars: {{ env: 1, 1x: 2 }}\n{BARS}")),
            [
                ("`env` cannot be the name of a variable".into(), "env".into()),
                ("`1x` cannot be the name of a variable".into(), "1x".into())
            ]
        );
        assert_eq!(mistakes(&format!("vars: {{ a: \"${{b}}\", b: 1 }}\n{BARS}"))[0].0, "there is no variable `b`");
    }
}
