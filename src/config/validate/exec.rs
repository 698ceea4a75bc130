//! Rules of programs.

use super::Rules;
use crate::names;
use crate::spec::{ExecSpec, OneOrMany};

impl Rules<'_> {
    pub(super) fn exec(&mut self, spec: &ExecSpec) {
        let name = self.draft.name.clone();
        if spec.command.first().is_none_or(|program| program.trim().is_empty()) {
            let help = "write the program and its arguments: `[python3, scripts/alpha.py]`";
            self.error(format!("asset `{name}` has no command"), &["command"], "empty", help);
        }
        if spec.inputs.is_empty() {
            let help = "name what the program reads: `completed_bars: { sessions: 20 }`";
            self.error(format!("asset `{name}` has no input"), &["inputs"], "empty", help);
        }
        for (alias, input) in spec.inputs.iter() {
            if input.sessions == Some(0) {
                let path = ["inputs", alias, "sessions"];
                self.error(
                    format!("`{alias}` is read over no session"),
                    &path,
                    "at least 1",
                    "the session to be made is counted: `sessions: 1` is that one alone",
                );
            }
        }
        if spec.columns.is_empty() {
            let help = "name what the program makes, with types: `{ instrument: text, alpha: number }`";
            self.error(format!("asset `{name}` has no columns"), &["columns"], "empty", help);
        }
        for column in spec.columns.keys() {
            self.column_name(column, &["columns", column]);
        }
        self.same_but_case(spec.columns.keys(), &["columns"]);
        self.key(spec.key.as_ref());
        for column in spec.key.iter().flat_map(OneOrMany::as_slice).filter(|column| *column != "session") {
            if !spec.columns.is_empty() && spec.columns.get(column).is_none() {
                let columns: Vec<&str> = spec.columns.keys().map(String::as_str).collect();
                let help = names::suggest(column, &columns, "there are").unwrap_or_default();
                self.error(format!("key `{column}` is not one of the columns"), &["key"], "not under `columns`", help);
            }
        }
        if spec.batch == Some(0) {
            let help = "say how many sessions one call makes at most, or take the key away";
            self.error("`batch` is 0: no session would be made", &["batch"], "at least 1", help);
        }
    }
}
