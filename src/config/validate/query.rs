//! Rules of sources that ask a database. The query itself is looked at where it is used, in the next crates.

use super::Rules;
use super::files::date_format_mistake;
use crate::diagnostic::Diagnostic;
use crate::spec::{Engine, Secret, SourceSpec};

/// Keys that say where rows come from, or how files of them are written.
const OF_OTHERS: [&str; 8] = ["csv", "jsonl", "parquet", "http", "session", "storage", "encoding", "delimiter"];

impl Rules<'_> {
    pub(super) fn database(&mut self, engine: Engine<'_>, spec: &SourceSpec) {
        let (name, key) = (self.draft.name.clone(), engine.key());
        let given = OF_OTHERS.into_iter().filter(|other| self.places.node.get(other).is_some());
        let others = spec.database.engines().into_iter().skip(1).map(Engine::key);
        for other in given.chain(others).collect::<Vec<_>>() {
            let problem = Diagnostic::error(format!("asset `{name}` has both `{key}` and `{other}`"))
                .at(self.places.locate_key(&[other]), "one of the two")
                .and(self.places.locate_key(&[key]), "and the other")
                .help("make two assets of it, or keep one");
            self.problems.push(problem);
        }
        if engine.query().trim().is_empty() {
            let help = "write `select … from bars where session between {{ first }} and {{ last }}`, say";
            self.error(format!("asset `{name}` has no query"), &[key, "query"], "empty", help);
        }
        for column in spec.files.columns.keys() {
            self.column_name(column, &["columns", column]);
        }
        self.same_but_case(spec.files.columns.keys(), &["columns"]);
        for column in spec.files.types.keys() {
            self.column_name(column, &["types", column]);
        }
        let declared = |column: &&String| !["session", "instrument", "time"].contains(&column.as_str());
        if !spec.files.columns.keys().chain(spec.files.types.keys()).any(|column| declared(&column)) {
            self.error(
                format!("nothing says which columns `{name}` has"),
                &[key],
                "neither `columns` nor `types` names one",
                "name the columns of the query's result, so that assets below can be validated without asking: \
                 `types: { close: number, volume: number }`, or `columns: { close: last_price }` for another name",
            );
        }
        if let Some(format) = &spec.files.date_format
            && let Some(help) = date_format_mistake(format)
        {
            self.error(format!("`{format}` is not a date format"), &["date_format"], "how a date is written", help);
        }
        if let Engine::Postgres(server) | Engine::Mysql(server) = engine
            && let Some(Secret::Text(_)) = &server.password
        {
            self.error(
                "a password does not stand in a file that is shared",
                &[key, "password"],
                "written down here",
                "keep it elsewhere: `password: { env: BARS_PASSWORD }` or `password: { file: secrets/bars }`",
            );
        }
    }
}
