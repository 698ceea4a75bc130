//! One call: asked, tried again, page by page, until its answer is whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use assetctl_config::{HttpBy, HttpLogin, HttpMeaning, HttpVendor};
use minijinja::Value;
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json_path::JsonPath;

use super::account::Account;
use super::calls::Call;
use super::client::{self, Answer, SendError};
use super::faults::{self, Fault};
use super::format::Format;
use super::pages::State;
use super::prepare::Prepared;
use super::read::{Asked, Covered, Page, Reader};
use super::request::{CallNames, Parts, Rendered, TemplateFault};
use super::secrets::{AuthValue, Params, Secrets};
use super::template::Names;
use super::{retry, spool};
use crate::date::to_days;
use crate::fetch::{FetchError, Progress, Request};
use crate::moments;
use crate::rows::Rows;

/// A token is asked for so often for one page: another login elsewhere may end it, but not each time.
const MOST_LOGINS: u32 = 3;

/// Answers longer than this are read on another thread, so that others can come meanwhile.
const LONG: usize = 64 << 10;

/// Asks one vendor for one request.
pub(super) struct Asker<'a> {
    /// "`bars` from tushare"
    pub whom: &'a str,
    pub spec: &'a HttpVendor,
    pub spec_text: &'a str,
    pub prepared: &'a Prepared,
    pub reader: Arc<Reader>,
    pub account: Arc<Account>,
    pub params: Params,
    pub secrets: &'a Secrets,
    pub asked: Arc<Asked>,
    pub request: &'a Request<'a>,
    pub tally: Tally,
}

/// How far it has come.
#[derive(Default)]
pub(super) struct Tally {
    pub done: AtomicU64,
    pub of: AtomicU64,
    pub rows: AtomicU64,
    pub bytes: AtomicU64,
    /// Rows that were left out because nothing is traded at their time.
    pub skipped: AtomicU64,
}

/// What a call came to.
pub(super) enum Outcome {
    /// Rows of each page; whether the vendor said that it has none.
    Rows(Vec<Rows>, bool),
    /// It was cut off: these two cover the same.
    Divided([Call; 2]),
}

impl Asker<'_> {
    /// Asks for all that a call covers.
    ///
    /// # Errors
    /// [`FetchError`], without secrets.
    pub async fn call(&self, call: &Call) -> Result<Outcome, FetchError> {
        let theirs =
            call.instruments.iter().map(|name| self.prepared.symbols.theirs(name)).collect::<Result<Vec<_>, _>>();
        let theirs = theirs.map_err(|what| self.refused(call, what, Some("see `symbols` of the vendor".to_owned())))?;
        let covered = Covered {
            session: (call.by == HttpBy::Session).then(|| to_days(call.first())),
            instrument: call.instruments.first().filter(|_| call.by == HttpBy::Instrument).cloned(),
        };
        let first = State::first(self.spec.pagination.as_ref());
        let identity = self.rendered(call, &theirs, &first, &self.params.shown)?.identity();
        let key = spool::key(self.spec_text, &identity);
        if let Some(rows) = self.kept(&key, &covered).await {
            self.progress(None);
            return Ok(Outcome::Rows(rows, false));
        }
        let seed = u64::from_str_radix(&key[..16], 16).unwrap_or_default();
        let (mut state, mut rows, mut bodies, mut none) = (first, Vec::new(), Vec::new(), false);
        loop {
            let request = self.rendered(call, &theirs, &state, &self.params.real)?;
            let label = if state.number == 0 { call.to_string() } else { format!("{call}, page {}", state.number + 1) };
            let (page, body) = self.page(&label, &request, &covered, seed).await?;
            self.tally.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
            if self.spec.truncated_at.is_some_and(|limit| page.count >= limit) {
                return self.divided(call, &theirs, &identity, page.count);
            }
            let next = state.next(self.spec.pagination.as_ref(), &page);
            none |= page.count == 0 && state.number == 0;
            self.tally.rows.fetch_add(page.rows.len() as u64, Ordering::Relaxed);
            self.tally.skipped.fetch_add(page.skipped, Ordering::Relaxed);
            rows.push(page.rows);
            bodies.push(body);
            match next.map_err(|what| self.refused(call, what, None))? {
                Some(next) => state = next,
                None => break,
            }
        }
        self.keep(key, bodies).await;
        self.progress(None);
        Ok(Outcome::Rows(rows, none))
    }

    /// The rows of an answer that an earlier run has kept.
    async fn kept(&self, key: &str, covered: &Covered) -> Option<Vec<Rows>> {
        let mut rows = Vec::new();
        for body in spool::kept(self.request.spool, key)? {
            match self.read(StatusCode::OK, body, covered).await.0 {
                Ok(page) => {
                    self.tally.skipped.fetch_add(page.skipped, Ordering::Relaxed);
                    rows.push(page.rows);
                }
                Err(fault) if fault.meaning == HttpMeaning::NoData => rows.push(self.reader.empty()),
                Err(_) => return None,
            }
        }
        self.tally.rows.fetch_add(rows.iter().map(|rows| rows.len() as u64).sum(), Ordering::Relaxed);
        Some(rows)
    }

    async fn keep(&self, key: String, bodies: Vec<Vec<u8>>) {
        // A vendor that repeats a secret is asked once more rather than written down.
        let has_secrets = |body: &Vec<u8>| match std::str::from_utf8(body) {
            Ok(text) => self.secrets.are_in(text),
            Err(_) => self.secrets.are_in(&String::from_utf8_lossy(body)),
        };
        if bodies.iter().any(has_secrets) {
            return;
        }
        let folder = self.request.spool.to_path_buf();
        let kept = tokio::task::spawn_blocking(move || spool::keep(&folder, &key, &bodies)).await;
        if let Err(error) = kept.map_err(std::io::Error::other).flatten() {
            tracing::warn!("{}: an answer cannot be kept, and would be asked for again: {error}", self.whom);
        }
    }

    /// The halves of a call whose answer was cut off.
    fn divided(&self, call: &Call, theirs: &[String], identity: &str, count: u64) -> Result<Outcome, FetchError> {
        let first = State::first(self.spec.pagination.as_ref());
        if let Some(halves) = call.halves() {
            let own = &theirs[..halves[0].instruments.len().min(theirs.len())];
            // A vendor that is not told which instruments answers each half with the whole.
            if self.rendered(&halves[0], own, &first, &self.params.shown)?.identity() != identity {
                return Ok(Outcome::Divided(halves));
            }
        }
        let what = format!("the answer has {count} rows, as many as the vendor gives at once: it has been cut off");
        let help = match call.instruments.as_slice() {
            [] => "name the `instruments:`, so that the call can be divided",
            _ => "the call cannot be divided further; ask for less, or page through it with `pagination`",
        };
        Err(self.refused(call, what, Some(help.to_owned())))
    }

    /// One page, tried again as often as the vendor's description says; `seed` tells calls apart.
    async fn page(
        &self,
        label: &str,
        request: &Rendered,
        covered: &Covered,
        seed: u64,
    ) -> Result<(Page, Vec<u8>), FetchError> {
        let mut delays = retry::delays(&self.spec.retries, seed);
        let mut logins = 0;
        loop {
            let (request, login) = self.authorized(request).await?;
            let (fault, wanted) = match self.send(&request).await {
                Ok(Answer { status, body, retry_after }) => match self.read(status, body, covered).await {
                    (Ok(page), body) => return Ok((page, body)),
                    (Err(fault), body) if fault.meaning == HttpMeaning::NoData => {
                        return Ok((Page { rows: self.reader.empty(), ..Page::default() }, body));
                    }
                    (Err(fault), _) => (fault, retry_after),
                },
                Err(fault) => (fault, None),
            };
            match fault.meaning {
                HttpMeaning::Auth if self.login().is_some() && logins < MOST_LOGINS => {
                    logins += 1;
                    self.forget(login).await;
                }
                HttpMeaning::Transient | HttpMeaning::RateLimited => {
                    self.wait(label, fault, wanted, &mut delays).await?
                }
                HttpMeaning::Auth | HttpMeaning::Refused | HttpMeaning::NoData => {
                    return Err(self.give_up(label, fault));
                }
            }
        }
    }

    /// Waits before a call is made again.
    async fn wait(
        &self,
        label: &str,
        fault: Fault,
        wanted: Option<Duration>,
        delays: &mut impl Iterator<Item = Duration>,
    ) -> Result<(), FetchError> {
        let wanted = wanted.or(fault.wait);
        let longest = retry::longest(&self.spec.retries);
        let prefix = format!("{}: {label}: ", self.whom);
        let help = fault.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        if let Some(wanted) = wanted.filter(|wanted| *wanted > longest) {
            let what = format!("{prefix}{}; the vendor is to be left alone for {}{help}", fault.what, seconds(wanted));
            return Err(FetchError::Transient { what: self.secrets.redact(&what) });
        }
        let Some(delay) = delays.next() else {
            let times = self.spec.retries.times.unwrap_or(4) + 1;
            let what = format!("{prefix}{}; asked {times} times{help}", fault.what);
            return Err(FetchError::Transient { what: self.secrets.redact(&what) });
        };
        let wait = delay.max(wanted.unwrap_or_default());
        tracing::debug!("{}", self.secrets.redact(&format!("{prefix}{}; again in {}", fault.what, seconds(wait))));
        self.progress(Some(format!("again in {} after {}", seconds(wait), short(&self.secrets.redact(&fault.what)))));
        if fault.meaning == HttpMeaning::RateLimited {
            self.account.quiet(wait);
        } else {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    async fn send(&self, request: &Rendered) -> Result<Answer, Fault> {
        let fault =
            |meaning, what, help: Option<&str>| Fault { meaning, what, help: help.map(str::to_owned), wait: None };
        let Ok(_permit) = self.account.calls.acquire().await else {
            return Err(fault(HttpMeaning::Transient, "the program is ending".to_owned(), None));
        };
        self.account.turn(|| self.progress(Some("rate limit".to_owned()))).await;
        let timeout = self.spec.timeout.map_or(Duration::from_secs(30), assetctl_config::Span::to_std);
        let most = self.spec.max_bytes.unwrap_or(256 << 20);
        let now = SystemTime::from(self.request.now);
        client::send(&self.account.client, request, timeout, most, now).await.map_err(|error| match error {
            SendError::Network(what) => fault(HttpMeaning::Transient, what, None),
            SendError::Request(what) => {
                fault(HttpMeaning::Refused, what, Some("see `url` and `headers` of the vendor"))
            }
            SendError::TooLong => fault(
                HttpMeaning::Refused,
                format!("the answer is longer than {most} bytes"),
                Some("ask for less at once, or raise `max_bytes`"),
            ),
        })
    }

    async fn read(&self, status: StatusCode, body: Vec<u8>, covered: &Covered) -> (Result<Page, Fault>, Vec<u8>) {
        if body.len() < LONG {
            return (self.reader.read(status, &body, covered, &self.asked), body);
        }
        let (reader, asked, covered) = (Arc::clone(&self.reader), Arc::clone(&self.asked), covered.clone());
        let task = tokio::task::spawn_blocking(move || (reader.read(status, &body, &covered, &asked), body));
        task.await.unwrap_or_else(|error| {
            let what = format!("the answer was not read: {error}");
            (Err(Fault { meaning: HttpMeaning::Refused, what, help: None, wait: None }), Vec::new())
        })
    }

    fn login(&self) -> Option<&HttpLogin> {
        self.spec.auth.as_ref().and_then(|auth| auth.login.as_ref())
    }

    /// The request with what shows who asks, and the number of the login that it stands on.
    async fn authorized(&self, request: &Rendered) -> Result<(Rendered, u64), FetchError> {
        let Some(auth) = &self.spec.auth else { return Ok((request.clone(), 0)) };
        let (token, number) = match &auth.login {
            None => (None, 0),
            Some(login) => {
                let mut held = self.account.token.lock().await;
                if held.value.is_none() {
                    held.value = Some(self.log_in(login).await?);
                    held.number += 1;
                }
                (held.value.clone(), held.number)
            }
        };
        if let Some(token) = &token {
            // Another asset may have logged in.
            self.secrets.add(token.expose_secret());
        }
        let value = match &self.params.auth {
            Some(AuthValue::Secret(secret)) => secret.expose_secret().to_owned(),
            template => {
                let template = match template {
                    Some(AuthValue::Template(template)) => template.as_str(),
                    _ => "{{ token }}",
                };
                let mut names = self.names(&self.params.real);
                names.insert("token".to_owned(), Value::from(token.as_ref().map_or("", |token| token.expose_secret())));
                let filled = self.prepared.templates.text(template, &names);
                filled.map_err(|message| {
                    self.template(TemplateFault { path: vec!["auth".into(), "value".into()], message })
                })?
            }
        };
        let mut request = request.clone();
        request.headers.extend(auth.header.iter().map(|name| (name.clone(), value.clone())));
        request.query.extend(auth.query.iter().map(|name| (name.clone(), value.clone())));
        Ok((request, number))
    }

    /// Marks a token as no longer valid, unless there is a newer one.
    async fn forget(&self, number: u64) {
        let mut held = self.account.token.lock().await;
        if held.number == number {
            held.value = None;
        }
    }

    async fn log_in(&self, login: &HttpLogin) -> Result<SecretString, FetchError> {
        let names = self.names(&self.params.real);
        let request =
            Parts::of_login(login).render(&self.prepared.templates, &names).map_err(|fault| self.template(fault))?;
        let mut delays = retry::delays(&self.spec.retries, 0);
        loop {
            let (fault, wanted) = match self.send(&request).await {
                Err(fault) => (fault, None),
                Ok(answer) => {
                    let (text, _) = self.reader.format.text(&answer.body);
                    let json = Format::json(&text).ok();
                    match self.reader.rules.judge(answer.status, &text, json.as_ref()) {
                        Some(fault) => (fault, answer.retry_after),
                        None => return self.token(login, &text, json.as_ref()),
                    }
                }
            };
            match fault.meaning {
                HttpMeaning::Transient | HttpMeaning::RateLimited => {
                    self.wait("login", fault, wanted, &mut delays).await?
                }
                _ => {
                    let help = fault.help.clone().or_else(|| Some("see its user and password".to_owned()));
                    return Err(self.give_up("login", Fault { help, ..fault }));
                }
            }
        }
    }

    fn token(
        &self,
        login: &HttpLogin,
        text: &str,
        json: Option<&serde_json::Value>,
    ) -> Result<SecretString, FetchError> {
        let token = match &login.token {
            None => Some(text.trim().to_owned()),
            Some(path) => {
                let path = JsonPath::parse(path).ok();
                path.zip(json).and_then(|(path, json)| path.query(json).first().map(faults::as_text))
            }
        };
        match token.filter(|token| !token.is_empty() && token != "null") {
            Some(token) => {
                self.secrets.add(&token);
                Ok(SecretString::from(token))
            }
            // The answer may hold the token where it was not looked for.
            None => Err(FetchError::Refused {
                what: format!("{}: login: the answer has no token", self.whom),
                help: Some("say where it stands: `login: { token: $.path }`".to_owned()),
            }),
        }
    }

    fn names(&self, params: &Names) -> Names {
        let mut names = self.prepared.names.clone();
        names.insert("params".to_owned(), Value::from(params.clone()));
        names
    }

    fn rendered(&self, call: &Call, theirs: &[String], state: &State, params: &Names) -> Result<Rendered, FetchError> {
        let names = CallNames {
            session: (call.by == HttpBy::Session).then(|| call.first().to_string()),
            first: call.first().to_string(),
            last: call.last().to_string(),
            hours: moments::hours(self.request.calendar, call.first(), call.last()),
            zone: self.prepared.zone,
            instrument: theirs.first().map(String::as_str).filter(|_| call.by == HttpBy::Instrument),
            instruments: theirs,
            page: state.page,
            offset: state.offset,
            cursor: &state.cursor,
        };
        let names = names.over(&self.names(params));
        Parts::of_call(self.spec).render(&self.prepared.templates, &names).map_err(|fault| self.template(fault))
    }

    fn template(&self, fault: TemplateFault) -> FetchError {
        let what = format!("{}: `{}` cannot be filled in: {}", self.whom, fault.path.join("."), fault.message);
        FetchError::Refused { what: self.secrets.redact(&what), help: None }
    }

    fn give_up(&self, label: &str, fault: Fault) -> FetchError {
        FetchError::Refused {
            what: self.secrets.redact(&format!("{}: {label}: {}", self.whom, fault.what)),
            help: fault.help.map(|help| self.secrets.redact(&help)),
        }
    }

    fn refused(&self, call: &Call, what: String, help: Option<String>) -> FetchError {
        FetchError::Refused { what: self.secrets.redact(&format!("{}: {call}: {what}", self.whom)), help }
    }

    pub fn progress(&self, waits: Option<String>) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (self.request.progress)(Progress {
            done: count(&self.tally.done),
            of: count(&self.tally.of),
            rows: count(&self.tally.rows),
            bytes: count(&self.tally.bytes),
            waits,
        });
    }
}

/// "4 s", "0.5 s", "3600 s"
fn seconds(wait: Duration) -> String {
    match wait.as_secs_f64() {
        seconds if seconds < 10.0 => format!("{} s", (seconds * 10.0).round() / 10.0),
        seconds => format!("{} s", seconds.round()),
    }
}

/// What a progress line has room for.
fn short(what: &str) -> String {
    let start: String = what.chars().take(60).collect();
    start.split(": ").next().unwrap_or_default().to_owned()
}
