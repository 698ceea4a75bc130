//! A database as a source: which sessions go into one query, how often it is asked, and what it may take.

use std::path::PathBuf;
use std::time::Duration;

use assetctl_calendar::Calendar;
use assetctl_config::{Asset, ColumnType, Diagnostic, Engine, Secret, ServerQuery, SourceSpec};
use chrono::NaiveDate;
use serde_json::json;

use super::collect::{Collector, Declared, deliver};
use super::template::{Placeholders, Statement, Template, Wanted};
use super::{duckdb, mysql, postgres};
use crate::blocking::block_on;
use crate::fetch::{Delivery, Fetch, FetchError, Progress, Request};
use crate::layout::Layout;
use crate::moments;
use crate::rows::Rows;

/// Rises when the same answer comes to be read otherwise.
const VERSION: u32 = 1;
/// How long a query may take, unless the source says otherwise.
const TIMEOUT: Duration = Duration::from_secs(600);
/// How often a query is asked before a database that does not answer is given up.
const TRIES: u32 = 3;
/// What is waited before the second try; twice as long before the third.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// How often it is looked whether to go on.
const TICK: Duration = Duration::from_millis(50);
/// The sessions of one request: of a query for a range, and of one that is asked session by session.
const RANGE: usize = 250;
const ONE_BY_ONE: usize = 24;

/// Asks a database by a query.
pub struct Database {
    declared: Declared,
    layout: Layout,
    template: Template,
    place: Where,
    timeout: Duration,
    spec_text: String,
}

enum Where {
    Duckdb(duckdb::Place),
    Postgres(Server),
    Mysql(Server),
}

/// A server, and what is needed to be let in.
#[derive(Debug, Clone)]
pub(super) struct Server {
    url: Secret,
    password: Option<Secret>,
    pub ca: Option<PathBuf>,
    base: PathBuf,
}

/// The values of a server's secrets, which no message may hold.
pub(super) struct Access {
    pub url: String,
    pub password: Option<String>,
}

impl Server {
    fn new(spec: &ServerQuery, base: &std::path::Path) -> Self {
        Self {
            url: spec.url.clone(),
            password: spec.password.clone(),
            ca: spec.ca.as_ref().map(|ca| base.join(ca)),
            base: base.to_path_buf(),
        }
    }

    /// # Errors
    /// A secret is not where it should be.
    pub fn access(&self) -> Result<Access, FetchError> {
        let read = |secret: &Secret| {
            secret.read(&self.base).map_err(|error| FetchError::Refused {
                what: error.to_string(),
                help: Some("set it where the program is started".to_owned()),
            })
        };
        Ok(Access { url: read(&self.url)?, password: self.password.as_ref().map(read).transpose()? })
    }

    /// The address if it stands in the project's file, without user and password.
    fn address(&self) -> Option<String> {
        let Secret::Text(text) = &self.url else { return None };
        let mut url = url::Url::parse(text).ok()?;
        let _ = url.set_password(None);
        let _ = url.set_username("");
        url.set_query(None);
        Some(url.to_string())
    }
}

impl Access {
    /// A text for people, in which nothing secret is left.
    pub fn hide(&self, text: &str) -> String {
        let own = url::Url::parse(&self.url).ok();
        let within = own.as_ref().and_then(url::Url::password).map(str::to_owned);
        [Some(self.url.as_str()), self.password.as_deref(), within.as_deref()]
            .into_iter()
            .flatten()
            .filter(|secret| !secret.is_empty())
            .fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
    }
}

impl Database {
    /// # Errors
    /// A query or columns that cannot be, each with its place.
    pub fn new(asset: &Asset, spec: &SourceSpec, engine: Engine<'_>) -> Result<Self, Vec<Diagnostic>> {
        let declared = Declared {
            asset: asset.name.clone(),
            files: spec.files.clone(),
            time: spec.time.clone(),
            off_calendar: spec.off_calendar,
        };
        let mut problems = Vec::new();
        let template = Template::new(engine.query()).map_err(|mistake| {
            let path = [engine.key(), "query"];
            let line = mistake.line.and_then(|line| line_range(engine.query(), line));
            let loc = line.map_or_else(|| asset.locate(&path), |range| asset.locate_within(&path, range));
            let mut problem = Diagnostic::error(mistake.message).at(loc, "in this query");
            problem.help.extend(mistake.help);
            problems.push(problem);
        });
        let layout = declared.layout(&asset.calendar).map_err(|error| {
            for problem in error.problems {
                let path: Vec<&str> = problem.declared.iter().map(String::as_str).collect();
                let loc = if path.is_empty() { asset.locate_key(&["columns"]) } else { asset.locate_key(&path) };
                let mut diagnostic = Diagnostic::error(problem.message).at(loc, "declared here");
                diagnostic.help.extend(problem.help);
                problems.push(diagnostic);
            }
        });
        let (Ok(template), Ok(layout)) = (template, layout) else { return Err(problems) };
        let place = match engine {
            Engine::Duckdb(spec) => Where::Duckdb(duckdb::Place {
                file: spec.file.as_ref().map(|file| asset.base.join(file)),
                base: asset.base.clone(),
            }),
            Engine::Postgres(spec) => Where::Postgres(Server::new(spec, &asset.base)),
            Engine::Mysql(spec) => Where::Mysql(Server::new(spec, &asset.base)),
        };
        let at = match (&place, engine) {
            (_, Engine::Duckdb(spec)) => spec.file.clone(),
            (Where::Postgres(server) | Where::Mysql(server), _) => server.address(),
            (Where::Duckdb(_), _) => None,
        };
        let files = &spec.files;
        let mut spec_text = json!({
            "kind": engine.key(),
            "version": VERSION,
            "at": at,
            "query": template.source(),
            "columns": files.columns,
            "types": files.types,
            "date_format": files.date_format,
            "thousands": files.thousands,
            "decimal": files.decimal,
            "missing": files.missing,
            "off_calendar": spec.off_calendar,
        });
        if let Some(times) = &spec.time {
            spec_text["time"] = moments::spec(&asset.calendar, times);
        }
        let spec_text = spec_text.to_string();
        let timeout = engine.timeout().and_then(|span| span.to_chrono().to_std().ok()).unwrap_or(TIMEOUT);
        Ok(Self { declared, layout, template, place, timeout, spec_text })
    }

    /// The queries that a request takes.
    fn statements(&self, request: &Request<'_>) -> Result<Vec<Statement>, FetchError> {
        let placeholders = match self.place {
            Where::Postgres(_) => Placeholders::Numbered,
            Where::Duckdb(_) | Where::Mysql(_) => Placeholders::Marks,
        };
        let ranges = if self.template.is_of_session {
            request.sessions.iter().map(|session| (*session, *session)).collect()
        } else {
            runs(request.sessions, request.calendar)
        };
        let render = |(first, last)| {
            let hours = moments::hours(request.calendar, first, last);
            let zone = self.declared.zone(request.calendar);
            let wanted = Wanted { first, last, hours, zone, instruments: request.instruments };
            self.template.render(placeholders, wanted).map_err(|mistake| FetchError::Refused {
                what: format!("query of `{}`: {}", self.declared.asset, mistake.message),
                help: mistake.help,
            })
        };
        ranges.into_iter().map(render).collect()
    }
}

impl Fetch for Database {
    fn schema(&self) -> Vec<(String, ColumnType)> {
        let columns = self.layout.columns.iter().filter(|column| column.name != "session");
        columns.map(|column| (column.name.clone(), column.kind)).collect()
    }

    fn sessions_at_once(&self) -> Option<usize> {
        Some(if self.template.is_of_session { ONE_BY_ONE } else { RANGE })
    }

    fn is_one_by_one(&self) -> bool {
        self.template.is_of_session
    }

    fn spec_text(&self) -> String {
        self.spec_text.clone()
    }

    fn fetch(&self, request: &Request<'_>) -> Result<Delivery, FetchError> {
        let statements = self.statements(request)?;
        let mut asking = Asking {
            declared: &self.declared,
            layout: &self.layout,
            request,
            timeout: self.timeout,
            of: statements.len(),
            parts: Vec::new(),
            notes: Vec::new(),
            rows: 0,
        };
        let mut wait = FIRST_WAIT;
        for left in (0..TRIES).rev() {
            // What was answered before a connection broke is not asked again.
            let open = &statements[asking.parts.len()..];
            let asked = match &self.place {
                Where::Duckdb(place) => duckdb::ask(place, open, &mut asking),
                Where::Postgres(server) => postgres::ask(server, open, &mut asking),
                Where::Mysql(server) => mysql::ask(server, open, &mut asking),
            };
            match asked {
                Ok(()) => break,
                Err(FetchError::Transient { what }) if left > 0 => {
                    tracing::debug!(asset = self.declared.asset, what, "asked again");
                    asking.tell(Some(format!("asks again in {:.1} s: {what}", wait.as_secs_f64())));
                    pause(wait, request)?;
                    wait *= 2;
                }
                Err(FetchError::Transient { what }) => {
                    return Err(FetchError::Transient { what: format!("{what} (tried {TRIES} times)") });
                }
                Err(other) => return Err(other),
            }
        }
        let Asking { parts, mut notes, .. } = asking;
        notes.sort();
        notes.dedup();
        let frame = deliver(&self.declared, &self.layout, &parts, request.sessions, request.instruments)?;
        Ok(Delivery { frame, notes })
    }
}

/// One request while it is asked.
pub(super) struct Asking<'a> {
    pub declared: &'a Declared,
    layout: &'a Layout,
    pub request: &'a Request<'a>,
    /// How long one query may take.
    pub timeout: Duration,
    of: usize,
    parts: Vec<Rows>,
    notes: Vec<String>,
    rows: u64,
}

impl<'a> Asking<'a> {
    pub fn calendar(&self) -> &'a Calendar {
        self.request.calendar
    }

    /// Takes the rows of the next query.
    pub fn begin(&self) -> Collector<'a> {
        Collector::new(self.declared, self.layout, self.request.calendar)
    }

    /// A query is answered.
    ///
    /// # Errors
    /// Its rows are not what is declared.
    pub fn end(&mut self, mut collector: Collector<'a>) -> Result<(), FetchError> {
        self.rows += collector.rows;
        self.notes.append(&mut collector.notes);
        let query = format!("query of `{}`", self.declared.asset);
        self.notes.extend(collector.left_out().into_iter().map(|left_out| format!("{query}: {left_out}")));
        self.parts.push(collector.finish()?);
        self.tell(None);
        Ok(())
    }

    fn tell(&self, waits: Option<String>) {
        (self.request.progress)(Progress {
            done: self.parts.len() as u64,
            of: self.of as u64,
            rows: self.rows,
            bytes: 0,
            waits,
        });
    }

    pub fn is_cancelled(&self) -> bool {
        (self.request.is_cancelled)()
    }

    /// The error of a query that the database refuses, or cannot answer now.
    pub fn error(&self, is_transient: bool, message: &str, help: Option<&str>) -> FetchError {
        let what = format!("query of `{}`: {message}", self.declared.asset);
        if is_transient {
            FetchError::Transient { what }
        } else {
            FetchError::Refused { what, help: help.map(str::to_owned) }
        }
    }
}

/// Runs a future that talks to a server, until it is cancelled or takes too long.
pub(super) async fn watched<T>(
    is_cancelled: &(dyn Fn() -> bool + Sync),
    timeout: Duration,
    work: impl Future<Output = T>,
) -> Result<T, Stopped> {
    let stop = async {
        let started = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(TICK).await;
            if is_cancelled() {
                return Stopped::Cancelled;
            }
            if started.elapsed() >= timeout {
                return Stopped::TimedOut(timeout);
            }
        }
    };
    tokio::select! {
        done = work => Ok(done),
        stopped = stop => Err(stopped),
    }
}

/// Why work was not done to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    Cancelled,
    TimedOut(Duration),
}

impl Stopped {
    pub fn error(self, asking: &Asking<'_>) -> FetchError {
        match self {
            Self::Cancelled => FetchError::Cancelled,
            Self::TimedOut(after) => {
                let message = format!("no answer within {} s", after.as_secs_f64());
                // It would take as long again.
                asking.error(false, &message, Some("give it longer, `timeout: 30m`, or ask for less"))
            }
        }
    }
}

/// Runs work that talks to a server.
pub(super) fn talk<T: Send>(work: impl AsyncFnOnce() -> Result<T, FetchError> + Send) -> Result<T, FetchError> {
    block_on(work)
        .unwrap_or_else(|error| Err(FetchError::Transient { what: format!("the network cannot be used: {error}") }))
}

fn pause(wait: Duration, request: &Request<'_>) -> Result<(), FetchError> {
    let mut left = wait;
    while !left.is_zero() {
        if (request.is_cancelled)() {
            return Err(FetchError::Cancelled);
        }
        let part = left.min(TICK);
        std::thread::sleep(part);
        left -= part;
    }
    Ok(())
}

/// Sessions as ranges of sessions that follow one another in the calendar.
fn runs(sessions: &[NaiveDate], calendar: &Calendar) -> Vec<(NaiveDate, NaiveDate)> {
    let mut runs: Vec<(NaiveDate, NaiveDate, u32)> = Vec::new();
    for &session in sessions {
        let at = calendar.ix(session).map_or(u32::MAX, |ix| ix.0);
        match runs.last_mut() {
            Some((_, last, before)) if at.checked_sub(1) == Some(*before) => {
                *last = session;
                *before = at;
            }
            _ => runs.push((session, session, at)),
        }
    }
    runs.into_iter().map(|(first, last, _)| (first, last)).collect()
}

/// The bytes of a line, from 1, of a text.
fn line_range(text: &str, line: usize) -> Option<std::ops::Range<usize>> {
    let start = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum::<usize>();
    let rest = text.get(start..)?;
    let lead = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let end = rest.find('\n').unwrap_or(rest.len());
    Some(start + lead.min(end)..start + rest[..end].trim_end().len().max(lead.min(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_follow_one_another_are_one_range() {
        let calendar = Calendar::builtin("XSHG").unwrap();
        let days: Vec<NaiveDate> = ["2015-01-05", "2015-01-06", "2015-01-09", "2015-01-12", "2015-01-14"]
            .map(|day| day.parse().unwrap())
            .into();
        let runs: Vec<String> = runs(&days, &calendar).iter().map(|(a, b)| format!("{a}..{b}")).collect();
        assert_eq!(runs, ["2015-01-05..2015-01-06", "2015-01-09..2015-01-12", "2015-01-14..2015-01-14"]);
    }

    #[test]
    fn no_secret_is_left_in_a_message() {
        let access = Access { url: "postgres://me:hunter2@db/bars".into(), password: Some("swordfish".into()) };
        let text = access.hide("cannot open postgres://me:hunter2@db/bars: no `swordfish`, no hunter2");
        assert_eq!(text, "cannot open …: no `…`, no …");
    }

    #[test]
    fn a_line_of_a_query_has_its_place() {
        let text = "select\n  {{ x }} \nfrom t";
        assert_eq!(line_range(text, 2).map(|range| &text[range]), Some("{{ x }}"));
        assert_eq!(line_range(text, 3).map(|range| &text[range]), Some("from t"));
        assert_eq!(line_range(text, 9).map(|range| &text[range]), Some(""));
    }
}
