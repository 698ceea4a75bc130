//! Assets that a program makes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ColumnType, OneOrMany, Secret};
use crate::ordered::Ordered;

/// A table that any program makes: it is told by one JSON file what to read, what to make, and where to put it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExecSpec {
    /// The program and its arguments, run in the folder of this file: `[python3, scripts/alpha.py]`. The path of the task follows as the
    /// last argument.
    pub command: Vec<String>,
    /// What the program is given to read, by the name that the task calls it: `completed_bars: { sessions: 20 }`.
    pub inputs: Ordered<ExecInput>,
    /// Names and types of the result, besides `session`.
    pub columns: Ordered<ColumnType>,
    /// The columns that identify a row within its session (default: `instrument`, if there is such a column).
    #[serde(default)]
    pub key: Option<OneOrMany>,
    /// Values for the program, any JSON.
    #[serde(default)]
    pub params: BTreeMap<String, serde_json::Value>,
    /// Environment variables for the program, besides those of the command line: texts, or secrets as `{ env: NAME }`, `{ file: path }`.
    #[serde(default)]
    pub env: BTreeMap<String, Secret>,
    /// More files that the result depends on, relative to this one, besides those that the command names.
    #[serde(default)]
    pub files: Option<OneOrMany>,
    /// Sessions that are made by one call, at most (default 1). The program then sees the windows of all of them.
    #[serde(default)]
    pub batch: Option<u32>,
}

impl ExecSpec {
    /// Files whose content is part of what the program is: those of its words that look like files, and `files`.
    pub fn scripts(&self) -> Vec<(Vec<String>, &str)> {
        let named = self.command.iter().enumerate().filter(|(at, word)| is_script(word, *at == 0));
        let named = named.map(|(at, word)| (vec!["command".to_owned(), at.to_string()], word.as_str()));
        let listed = self.files.iter().flat_map(|files| {
            let is_list = matches!(files, OneOrMany::Many(_));
            files.as_slice().iter().enumerate().map(move |(at, file)| {
                let path = ["files".to_owned()].into_iter().chain(is_list.then(|| at.to_string()));
                (path.collect(), file.as_str())
            })
        });
        named.chain(listed).collect()
    }
}

/// Extensions of what an interpreter runs.
const SCRIPTS: [&str; 10] = ["py", "r", "jl", "sh", "js", "ts", "rb", "pl", "lua", "sql"];

/// Whether a word of a command names a file of the project: a program by its path, or a script by its extension. Options do not.
fn is_script(word: &str, is_program: bool) -> bool {
    let extension = word.rsplit_once('.').map_or("", |(_, extension)| extension);
    !word.starts_with('-')
        && (is_program && word.contains(['/', '\\'])
            || SCRIPTS.iter().any(|script| script.eq_ignore_ascii_case(extension)))
}

/// An input of a program.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ExecInput {
    /// The asset, where the program knows it by another name.
    pub asset: Option<String>,
    /// How many sessions of it the program sees, the one to be made counted (default 1).
    pub sessions: Option<u32>,
}

impl ExecInput {
    /// Sessions before the one to be made.
    pub fn back(&self) -> u32 {
        self.sessions.unwrap_or(1).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_told_from_programs_and_options() {
        let spec = |words: &[&str], files: Option<OneOrMany>| ExecSpec {
            command: words.iter().map(|word| (*word).to_owned()).collect(),
            files,
            ..ExecSpec::default()
        };
        let names = |spec: &ExecSpec| spec.scripts().iter().map(|(_, file)| (*file).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            names(&spec(&["python3", "-u", "scripts/alpha.py", "--mode=x.py", "fast"], None)),
            ["scripts/alpha.py"]
        );
        assert_eq!(names(&spec(&["./tools/alpha", "a.b"], None)), ["./tools/alpha"]);
        let both = spec(&["Rscript", "alpha.R"], Some(OneOrMany::Many(vec!["lib.R".into(), "table.csv".into()])));
        assert_eq!(names(&both), ["alpha.R", "lib.R", "table.csv"]);
        assert_eq!(both.scripts()[2].0, ["files", "1"]);
    }
}
