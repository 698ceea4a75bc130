//! The blocks under `assets:` → typed assets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use assetctl_calendar::Calendar;
use chrono::NaiveDate;
use serde_json::Value;

use crate::calendars::Calendars;
use crate::diagnostic::{Diagnostic, Loc, SourceMap};
use crate::expand::with_defaults;
use crate::names;
use crate::node::{Key, Node};
use crate::project::{Asset, Places};
use crate::schema::SCHEMAS;
use crate::spec::{Common, Kind};
use crate::structure::{Structure, Subject};
use crate::validate;

/// A block under `assets:`, and the folder of its file.
pub(crate) struct Declared {
    pub key: Key,
    pub node: Node,
    pub base: PathBuf,
}

/// What the project gives to its assets.
pub(crate) struct Shared<'a> {
    pub defaults: Option<&'a Node>,
    pub calendar: Option<(&'a str, Loc)>,
    /// There is a calendar, but what it is has been reported as wrong.
    pub calendar_unknown: bool,
    pub start: Option<(NaiveDate, Loc)>,
    pub start_unknown: bool,
    pub calendars: &'a Calendars,
    /// Of all calendars that are declared, also those whose declaration is wrong.
    pub calendar_names: &'a [String],
    pub sources: &'a SourceMap,
    /// Whether there may be more assets, whose names are not known.
    pub unread: bool,
}

/// What the blocks came to.
pub(crate) struct Built {
    /// Those without a mistake.
    pub assets: Vec<Asset>,
    /// The names of the others; `None` when not all names are known.
    pub broken: Option<BTreeSet<String>>,
}

/// A typed asset that has no calendar yet.
pub(crate) struct Draft {
    /// Whether all that it says could be typed; what could not has been reported.
    pub whole: bool,
    pub name: String,
    pub common: Common,
    pub kind: Kind,
    pub base: PathBuf,
    pub places: Places,
}

/// Types and validates all assets; those with mistakes are left out, the mistakes reported.
pub(crate) fn build(declared: Vec<Declared>, shared: &Shared<'_>, problems: &mut Vec<Diagnostic>) -> Built {
    unique(&declared, problems);
    let nameless = declared.iter().any(|asset| asset.key.scalar.unresolved());
    let all_known = !shared.unread && !nameless;
    let mut broken = BTreeSet::new();
    let all: Vec<String> = declared.iter().map(|asset| asset.key.text().to_owned()).collect();
    let known: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut missing = Missing::default();
    let mut assets: Vec<Asset> = Vec::with_capacity(declared.len());
    for asset in declared {
        let name = asset.key.text().to_owned();
        let before = problems.len();
        let built = draft(asset, shared, problems).and_then(|draft| {
            if all_known {
                validate::inputs(&draft, &known, problems);
            }
            // More would be said of what is missing only because it was wrong.
            if !draft.whole {
                return None;
            }
            validate::asset(&draft, problems);
            let (calendar, start) = timing(&draft, shared, &mut missing, problems)?;
            let Draft { name, common, kind, base, places, .. } = draft;
            Some(Asset { name, common, kind, calendar, start, base, places })
        });
        match built {
            Some(asset) if problems.len() == before && assets.iter().all(|known| known.name != asset.name) => {
                assets.push(asset);
            }
            _ => {
                broken.insert(name);
            }
        }
    }
    Built { assets, broken: all_known.then_some(broken) }
}

/// No two names alike, also not on a system or in SQL where `A` is `a`.
fn unique(declared: &[Declared], problems: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<String, &Key> = BTreeMap::new();
    for Declared { key, .. } in declared.iter().filter(|asset| !asset.key.scalar.unresolved()) {
        let Some(known) = first.get(&key.text().to_lowercase()) else {
            first.insert(key.text().to_lowercase(), key);
            continue;
        };
        let problem = if known.text() == key.text() {
            Diagnostic::error(format!("asset `{}` is declared twice", key.scalar.shown())).help("rename one of them")
        } else {
            Diagnostic::error(format!(
                "assets `{}` and `{}` differ only by case",
                known.scalar.shown(),
                key.scalar.shown()
            ))
            .help("rename one of them: SQL, and the files of some systems, do not tell them apart")
        };
        problems.push(problem.at(key.loc.clone(), "here again").and(known.loc.clone(), "first here"));
    }
}

fn draft(asset: Declared, shared: &Shared<'_>, problems: &mut Vec<Diagnostic>) -> Option<Draft> {
    let Declared { key, node, base } = asset;
    if key.scalar.unresolved() {
        return None;
    }
    validate::asset_name(&key, problems);
    let (name, name_loc) = (key.text().to_owned(), key.loc.clone());
    let subject = Subject { name: format!("asset `{}`", key.scalar.shown()), loc: name_loc.clone() };
    let kind = kind(&node, &subject, problems)?;
    let node = with_defaults(&node, shared.defaults);
    let schema = SCHEMAS.asset(kind)?;
    let keys = Structure { problems }.keys(node.entries()?, schema, &subject);
    match typed(kind, Value::Object(keys.values)) {
        Ok((common, kind)) => {
            let places = Places { node, name_loc, sources: shared.sources.clone() };
            Some(Draft { whole: keys.whole, name, common, kind, base, places })
        }
        Err(_) if !keys.whole => None,
        Err(error) => {
            problems.push(Diagnostic::error(format!("{}: {error}", subject.name)).at(name_loc, "in this asset"));
            None
        }
    }
}

/// What `kind:` says, which decides what else may be there.
fn kind(node: &Node, subject: &Subject, problems: &mut Vec<Diagnostic>) -> Option<&'static str> {
    let kinds = || format!("the kinds are {}", names::list(&Kind::NAMES));
    if node.entries().is_none() {
        let empty = node.scalar().is_some_and(|scalar| scalar.is_null());
        let message =
            if empty { format!("{} is empty", subject.name) } else { format!("{} must be a map", subject.name) };
        problems.push(
            Diagnostic::error(message).at(subject.loc.clone(), "expected `kind:` and more below it").help(kinds()),
        );
        return None;
    }
    let Some(written) = node.get("kind") else {
        let problem = Diagnostic::error(format!("{} has no `kind`", subject.name));
        let meant = node
            .entries()
            .unwrap_or_default()
            .iter()
            .find(|entry| names::did_you_mean(entry.key.text(), ["kind"]).is_some());
        problems.push(match meant {
            Some(entry) => problem.at(entry.key.loc.clone(), "unknown key").help("did you mean `kind`?"),
            None => problem.at(subject.loc.clone(), "`kind` is missing").help(kinds()),
        });
        return None;
    };
    let text = written.scalar().map_or("", |scalar| scalar.text.as_str());
    let found = Kind::NAMES.into_iter().find(|known| *known == text);
    if found.is_none() && !written.unresolved() {
        let shown = written.scalar().map_or("", |scalar| scalar.shown());
        let help = names::did_you_mean(text, Kind::NAMES).map(|known| format!("did you mean `{known}`?"));
        problems.push(
            Diagnostic::error(format!("there is no kind `{shown}`"))
                .at(written.loc.clone(), "unknown kind")
                .help(help.unwrap_or_else(kinds)),
        );
    }
    found
}

fn typed(kind: &str, value: Value) -> Result<(Common, Kind), serde_json::Error> {
    let common = serde_json::from_value(value.clone())?;
    let kind = match kind {
        "source" => Kind::Source(serde_json::from_value(value)?),
        "table" => Kind::Table(serde_json::from_value(value)?),
        "as_of" => Kind::AsOf(serde_json::from_value(value)?),
        "complete" => Kind::Complete(serde_json::from_value(value)?),
        "indicators" => Kind::Indicators(serde_json::from_value(value)?),
        "scores" => Kind::Scores(serde_json::from_value(value)?),
        "resample" => Kind::Resample(serde_json::from_value(value)?),
        "signals" => Kind::Signals(serde_json::from_value(value)?),
        "exec" => Kind::Exec(serde_json::from_value(value)?),
        _ => Kind::Sql(serde_json::from_value(value)?),
    };
    Ok((common, kind))
}

/// What no asset has, said once for all.
#[derive(Default)]
struct Missing {
    calendar: bool,
    start: bool,
}

/// The calendar of an asset and its first date.
fn timing(
    draft: &Draft,
    shared: &Shared<'_>,
    missing: &mut Missing,
    problems: &mut Vec<Diagnostic>,
) -> Option<(Arc<Calendar>, NaiveDate)> {
    let own = draft.common.calendar.as_deref().map(|name| (name, draft.places.locate(&["calendar"])));
    let Some((name, loc)) = own.or_else(|| shared.calendar.clone()) else {
        if !missing.calendar && !shared.calendar_unknown {
            missing.calendar = true;
            problems.push(
                Diagnostic::error(format!("asset `{}` has no calendar", draft.name))
                    .at(draft.places.name_loc.clone(), "on which days is there a partition?")
                    .help("put `calendar: XSHG`, say, at the top of the file for all assets, or into this one")
                    .help(format!("there are {}", names::list(&shared.calendars.names()))),
            );
        }
        return None;
    };
    let Some(calendar) = shared.calendars.get(name) else {
        if shared.calendar_names.iter().any(|declared| declared == name) {
            return None;
        }
        let help = names::suggest(name, &shared.calendars.names(), "there are").unwrap_or_default();
        problems.push(
            Diagnostic::error(format!("there is no calendar `{name}`"))
                .at(loc, "unknown calendar")
                .help(help)
                .help("calendars of your own are declared under `calendars:`"),
        );
        return None;
    };
    let own = draft.common.start.map(|start| (start, draft.places.locate(&["start"])));
    let start = match own.or_else(|| shared.start.clone()) {
        Some((start, loc)) => {
            if let Err(error) = calendar.at_or_after(start) {
                let text = error.to_string();
                let (message, help) = text.split_once("; ").unwrap_or((text.as_str(), ""));
                let problem = Diagnostic::error(message).at(loc, "no session from here on is known");
                problems.push(if help.is_empty() { problem } else { problem.help(help) });
                return None;
            }
            start
        }
        None if matches!(draft.kind, Kind::Table(_)) => calendar.first().date(),
        None => {
            if !missing.start && !shared.start_unknown {
                missing.start = true;
                problems.push(
                    Diagnostic::error(format!("asset `{}` has no start", draft.name))
                        .at(draft.places.name_loc.clone(), "which is its first session?")
                        .help("put `start: 2015-01-05`, say, at the top of the file for all assets, or into this one"),
                );
            }
            return None;
        }
    };
    Some((calendar, start))
}
