//! What a configuration comes to.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use assetctl_calendar::Calendar;
use chrono::NaiveDate;

use crate::calendars::Calendars;
use crate::diagnostic::{Diagnostic, Loc, SourceMap};
use crate::node::{Content, Node, place_in};
use crate::schedules::Schedules;
use crate::sinks::DeclaredSink;
use crate::spec::{Common, Kind};

/// A configuration without structural mistakes: names are well-formed and unique, inputs exist, calendars know the start.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder of `assets.yaml`; `.` when it is the current one.
    pub root: PathBuf,
    /// The folder of everything materialized.
    pub data_dir: PathBuf,
    /// The files that were read, for the places of mistakes found later.
    pub sources: SourceMap,
    /// In the order written; included files come after the file that names them.
    pub assets: Vec<Asset>,
    pub calendars: Calendars,
    /// Where assets are published to, in the order written.
    pub sinks: Vec<DeclaredSink>,
    /// What runs when.
    pub schedules: Schedules,
    /// Names of assets that are declared but have mistakes, and are left out: in a project that is part of
    /// [`ConfigErrors`](crate::ConfigErrors) only.
    pub broken: BTreeSet<String>,
    /// What is not wrong but should be looked at.
    pub warnings: Vec<Diagnostic>,
    /// Where the project's own calendar is named.
    pub(crate) calendar_loc: Option<Loc>,
}

impl Project {
    /// The asset of that name.
    pub fn asset(&self, name: &str) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.name == name)
    }

    /// The sink of that name.
    pub fn sink(&self, name: &str) -> Option<&DeclaredSink> {
        self.sinks.iter().find(|sink| sink.name == name)
    }
}

/// One asset, with `defaults:`, `vars:` and `for_each:` already in it.
#[derive(Debug, Clone)]
pub struct Asset {
    pub name: String,
    pub common: Common,
    pub kind: Kind,
    /// Its own calendar, or the project's.
    pub calendar: Arc<Calendar>,
    /// Its own first date, or the project's. A `table` that has neither starts with its calendar, which changes nothing for it.
    pub start: NaiveDate,
    /// The folder of the file that declares it: its paths are relative to this.
    pub base: PathBuf,
    pub(crate) places: Places,
}

impl Asset {
    /// Where its name is declared.
    pub fn name_loc(&self) -> Loc {
        self.places.name_loc.clone()
    }

    /// The place of the value at a path of keys and list positions, `["columns", "ret_20"]` or `["checks", "0", "not_null"]`; of
    /// the nearest key above it when it is not there, and of the name when none is. Of a map it is the key.
    pub fn locate(&self, path: &[&str]) -> Loc {
        self.places.locate(path)
    }

    /// The place of the value at a path as texts name it: `assets.yaml:12:20`.
    pub fn place_of(&self, path: &[&str]) -> String {
        let loc = self.places.locate(path);
        let (line, column) = self.places.sources.line_column(&loc);
        format!("{}:{line}:{column}", self.places.sources.path(loc.file).display())
    }

    /// The place of a key: the last step of the path.
    pub fn locate_key(&self, path: &[&str]) -> Loc {
        self.places.locate_key(path)
    }

    /// The place of a range of bytes of the text at a path. Exact wherever text and source correspond, in any style of YAML and
    /// through `${…}`; the whole value otherwise.
    pub fn locate_within(&self, path: &[&str], range: Range<usize>) -> Loc {
        match self.places.node.locate(path) {
            Ok(Node { loc, content: Content::Scalar(scalar) }) => place_in(&self.places.sources, loc, scalar, range),
            _ => self.locate(path),
        }
    }
}

/// Where everything of an asset stands.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub node: Node,
    pub name_loc: Loc,
    pub sources: SourceMap,
}

impl Places {
    pub fn locate(&self, path: &[&str]) -> Loc {
        match self.node.locate(path) {
            Ok(node) if matches!(node.content, Content::Map(_)) => self.key(path).unwrap_or_else(|| node.head()),
            Ok(node) => node.loc.clone(),
            Err(parent) => parent.unwrap_or_else(|| self.name_loc.clone()),
        }
    }

    pub fn locate_key(&self, path: &[&str]) -> Loc {
        self.key(path).unwrap_or_else(|| self.locate(path))
    }

    fn key(&self, path: &[&str]) -> Option<Loc> {
        let (last, parents) = path.split_last()?;
        let parent = self.node.locate(parents).ok()?;
        parent.entry(last).map(|entry| entry.key.loc.clone())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{BARS, load_text};

    /// The source behind a needle in a value.
    fn behind(text: &str, path: &[&str], value: &str, needle: &str) -> String {
        let project = load_text(text).unwrap_or_else(|errors| panic!("{errors}"));
        let start = value.find(needle).unwrap();
        let asset = project.assets.last().unwrap();
        project.sources.text(&asset.locate_within(path, start..start + needle.len())).to_owned()
    }

    #[test]
    fn a_place_in_an_expression_is_found_through_every_style() {
        let asset = format!(
            "vars: {{ n: 20 }}\n{BARS}  f:\n    kind: indicators\n    input: raw_bars\n    columns:\n      x: "
        );
        let path = ["columns", "x"];
        let value = "close / ref(close, 20) - clsoe";
        for written in [
            "close / ref(close, 20) - clsoe # a comment",
            "'close / ref(close, 20) - clsoe'",
            "close /\n        ref(close, 20)\n        - clsoe",
            "close / ref(close, ${n}) - clsoe",
            ">-\n        close / ref(close, ${n})\n        - clsoe",
        ] {
            assert_eq!(behind(&format!("{asset}{written}\n"), &path, value, "clsoe"), "clsoe", "{written}");
        }
        let block = format!("{asset}|\r\n        close / ref(close, ${{n}})\r\n          - clsoe\r\n");
        assert_eq!(behind(&block, &path, "close / ref(close, 20)\n  - clsoe", "clsoe"), "clsoe");
        let interpolated = format!("{asset}close / ref(close, ${{n}})\n");
        assert_eq!(behind(&interpolated, &path, "close / ref(close, 20)", "20"), "${n}");
        assert_eq!(behind(&interpolated, &path, "close / ref(close, 20)", "close, 20)"), "close, ${n})");
    }

    #[test]
    fn what_is_not_there_is_located_at_the_nearest_key_above() {
        let project = load_text(&format!("{BARS}    types: {{ name: text }}\n")).unwrap();
        let (asset, text) = (&project.assets[0], |loc| project.sources.text(&loc).to_owned());
        assert_eq!(text(asset.locate(&["types", "name"])), "text");
        assert_eq!(text(asset.locate_key(&["types", "name"])), "name");
        assert_eq!(text(asset.locate(&["types", "nothing"])), "types");
        assert_eq!(text(asset.locate(&["types"])), "types");
        assert_eq!(text(asset.locate(&["nothing"])), "raw_bars");
        assert_eq!(text(asset.name_loc()), "raw_bars");
    }
}
