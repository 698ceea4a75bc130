//! `http:` of a source: the preset or file that it names, with what the asset says put over it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::assets::Declared;
use crate::diagnostic::{Diagnostic, Loc, SourceMap};
use crate::load::{join, reason};
use crate::names;
use crate::node::{Content, Entry, Key, Node, Origin, Scalar, Style};
use crate::parse;
use crate::presets::{PRESETS, Preset};

/// Keys whose maps are one thing: a user's replaces the preset's instead of being mixed with it.
const WHOLE: [&str; 3] = ["auth", "pagination", "rate"];

/// The key of what a description says of bars within a session.
const INTRADAY: &str = "intraday";

/// Puts the whole description of its vendor into every source that asks one. What cannot be read is reported, and leaves a value
/// that counts as reported.
pub(crate) fn resolve(declared: &mut [Declared], sources: &mut SourceMap, problems: &mut Vec<Diagnostic>) {
    let mut vendors = Vendors { sources, problems, read: HashMap::new() };
    for asset in declared {
        let is_source = asset.node.get("kind").and_then(Node::scalar).is_some_and(|kind| kind.text == "source");
        let has_time = asset.node.get("time").is_some_and(|time| !time.scalar().is_some_and(Scalar::is_null));
        let Content::Map(entries) = &mut asset.node.content else { continue };
        let Some(entry) = entries.iter_mut().find(|entry| is_source && entry.key.text() == "http") else { continue };
        if let Some(whole) = vendors.whole(&entry.value, &asset.base, has_time) {
            entry.value = whole.unwrap_or_else(|| unresolved(&entry.value));
        }
        secrets_of(&mut entry.value);
        let Content::Map(vendor) = &mut entry.value.content else { continue };
        if let Some(at) = vendor.iter().position(|entry| entry.key.text() == "time") {
            let times = vendor.remove(at);
            put_under(entries, times);
        }
    }
}

/// What a vendor says of its times, under what the source says of them.
fn put_under(source: &mut Vec<Entry>, times: Entry) {
    match source.iter_mut().find(|entry| entry.key.text() == "time") {
        Some(own) if own.value.scalar().is_some_and(Scalar::is_null) => own.value = times.value,
        Some(own) => own.value = merge(times.value, &own.value, "time"),
        None => source.push(times),
    }
}

struct Vendors<'a> {
    sources: &'a mut SourceMap,
    problems: &'a mut Vec<Diagnostic>,
    /// Each preset and file once; `None` for what cannot be read, which was reported.
    read: HashMap<PathBuf, Option<Node>>,
}

impl Vendors<'_> {
    /// The description as one map. `None` when it names nothing to be put under it; `Some(None)` when that cannot be had.
    fn whole(&mut self, node: &Node, base: &Path, has_time: bool) -> Option<Option<Node>> {
        let (named, over) = match &node.content {
            Content::Scalar(scalar) if !scalar.is_empty() => (node, None),
            Content::Map(_) => match node.get("preset") {
                Some(preset) => (preset, Some(node)),
                None => return node.get(INTRADAY).map(|_| Some(layered(None, node, has_time))),
            },
            _ => return None,
        };
        let scalar = named.scalar().filter(|scalar| !scalar.unresolved() && !scalar.is_empty())?;
        let under = self.named(&scalar.text, scalar.shown(), &named.loc, base, has_time);
        Some(under.map(|under| match over {
            Some(over) => layered(Some(under), over, has_time),
            None => under,
        }))
    }

    fn named(&mut self, name: &str, shown: &str, loc: &Loc, base: &Path, has_time: bool) -> Option<Node> {
        if let Some(preset) = Preset::named(name) {
            let node = self.parsed(preset.path(), || Ok(preset.text.as_bytes().to_vec()), loc, shown)?;
            return Some(layered(None, &node, has_time));
        }
        if !(name.ends_with(".yaml") || name.ends_with(".yml")) {
            let known: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
            let help = names::suggest(name, &known, "there are").unwrap_or_default();
            self.problems.push(
                Diagnostic::error(format!("there is no preset `{shown}`"))
                    .at(loc.clone(), "unknown vendor")
                    .help(help)
                    .help("a vendor of your own is a file: `http: vendors/mine.yaml`"),
            );
            return None;
        }
        let path = join(base, name);
        let node = self.parsed(path.clone(), || std::fs::read(&path), loc, shown)?;
        let Some(under) = node.get("preset") else { return Some(layered(None, &node, has_time)) };
        // One step: a file may stand on a preset, and not on a file that stands on it.
        let under_name = under.scalar().map(|scalar| scalar.text.clone()).unwrap_or_default();
        if Preset::named(&under_name).is_none() {
            let known: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
            self.problems.push(
                Diagnostic::error(format!("there is no preset `{under_name}`"))
                    .at(under.loc.clone(), "unknown vendor")
                    .help(names::suggest(&under_name, &known, "there are").unwrap_or_default()),
            );
            return None;
        }
        let below = self.named(&under_name, &under_name, &under.loc.clone(), base, has_time)?;
        Some(layered(Some(below), &node, has_time))
    }

    fn parsed(
        &mut self,
        path: PathBuf,
        bytes: impl FnOnce() -> std::io::Result<Vec<u8>>,
        loc: &Loc,
        shown: &str,
    ) -> Option<Node> {
        if let Some(known) = self.read.get(&path) {
            return known.clone();
        }
        let node = match bytes() {
            Err(error) => {
                self.problems.push(
                    Diagnostic::error(format!("cannot read `{shown}`: {}", reason(&error)))
                        .at(loc.clone(), "named here")
                        .help("paths are relative to the file that names them"),
                );
                None
            }
            Ok(bytes) => {
                let (text, not_utf8) = parse::decode(&bytes);
                let file = self.sources.add(&path, text.as_str());
                match not_utf8 {
                    Some(mistake) => {
                        self.problems.push(mistake.diagnostic(file));
                        None
                    }
                    None => parse::parse(file, &text, self.problems),
                }
            }
        };
        self.read.insert(path, node.clone());
        node
    }
}

/// A description put over another, and over that what it says of bars within a session, where those are wanted.
pub(crate) fn layered(under: Option<Node>, node: &Node, has_time: bool) -> Node {
    let (mut base, mut intraday) = (node.clone(), None);
    if let Content::Map(entries) = &mut base.content
        && let Some(at) = entries
            .iter()
            .position(|entry| entry.key.text() == INTRADAY && matches!(entry.value.content, Content::Map(_)))
    {
        intraday = Some(entries.remove(at).value);
    }
    let base = match under {
        Some(under) => merge(under, &base, "http"),
        None => base,
    };
    match intraday.filter(|_| has_time) {
        Some(intraday) => merge(base, &intraday, "http"),
        None => base,
    }
}

/// `over` put over `under`: maps key by key, rules for errors before those that were there, all else replaced. A key without a value
/// takes away.
fn merge(under: Node, over: &Node, key: &str) -> Node {
    let (mut entries, more) = match (under.content, &over.content) {
        (Content::Map(entries), Content::Map(more)) if !WHOLE.contains(&key) && !is_secret(more) => (entries, more),
        (Content::List(under), Content::List(over_items)) if key == "errors" => {
            let items = over_items.iter().cloned().chain(under).collect();
            return Node { loc: over.loc.clone(), content: Content::List(items) };
        }
        _ => return over.clone(),
    };
    for entry in more {
        let at = entries.iter().position(|known| known.key.text() == entry.key.text());
        let is_gone = entry.value.scalar().is_some_and(Scalar::is_null);
        match at {
            Some(at) if is_gone => {
                entries.remove(at);
            }
            Some(at) => {
                let under = entries[at].value.clone();
                entries[at] = Entry { key: entry.key.clone(), value: merge(under, &entry.value, entry.key.text()) };
            }
            None if is_gone => {}
            None => entries.push(entry.clone()),
        }
    }
    Node { loc: over.loc.clone(), content: Content::Map(entries) }
}

/// `{ env: … }` and `{ file: … }` are values: one replaces the other.
fn is_secret(entries: &[Entry]) -> bool {
    !entries.is_empty() && entries.iter().all(|entry| ["env", "file"].contains(&entry.key.text()))
}

/// `${env.NAME}` as a parameter or as what shows who asks is most likely a secret: it becomes `{ env: NAME }`, and is treated as one.
fn secrets_of(vendor: &mut Node) {
    let Content::Map(entries) = &mut vendor.content else { return };
    for entry in entries {
        let Content::Map(inside) = &mut entry.value.content else { continue };
        for one in inside {
            let is_kept = entry.key.text() == "params" || (entry.key.text() == "auth" && one.key.text() == "value");
            let Some(Scalar { origin: Origin::Interpolated(template), .. }) = one.value.scalar().filter(|_| is_kept)
            else {
                continue;
            };
            let name = template.text.strip_prefix("${env.").and_then(|rest| rest.strip_suffix('}'));
            let Some(name) = name.filter(|name| template.secret && !name.contains([':', '$', '}'])) else { continue };
            let scalar = |text: &str| Scalar { text: text.to_owned(), style: Style::Plain, origin: Origin::Written };
            let loc = one.value.loc.clone();
            let key = Key { scalar: scalar("env"), loc: loc.clone() };
            let value = Node { loc: loc.clone(), content: Content::Scalar(scalar(name)) };
            one.value = Node { loc, content: Content::Map(vec![Entry { key, value }]) };
        }
    }
}

fn unresolved(node: &Node) -> Node {
    // Not empty, for an empty value counts as none.
    let scalar = Scalar { text: "http".to_owned(), style: Style::Plain, origin: Origin::Unresolved };
    Node { loc: node.loc.clone(), content: Content::Scalar(scalar) }
}

#[cfg(test)]
mod tests {
    use crate::testing::{load_text, mistakes};
    use crate::{BarStamp, HttpColumn, HttpVendor, Kind};

    const HEAD: &str = "calendar: XSHG\nstart: 2024-01-02\nassets:\n  bars:\n    kind: source\n    http:";

    fn vendor(http: &str) -> HttpVendor {
        let project = load_text(&format!("{HEAD}{http}\n")).unwrap_or_else(|errors| panic!("{errors}"));
        let Kind::Source(spec) = &project.assets[0].kind else { panic!() };
        *spec.http.clone().unwrap()
    }

    #[test]
    fn a_name_alone_is_the_preset_and_a_map_is_put_over_it() {
        let plain = vendor(" tushare");
        assert_eq!(plain.truncated_at, Some(6000));
        let over = vendor(
            "\n      preset: tushare\n      base_url: http://127.0.0.1:9\n      truncated_at:\n      params: { more: 1, token: { file: token.txt } }\n      columns: { volume: { times: 1 }, amount: , turn: turnover }\n      errors: [{ status: 599, means: refused }]",
        );
        assert_eq!(over.base_url.as_deref(), Some("http://127.0.0.1:9"));
        assert_eq!((over.truncated_at, over.params.len()), (None, plain.params.len() + 1));
        assert_eq!(over.secrets()[0].1, crate::SecretFrom { file: Some("token.txt".into()), env: None });
        let HttpColumn::Field(volume) = over.columns.get("volume").unwrap() else { panic!() };
        assert_eq!((volume.from.as_str(), volume.times), ("vol", Some(1.0)));
        assert!(over.columns.get("amount").is_none());
        assert_eq!(over.columns.keys().next_back().unwrap(), "turn");
        assert_eq!(over.errors[1..], plain.errors[..]);
        assert_eq!(over.by, plain.by);
    }

    #[test]
    fn bars_within_a_session_are_asked_for_as_the_vendor_sells_those() {
        let of = |time: &str, http: &str| {
            let project = load_text(&format!("{HEAD}{http}\n{time}")).unwrap_or_else(|errors| panic!("{errors}"));
            let Kind::Source(spec) = &project.assets[0].kind else { panic!() };
            (*spec.http.clone().unwrap(), spec.time.clone())
        };
        let (daily, time) = of("", " binance");
        assert!(daily.columns.get("time").is_none() && time.is_none() && daily.time.is_none());
        let (minutes, time) = of("    time: { every: 5m }\n", " binance");
        assert!(minutes.columns.get("session").is_none() && minutes.columns.get("time").is_some());
        let time = time.unwrap();
        assert_eq!((time.stamp, time.format.as_deref()), (BarStamp::Start, Some("epoch_ms")));
        assert_eq!(time.every.unwrap().to_string(), "5m");
        // What the source says is put over what the vendor says of minutes.
        let over = "\n      preset: binance\n      columns: { trades: }\n      intraday: { query: { limit: '500' } }";
        let (minutes, time) = of("    time: { every: 1m, stamp: end }\n", over);
        assert_eq!((minutes.query.get("limit").map(String::as_str), time.unwrap().stamp), (Some("500"), BarStamp::End));
        assert!(minutes.columns.get("trades").is_none());
        assert_eq!(of("", over).0.query.get("limit").map(String::as_str), Some("1000"));
        // A vendor that sells nothing else says so once.
        let own = "\n      url: http://x\n      by: range\n      columns: { instrument: i, time: t, close: c }\n      time: { zone: UTC }";
        assert_eq!(of("", own).1.unwrap().zone.as_deref(), Some("UTC"));
    }

    #[test]
    fn an_unknown_vendor_is_reported_once_where_it_stands() {
        let said = mistakes(&format!("{HEAD} tushar\n"));
        assert_eq!(said, [("there is no preset `tushar`".to_owned(), "tushar".to_owned())]);
        let said = mistakes(&format!("{HEAD} vendors/none.yaml\n"));
        assert_eq!(said[0].0, "cannot read `vendors/none.yaml`: there is no such file");
    }

    #[test]
    fn a_variable_of_the_environment_is_a_secret() {
        let (_folder, path) = crate::testing::write(&format!(
            "{HEAD}\n      preset: stooq\n      params: {{ key: '${{env.KEY}}', plain: 'a ${{env.KEY}}' }}\n      auth: {{ header: key, value: '${{env.KEY}}' }}\n"
        ));
        let project =
            crate::load_with(&path, &|_| Some("hunter2".to_owned())).unwrap_or_else(|errors| panic!("{errors}"));
        let Kind::Source(spec) = &project.assets[0].kind else { panic!() };
        let secrets = spec.http.as_ref().unwrap().secrets();
        let names: Vec<&str> = secrets.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["params.key", "auth.value"]);
        assert!(secrets.iter().all(|(_, from)| from.env.as_deref() == Some("KEY")));
    }

    #[test]
    fn a_key_that_is_none_is_reported_where_it_stands() {
        let said = mistakes(&format!("{HEAD}\n      preset: stooq\n      symbol: {{ case: lower }}\n"));
        assert_eq!(said, [("`http` has no key `symbol`".to_owned(), "symbol".to_owned())]);
    }
}
