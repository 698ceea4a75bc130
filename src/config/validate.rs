//! Rules that a schema cannot state and that need no graph: what excludes what, names, bounds, inputs that exist.

mod as_of;
mod checks;
mod complete;
mod exec;
mod fetch;
mod files;
mod http;
mod query;
mod resample;
mod time;

use std::collections::BTreeMap;

use crate::assets::Draft;
use crate::diagnostic::{Diagnostic, Loc};
use crate::names::{self, check_file_name, check_name};
use crate::node::Key;
use crate::project::Places;
use crate::schedules;
use crate::spec::{Auto, ColumnsSpec, Dialect, FeatureSets, Inputs, Kind, OneOrMany, SqlSpec};

/// Names that mean something else in the warehouse: its own schema, and the key column.
const RESERVED: [&str; 2] = ["assetctl", "session"];

/// The name of an asset: it becomes a folder, a view, and a word of the selection language.
pub(crate) fn asset_name(key: &Key, problems: &mut Vec<Diagnostic>) {
    let name = key.text();
    let shown = key.scalar.shown();
    if let Err(mistake) = check_file_name(name) {
        problems.push(
            Diagnostic::error(format!("`{shown}` cannot be the name of an asset"))
                .at(key.loc.clone(), mistake.to_string())
                .help("the name becomes a folder and a view: `raw_bars`, say"),
        );
    } else if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        problems.push(
            Diagnostic::error(format!("`{shown}` cannot be the name of an asset"))
                .at(key.loc.clone(), "this name is taken by the warehouse")
                .help("choose another name"),
        );
    }
}

/// Everything about one asset but what it reads.
pub(crate) fn asset(draft: &Draft, problems: &mut Vec<Diagnostic>) {
    if let Some(Auto::By(by)) = &draft.common.auto {
        schedules::session_instant(&by.deadline, &["auto", "deadline"], &draft.places, problems);
    }
    let mut rules = Rules { draft, places: &draft.places, problems };
    for (at, check) in draft.common.checks.iter().enumerate() {
        rules.check(check, &at.to_string());
    }
    match &draft.kind {
        Kind::Source(spec) => {
            match spec.database.engine() {
                Some(engine) => rules.database(engine, spec),
                None => rules.source(&spec.files, spec.http.as_deref()),
            }
            rules.units(&spec.files, spec.is_fetched());
            rules.session(spec);
            rules.time(spec);
            rules.fetch(spec);
        }
        Kind::Table(spec) => {
            rules.files(&spec.files);
            rules.units(&spec.files, false);
            rules.key(spec.key.as_ref());
        }
        Kind::AsOf(spec) => rules.as_of(spec),
        Kind::Complete(spec) => rules.complete(spec),
        Kind::Indicators(spec) | Kind::Scores(spec) => rules.columns(spec),
        Kind::Resample(spec) => rules.resample(spec),
        Kind::Signals(spec) => {
            if spec.top_k.k == 0 {
                rules.error(
                    "`k` is 0: no instrument would be held",
                    &["top_k", "k"],
                    "at least 1",
                    "say how many to hold",
                );
            }
        }
        Kind::Sql(spec) => rules.sql(spec),
        Kind::Exec(spec) => rules.exec(spec),
    }
}

/// That what an asset names as its inputs is there; `known` are the names of all. What a query reads is seen in the graph.
pub(crate) fn inputs(draft: &Draft, known: &[&str], problems: &mut Vec<Diagnostic>) {
    checks::inputs(draft, known, problems);
    let mut check = |name: &str, path: &[&str]| input(draft, known, name, draft.places.locate(path), problems);
    match &draft.kind {
        Kind::Source(spec) => {
            if let Some(table) = spec.instrument_table() {
                check(&table.table, &["instruments", "table"]);
            }
        }
        Kind::Table(_) | Kind::Sql(_) => {}
        Kind::AsOf(spec) => check(&spec.input, &["input"]),
        Kind::Complete(spec) => {
            for (name, keys) in spec.inputs() {
                check(name, keys);
            }
        }
        Kind::Resample(spec) => check(&spec.input, &["input"]),
        Kind::Signals(spec) => check(&spec.input, &["input"]),
        Kind::Exec(spec) => {
            for (alias, input) in spec.inputs.iter() {
                match &input.asset {
                    Some(asset) => check(asset, &["inputs", alias, "asset"]),
                    None => check(alias, &["inputs", alias]),
                }
            }
        }
        Kind::Indicators(spec) | Kind::Scores(spec) => {
            for (at, (_, name)) in spec.input.pairs().iter().enumerate() {
                let path = spec.input.path(at);
                check(name, &path.iter().map(String::as_str).collect::<Vec<_>>());
            }
        }
    }
    if let Some(universe) = draft.kind.universe() {
        check(universe.asset(), universe.path());
    }
}

fn input(draft: &Draft, known: &[&str], name: &str, loc: Loc, problems: &mut Vec<Diagnostic>) {
    if name == draft.name {
        problems.push(
            Diagnostic::error(format!("asset `{name}` reads itself"))
                .at(loc, "this is the asset's own name")
                .help("name another asset; earlier sessions of a column are `ref(close, 1)`"),
        );
    } else if !known.contains(&name) {
        let others: Vec<&str> = known.iter().copied().filter(|known| *known != draft.name).collect();
        let help = names::suggest(name, &others, "there are");
        problems.push(
            Diagnostic::error(format!("there is no asset `{name}`"))
                .at(loc, format!("read by `{}`", draft.name))
                .help(help.unwrap_or_else(|| "declare it under `assets:`".to_owned())),
        );
    }
}

struct Rules<'a> {
    draft: &'a Draft,
    places: &'a Places,
    problems: &'a mut Vec<Diagnostic>,
}

impl Rules<'_> {
    fn error(&mut self, message: impl Into<String>, path: &[&str], label: impl Into<String>, help: impl Into<String>) {
        let loc = self.places.locate(path);
        self.problems.push(Diagnostic::error(message).at(loc, label).help(help));
    }

    fn column_name(&mut self, name: &str, path: &[&str]) {
        if let Err(mistake) = check_name(name) {
            let loc = self.places.locate_key(path);
            self.problems.push(
                Diagnostic::error(format!("`{name}` cannot be the name of a column"))
                    .at(loc, mistake.to_string())
                    .help("expressions and SQL use the name as it is: `ret_20`, say"),
            );
        }
    }

    /// SQL does not tell `Close` from `close`.
    fn same_but_case<'n>(&mut self, columns: impl Iterator<Item = &'n String>, under: &[&str]) {
        let mut first: BTreeMap<String, &String> = BTreeMap::new();
        for name in columns {
            let Some(known) = first.insert(name.to_lowercase(), name) else { continue };
            let problem = Diagnostic::error(format!("columns `{known}` and `{name}` differ only by case"))
                .at(self.places.locate_key(&[under, &[name]].concat()), "here again")
                .and(self.places.locate_key(&[under, &[known]].concat()), "first here")
                .help("rename one of them: SQL does not tell them apart");
            self.problems.push(problem);
        }
    }

    fn columns(&mut self, spec: &ColumnsSpec) {
        let pairs = spec.input.pairs();
        if pairs.is_empty() {
            let message = format!("asset `{}` has no input", self.draft.name);
            self.error(message, &["input"], "empty", "name the asset whose columns the expressions use");
        }
        for (at, (alias, _)) in pairs.iter().enumerate() {
            let path = spec.input.path(at);
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            if pairs[..at].iter().any(|(known, _)| known == alias) {
                self.error(format!("input `{alias}` is there twice"), &path, "here again", "keep one");
            }
            if check_name(alias).is_err() && matches!(spec.input, Inputs::Named(_)) {
                let loc = self.places.locate_key(&path);
                self.problems.push(
                    Diagnostic::error(format!("`{alias}` cannot be the short name of an input"))
                        .at(loc, "letters, digits and `_`")
                        .help("expressions use it as `bars.close`"),
                );
            }
        }
        self.languages(spec);
        if spec.columns.is_empty() && spec.features.is_none() {
            let message = format!("asset `{}` has no columns", self.draft.name);
            self.error(message, &["columns"], "empty", "write columns as `ret_20: close / ref(close, 20) - 1`");
        }
        for (name, expression) in spec.columns.iter() {
            self.column_name(name, &["columns", name]);
            if ["session", "instrument"].iter().any(|key| key.eq_ignore_ascii_case(name)) {
                let loc = self.places.locate_key(&["columns", name]);
                self.problems.push(
                    Diagnostic::error(format!("`{name}` is a key, and cannot be computed"))
                        .at(loc, "every asset has this column")
                        .help("choose another name"),
                );
            }
            if expression.trim().is_empty() {
                let message = format!("column `{name}` has no expression");
                self.error(message, &["columns", name], "empty", "write `close / ref(close, 20) - 1`, say");
            }
        }
        self.same_but_case(spec.columns.keys(), &["columns"]);
    }

    /// `features`, and what goes with a dialect.
    fn languages(&mut self, spec: &ColumnsSpec) {
        let sets = spec.features.as_ref().map(FeatureSets::as_slice);
        if sets.is_some_and(<[_]>::is_empty) {
            let help = "name a feature set, `alpha158` say, or take the key away";
            self.error("`features` names no feature set", &["features"], "an empty list", help);
        }
        for (at, set) in sets.into_iter().flatten().enumerate() {
            if sets.is_some_and(|sets| sets[..at].contains(set)) {
                let message = format!("feature set `{}` is there twice", set.name());
                self.error(message, &["features", &at.to_string()], "here again", "keep one");
            }
        }
        if spec.compat.is_some() && spec.dialect != Dialect::Qlib && sets.is_none() {
            self.error(
                "`compat: qlib` is for expressions of Qlib's",
                &["compat"],
                "these are in our own language",
                "write `dialect: qlib` too, or take `compat` away",
            );
        }
    }

    fn sql(&mut self, spec: &SqlSpec) {
        if spec.query.trim().is_empty() {
            let message = format!("asset `{}` has no query", self.draft.name);
            self.error(message, &["query"], "empty", "write `select … from {{ ref('completed_bars') }}`, say");
        }
        self.key(spec.key.as_ref());
        for name in spec.columns.keys() {
            self.column_name(name, &["columns", name]);
        }
        self.same_but_case(spec.columns.keys(), &["columns"]);
        for column in spec.key.iter().flat_map(OneOrMany::as_slice).filter(|column| *column != "session") {
            if !spec.columns.is_empty() && spec.columns.get(column).is_none() {
                let columns: Vec<&str> = spec.columns.keys().map(String::as_str).collect();
                let help = names::suggest(column, &columns, "there are").unwrap_or_default();
                self.error(format!("key `{column}` is not one of the columns"), &["key"], "not under `columns`", help);
            }
        }
    }

    fn key(&mut self, key: Option<&OneOrMany>) {
        let Some(key) = key.map(OneOrMany::as_slice) else { return };
        if key.is_empty() {
            self.error("`key` names no column", &["key"], "an empty list", "name the columns that tell rows apart");
        }
        for (at, column) in key.iter().enumerate() {
            self.column_name(column, &["key", &at.to_string()]);
            if key[..at].contains(column) {
                self.error(
                    format!("key `{column}` is there twice"),
                    &["key", &at.to_string()],
                    "here again",
                    "keep one",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{BARS, load_text, mistakes};

    fn said(more: &str) -> (String, String) {
        mistakes(&format!("{BARS}{more}")).remove(0)
    }

    #[test]
    fn rules_of_files_and_checks() {
        for (more, message, place) in [
            ("    delimiter: ';;'\n", "`delimiter` must be one mark, not `;;`", "';;'"),
            ("    delimiter: a\n", "`delimiter` must be one mark, not `a`", "a"),
            ("    thousands: '.'\n", "`thousands` and `decimal` are both `.`", "'.'"),
            ("    date_format: '%Q'\n", "`%Q` is not a date format", "'%Q'"),
            ("    types: { 名: text }\n", "`名` cannot be the name of a column", "名"),
            ("    checks: [{}]\n", "a check must say what it checks", "{}"),
            ("    checks: [{ severity: warn }]\n", "a check must say what it checks", "severity"),
            ("    checks: [{ not_null: [] }]\n", "`not_null` names no column", "[]"),
            (
                "    checks: [{ range: { column: x, min: 2, max: 1 } }]\n",
                "no value of `x` can be within this range",
                "1",
            ),
            (
                "    checks: [{ range: { column: x, above: 1, below: 1 } }]\n",
                "no value of `x` can be within this range",
                "1",
            ),
            (
                "    checks: [{ range: { column: x, above: 1, min: 1 } }]\n",
                "the range of `x` has both `above` and `min`",
                "1",
            ),
            (
                "    checks: [{ expected_rows: { min: 5, max: 4 } }]\n",
                "no number of rows is at least 5 and at most 4",
                "4",
            ),
            ("    checks: [{ expected_rows: }]\n", "a check must say what it checks", "expected_rows"),
        ] {
            assert_eq!(said(more), (message.to_owned(), place.to_owned()), "{more}");
        }
        let fine = "    delimiter: tab\n    thousands: ','\n    date_format: '%d.%m.%y'\n    checks: [{ range: { column: x, min: 1, max: 1 } }]\n";
        load_text(&format!("{BARS}{fine}")).unwrap_or_else(|errors| panic!("{errors}"));
        let parquet = BARS.replace("csv:", "parquet:") + "    delimiter: ';'\n";
        assert_eq!(mistakes(&parquet)[0].0, "`delimiter` is for CSV files, and `raw_bars` reads Parquet");
    }

    #[test]
    fn rules_of_inputs_and_columns() {
        for (more, message, place) in [
            ("input: []\n    columns: { x: close }", "asset `f` has no input", "[]"),
            ("input: [raw_bars, raw_bars]\n    columns: { x: close }", "input `raw_bars` is there twice", "raw_bars"),
            (
                "input: { a-b: raw_bars }\n    columns: { x: close }",
                "`a-b` cannot be the short name of an input",
                "a-b",
            ),
            ("input: { a: raw_bar }\n    columns: { x: close }", "there is no asset `raw_bar`", "raw_bar"),
            ("input: f\n    columns: { x: close }", "asset `f` reads itself", "f"),
            ("input: raw_bars\n    columns: {}", "asset `f` has no columns", "columns"),
            ("input: raw_bars\n    columns: { x: '' }", "column `x` has no expression", "''"),
            ("input: raw_bars\n    columns: { x: close, X: open }", "columns `x` and `X` differ only by case", "X"),
            (
                "input: raw_bars\n    columns: { Instrument: close }",
                "`Instrument` is a key, and cannot be computed",
                "Instrument",
            ),
        ] {
            let text = format!("  f:\n    kind: scores\n    {more}\n");
            assert_eq!(said(&text), (message.to_owned(), place.to_owned()), "{more}");
        }
        let sql = "  q:\n    kind: sql\n    query: select 1\n    key: instrumnt\n    columns: { instrument: text }\n";
        assert_eq!(said(sql), ("key `instrumnt` is not one of the columns".to_owned(), "instrumnt".to_owned()));
    }
}
