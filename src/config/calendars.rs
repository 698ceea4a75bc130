//! The calendars of a project: built in, or from its own files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use assetctl_calendar::{Calendar, DailyHours};
use chrono::{DateTime, Utc};

use crate::diagnostic::{Diagnostic, Loc, SourceMap};
use crate::names;
use crate::node::Node;
use crate::parse;
use crate::project::Project;
use crate::spec::CalendarSpec;

/// A calendar in use that ends sooner than this is warned of.
const WARN_DAYS: i64 = 60;

/// Built-in calendars and those declared under `calendars:`, which come first.
#[derive(Debug, Clone, Default)]
pub struct Calendars {
    declared: BTreeMap<String, Arc<Calendar>>,
}

impl Calendars {
    /// The calendar of that name.
    pub fn get(&self, name: &str) -> Option<Arc<Calendar>> {
        self.declared.get(name).cloned().or_else(|| Calendar::builtin(name))
    }

    /// All names, the declared ones first.
    pub fn names(&self) -> Vec<&str> {
        let builtin = Calendar::builtin_names().iter().copied().filter(|name| !self.declared.contains_key(*name));
        self.declared.keys().map(String::as_str).chain(builtin).collect()
    }

    /// Those declared under `calendars:`.
    pub fn declared(&self) -> impl Iterator<Item = (&str, &Arc<Calendar>)> {
        self.declared.iter().map(|(name, calendar)| (name.as_str(), calendar))
    }

    pub(crate) fn declare(&mut self, name: &str, calendar: Calendar) {
        self.declared.insert(name.to_owned(), Arc::new(calendar));
    }
}

/// Where a calendar was declared: its name, its block, and the folder that its path is relative to.
pub(crate) struct Declaration<'a> {
    pub name: &'a str,
    pub name_loc: Loc,
    pub node: &'a Node,
    pub base: &'a Path,
}

/// The calendar that is declared. What is wrong in its file is shown in that file.
pub(crate) fn read(
    declaration: &Declaration<'_>,
    spec: &CalendarSpec,
    sources: &mut SourceMap,
    problems: &mut Vec<Diagnostic>,
) -> Option<Calendar> {
    let Declaration { name, name_loc, node, .. } = declaration;
    let at = |key: &str| node.get(key).map_or_else(|| name_loc.clone(), |value| value.loc.clone());
    let extends = spec.extends.as_deref();
    if Calendar::builtin_names().contains(name) && extends != Some(name) {
        problems.push(
            Diagnostic::error(format!("`{name}` is a built-in calendar"))
                .at(name_loc.clone(), "this name is taken")
                .help(format!("choose another name, or say `extends: {name}` to add your sessions to it")),
        );
        return None;
    }
    let builtin = match extends.map(|extended| (extended, Calendar::builtin(extended))) {
        Some((extended, None)) => {
            let help = names::suggest(extended, Calendar::builtin_names(), "there are");
            problems.push(
                Diagnostic::error(format!("there is no built-in calendar `{extended}`"))
                    .at(at("extends"), "cannot be extended")
                    .help(help.unwrap_or_default()),
            );
            return None;
        }
        Some((_, builtin)) => builtin,
        None => None,
    };
    let own = match &spec.file {
        None if builtin.is_none() => {
            problems.push(
                Diagnostic::error(format!("calendar `{name}` has no sessions"))
                    .at(name_loc.clone(), "neither `file` nor `extends`")
                    .help("name a built-in calendar with the same sessions, `extends: XSHG`, or a file of its own"),
            );
            return None;
        }
        None => None,
        Some(file) => Some(own_sessions(declaration, file, sources, problems)?),
    };
    let calendar = match (builtin, own) {
        (None, None) => return None,
        (None, Some(own)) => own,
        (Some(builtin), None) => builtin.renamed(name),
        (Some(builtin), Some(own)) => match builtin.extended(name, &own) {
            Ok(extended) => extended,
            Err(error) => {
                problems.push(Diagnostic::error(error.to_string()).at(at("file"), "the sessions in this file"));
                return None;
            }
        },
    };
    clock(calendar, spec, at, problems)
}

/// The calendar with the time zone and the hours that are declared for it.
fn clock(
    calendar: Calendar,
    spec: &CalendarSpec,
    at: impl Fn(&str) -> Loc,
    problems: &mut Vec<Diagnostic>,
) -> Option<Calendar> {
    let calendar = match &spec.zone {
        None => calendar,
        Some(zone) => match calendar.with_time_zone(zone) {
            Ok(calendar) => calendar,
            Err(mistake) => {
                problems
                    .push(Diagnostic::error(mistake).at(at("zone"), "not known").help("write it like `Asia/Shanghai`"));
                return None;
            }
        },
    };
    if spec.hours.is_empty() {
        return Some(calendar);
    }
    match DailyHours::parse(&spec.hours) {
        Ok(hours) => Some(calendar.with_daily_hours(hours)),
        Err(mistake) => {
            problems.push(
                Diagnostic::error(format!("calendar `{}`: {mistake}", calendar.name()))
                    .at(at("hours"), "the parts of a session")
                    .help("a night comes first: `['21:00-02:30', '09:00-11:30', '13:30-15:00']`"),
            );
            None
        }
    }
}

/// The sessions of a calendar's own file.
fn own_sessions(
    declaration: &Declaration<'_>,
    file: &str,
    sources: &mut SourceMap,
    problems: &mut Vec<Diagnostic>,
) -> Option<Calendar> {
    let Declaration { name, name_loc, node, base } = declaration;
    let named = node.get("file").map_or_else(|| name_loc.clone(), |value| value.loc.clone());
    let path = crate::load::join(base, file);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            problems.push(
                Diagnostic::error(format!(
                    "cannot read calendar file `{}`: {}",
                    path.display(),
                    crate::load::reason(&error)
                ))
                .at(named, "named here")
                .help("paths are relative to the file that names them"),
            );
            return None;
        }
    };
    match Calendar::from_csv(name, &bytes) {
        Ok(own) => Some(own),
        Err(error) => {
            let (text, _) = parse::decode(&bytes);
            let (start, end) = position(&text, error.line, error.column);
            let file = sources.add(path, text);
            problems.push(
                Diagnostic::error(format!("calendar `{name}`: {}", error.problem))
                    .at(Loc { file, range: start..end }, "here")
                    .and(named, "the file is named here"),
            );
            None
        }
    }
}

/// The rest of the field at a line and column of characters, both from 1.
fn position(text: &str, line: usize, column: usize) -> (usize, usize) {
    let line_start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let line_text = text[line_start..].lines().next().unwrap_or_default();
    let inside = line_text.char_indices().nth(column.saturating_sub(1)).map_or(line_text.len(), |(at, _)| at);
    let field = line_text[inside..].find(',').unwrap_or(line_text.len() - inside);
    (line_start + inside, line_start + inside + field)
}

/// Calendars in use that end within 60 days of `now`, each with how to extend it.
pub fn calendar_warnings(project: &Project, now: DateTime<Utc>) -> Vec<Diagnostic> {
    let mut used: Vec<(&Arc<Calendar>, Loc)> = Vec::new();
    for asset in &project.assets {
        if used.iter().all(|(calendar, _)| calendar.name() != asset.calendar.name()) {
            let own = asset.places.node.get("calendar").map(|node| node.loc.clone());
            let named = own.or_else(|| project.calendar_loc.clone()).unwrap_or_else(|| asset.name_loc());
            used.push((&asset.calendar, named));
        }
    }
    for schedule in &project.schedules.schedules {
        let calendar = schedule.calendar().filter(|one| used.iter().all(|(calendar, _)| calendar.name() != one.name()));
        used.extend(calendar.map(|calendar| (calendar, schedule.locate(&["calendar"]))));
    }
    let builtin = |calendar: &Calendar| !project.calendars.declared.contains_key(calendar.name());
    used.into_iter().filter_map(|(calendar, loc)| ending(calendar, builtin(calendar), loc, now)).collect()
}

fn ending(calendar: &Calendar, builtin: bool, loc: Loc, now: DateTime<Utc>) -> Option<Diagnostic> {
    let (name, last) = (calendar.name(), calendar.last());
    let left = (last.date() - now.date_naive()).num_days();
    if left >= WARN_DAYS {
        return None;
    }
    let message = match left {
        ..0 => format!("calendar `{name}` ended on {last}; later sessions are not known"),
        _ => format!("calendar `{name}` ends on {last}, in {left} days; later sessions are not known"),
    };
    let help = if builtin {
        format!(
            "write the coming sessions into a CSV file (`session,open_utc,break_start_utc,break_end_utc,close_utc,is_half_day`) \
             and declare it: `calendars: {{ {}: {{ file: sessions.csv, extends: {name} }} }}`",
            if name.contains('/') { format!("\"{name}\"") } else { name.to_owned() },
        )
    } else {
        format!("add the coming sessions to the file of `{name}` under `calendars:`")
    };
    Some(Diagnostic::warning(message).at(loc, "used here").help(help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{BARS, fixtures, load_text, mistakes};

    #[test]
    fn a_calendar_that_ends_soon_is_warned_of_where_it_is_named() {
        let project = load_text(BARS).unwrap();
        let at = |now: &str| calendar_warnings(&project, now.parse().unwrap());
        assert_eq!(at("2026-11-01T12:00:00Z").len(), 0);
        let soon = at("2026-12-01T12:00:00Z").remove(0);
        assert_eq!(soon.message, "calendar `XSHG` ends on 2026-12-31, in 30 days; later sessions are not known");
        assert_eq!(project.sources.text(&soon.primary.unwrap().loc), "XSHG");
        assert!(soon.help[0].contains("XSHG: { file: sessions.csv, extends: XSHG }"));
        assert!(at("2027-02-01T12:00:00Z")[0].message.contains("ended on 2026-12-31"));
    }

    #[test]
    fn a_built_in_calendar_can_be_made_longer_under_its_own_name() {
        let path = fixtures("valid").into_iter().find(|path| path.ends_with("calendar_extended.yaml")).unwrap();
        let project = crate::load(&path).unwrap();
        assert_eq!(project.assets[0].calendar.last().to_string(), "2027-01-06");
        assert_eq!(project.calendars.names().iter().filter(|name| **name == "XSHG").count(), 1);
        let warning = calendar_warnings(&project, "2026-12-01T00:00:00Z".parse().unwrap()).remove(0);
        assert_eq!(warning.help, ["add the coming sessions to the file of `XSHG` under `calendars:`"]);
    }

    #[test]
    fn a_broken_declaration_is_reported_once() {
        assert_eq!(
            mistakes(&BARS.replace("calendar: XSHG", "calendar: XSHG\ncalendars: { XSHG: { file: x.csv } }")),
            [("`XSHG` is a built-in calendar".to_owned(), "XSHG".to_owned())]
        );
        assert_eq!(
            mistakes(
                &BARS.replace("calendar: XSHG", "calendar: MINE\ncalendars: { MINE: { file: x.csv, extends: XSGH } }")
            )[0]
            .0,
            "there is no built-in calendar `XSGH`"
        );
    }
}
