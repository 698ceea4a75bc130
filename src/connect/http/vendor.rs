//! A vendor over HTTP, as a source that has to be asked.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use assetctl_config::{Asset, ColumnType, Diagnostic, HttpBy, HttpVendor, SecretFrom};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use serde_json::{Map, Value as Json, json};

use super::account::Account;
use super::ask::{Asker, Outcome, Tally};
use super::calls::{self, Call};
use super::deliver;
use super::names::Names;
use super::prepare::{Prepared, prepare, times};
use super::read::{Asked, Reader};
use super::secrets::{Params, Secrets};
use super::symbols::Back;
use crate::date::to_days;
use crate::fetch::{Delivery, Fetch, FetchError, Request};
use crate::moments;
use crate::rows::Rows;
use crate::suggest::list;

/// Rises when the same answers come to be read otherwise: then everything is asked for again.
const VERSION: u32 = 1;

/// Sessions of one delivery where one call covers one: no month of an exchange has more.
const SESSIONS_AT_ONCE: usize = 24;

/// How many calls at once, if the description does not say.
const CONCURRENCY: u32 = 4;

/// How often it is looked whether the request was cancelled.
const LOOK: Duration = Duration::from_millis(100);

/// A vendor that can be asked.
pub struct Vendor {
    asset: Asset,
    /// "`bars` from tushare"
    whom: String,
    spec: HttpVendor,
    spec_text: String,
    prepared: Prepared,
    reader: Arc<Reader>,
    secrets: Secrets,
    /// For the instruments that were asked for last: what answers have named so far.
    names: Mutex<Option<(Vec<String>, Arc<Names>)>>,
}

impl Vendor {
    /// The vendor that an asset describes. Asks nobody and reads no secret.
    ///
    /// # Errors
    /// Every template, path, zone and pattern that cannot be, with its place.
    pub fn new(asset: &Asset, spec: &HttpVendor) -> Result<Self, Vec<Diagnostic>> {
        let prepared = prepare(asset, spec)?;
        let whom = match &spec.preset {
            Some(preset) => format!("`{}` from {preset}", asset.name),
            None => format!("`{}`", asset.name),
        };
        Ok(Self {
            asset: asset.clone(),
            whom,
            spec_text: spec_text(asset, spec),
            reader: Arc::new(prepared.reader.clone()),
            prepared,
            spec: spec.clone(),
            secrets: Secrets::default(),
            names: Mutex::default(),
        })
    }

    /// How answers to a request for such instruments name them.
    fn names(&self, instruments: &[String]) -> Result<Arc<Names>, String> {
        let mut known = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((asked, names)) = &*known
            && asked == instruments
        {
            return Ok(Arc::clone(names));
        }
        let names = Arc::new(Names::new(Back::new(&self.prepared.symbols, instruments)?));
        *known = Some((instruments.to_vec(), Arc::clone(&names)));
        Ok(names)
    }

    async fn ask(&self, request: &Request<'_>) -> Result<Delivery, FetchError> {
        if self.prepared.by == HttpBy::Instrument && request.instruments.is_empty() {
            return Err(FetchError::Refused {
                what: format!("{}: one call covers one instrument, and none is named", self.whom),
                help: Some("name them under `instruments:`".to_owned()),
            });
        }
        let params = Params::read(&self.spec, &self.asset, &self.secrets)?;
        let names = self.names(request.instruments).map_err(|what| FetchError::Refused {
            what: format!("{}: {what}", self.whom),
            help: Some("say how your names and the vendor's correspond, under `symbols:`".to_owned()),
        })?;
        let concurrency = self.spec.concurrency.unwrap_or(CONCURRENCY);
        // Who asks is told by address and parameters; they stay in memory, as a hash.
        let who = format!("{:?}\n{:?}\n{:?}", self.spec.base_url, self.spec.url, params.real);
        let account = Account::shared(&who, self.spec.rate.as_ref(), concurrency)
            .map_err(|what| FetchError::Transient { what: format!("{}: {what}", self.whom) })?;
        let asker = Asker {
            whom: &self.whom,
            spec: &self.spec,
            spec_text: &self.spec_text,
            prepared: &self.prepared,
            reader: Arc::clone(&self.reader),
            account,
            params,
            secrets: &self.secrets,
            asked: Arc::new(Asked {
                sessions: request.sessions.iter().copied().map(to_days).collect::<HashSet<_>>(),
                names,
                now: request.now,
                calendar: Arc::clone(&self.asset.calendar),
            }),
            request,
            tally: Tally::default(),
        };
        let calls = calls::plan(self.prepared.by, &self.spec.at_once, request.sessions, request.instruments);
        let (mut parts, silent) = all(&asker, calls, concurrency as usize).await?;
        let ours = asker.asked.names.ours();
        for lanes in parts.iter_mut().filter_map(|rows| rows.lanes.as_mut()).filter(|lanes| lanes.names.is_empty()) {
            lanes.names = Arc::clone(&ours);
        }
        let reader = Arc::clone(&self.reader);
        let whom = self.whom.clone();
        let made = tokio::task::spawn_blocking(move || deliver::frame(&reader, &parts)).await;
        let frame = match made {
            Ok(made) => made.map_err(|what| FetchError::Refused { what: format!("{whom}: {what}"), help: None })?,
            Err(error) => return Err(FetchError::Refused { what: format!("{whom}: {error}"), help: None }),
        };
        let mut notes = match silent.as_slice() {
            [] => Vec::new(),
            silent => vec![format!("the vendor has nothing for {}", list(silent.iter().map(String::as_str), 5))],
        };
        notes.extend(moments::left_out(request.calendar, asker.tally.skipped.load(Ordering::Relaxed)));
        Ok(Delivery { frame, notes })
    }
}

/// Makes all calls, so many at once; those that are cut off are divided. Also gives the instruments of which there was nothing.
async fn all(asker: &Asker<'_>, calls: Vec<Call>, at_once: usize) -> Result<(Vec<Rows>, Vec<String>), FetchError> {
    asker.tally.of.store(calls.len() as u64, Ordering::Relaxed);
    let mut waiting: std::collections::VecDeque<(usize, Call)> = calls.into_iter().enumerate().collect();
    let (mut running, mut parts, mut silent) = (FuturesUnordered::new(), Vec::new(), Vec::new());
    loop {
        while running.len() < at_once.max(1)
            && let Some((at, call)) = waiting.pop_front()
        {
            running.push(async move { (asker.call(&call).await, at, call) });
        }
        let Some((outcome, at, call)) = running.next().await else { break };
        match outcome? {
            Outcome::Rows(rows, none) => {
                asker.tally.done.fetch_add(1, Ordering::Relaxed);
                parts.extend(rows.into_iter().map(|rows| (at, rows)));
                if let (true, [one]) = (none, call.instruments.as_slice()) {
                    silent.push(one.clone());
                }
            }
            Outcome::Divided([first, second]) => {
                asker.tally.of.fetch_add(1, Ordering::Relaxed);
                waiting.push_front((at, second));
                waiting.push_front((at, first));
            }
        }
        asker.progress(None);
    }
    // Calls end in any order; what is said of them should not depend on it.
    parts.sort_by_key(|(at, _)| *at);
    silent.sort();
    silent.dedup();
    Ok((parts.into_iter().map(|(_, rows)| rows).collect(), silent))
}

impl Fetch for Vendor {
    fn schema(&self) -> Vec<(String, ColumnType)> {
        let values = self.reader.values.iter().map(|column| (column.name.clone(), column.kind));
        let time = self.reader.time.as_ref().map(|_| ("time".to_owned(), ColumnType::Time));
        std::iter::once(("instrument".to_owned(), ColumnType::Text)).chain(time).chain(values).collect()
    }

    fn sessions_at_once(&self) -> Option<usize> {
        match self.prepared.by {
            HttpBy::Session => Some(SESSIONS_AT_ONCE),
            HttpBy::Instrument | HttpBy::Range => self.spec.at_once.sessions.map(|sessions| sessions as usize),
        }
    }

    fn is_one_by_one(&self) -> bool {
        self.prepared.by == HttpBy::Session
    }

    fn spec_text(&self) -> String {
        self.spec_text.clone()
    }

    fn fetch(&self, request: &Request<'_>) -> Result<Delivery, FetchError> {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|error| FetchError::Refused { what: format!("{}: {error}", self.whom), help: None })?;
        runtime.block_on(async {
            let cancelled = async {
                while !(request.is_cancelled)() {
                    tokio::time::sleep(LOOK).await;
                }
            };
            tokio::select! {
                biased;
                () = cancelled => Err(FetchError::Cancelled),
                delivery = self.ask(request).boxed_local() => delivery,
            }
        })
    }
}

/// What rows depend on; secrets are left out, and so is what only says how often and how fast is asked.
fn spec_text(asset: &Asset, spec: &HttpVendor) -> String {
    let params: Map<String, Json> = spec
        .params
        .iter()
        .map(|(name, value)| (name.clone(), if SecretFrom::of(value).is_some() { Json::Null } else { value.clone() }))
        .collect();
    // Where rows have no time, the text is what it always was.
    let times = times(asset).map(|times| moments::spec(&asset.calendar, times));
    let has_epoch = spec.columns.iter().any(|(_, column)| column.field().epoch.is_some());
    let mut text = json!({
        "kind": "http",
        "version": VERSION,
        "base_url": spec.base_url,
        "url": spec.url,
        "method": spec.method,
        "query": spec.query,
        "headers": spec.headers,
        "body": spec.body,
        "params": params,
        "by": spec.by,
        "pagination": spec.pagination,
        "response": spec.response,
        "columns": spec.columns,
        "missing": spec.missing,
        "symbols": spec.symbols,
        "no_data": spec.errors.iter().filter(|rule| rule.means == assetctl_config::HttpMeaning::NoData).collect::<Vec<_>>(),
        "zone": has_epoch.then(|| asset.calendar.time_zone()),
    });
    if let Some(times) = times {
        text["time"] = times;
    }
    text.to_string()
}
