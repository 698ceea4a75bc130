//! A vendor on loopback that serves bars by session as CSV, as simply as one can; it counts what it is asked and fails as it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use chrono::NaiveDate;

use super::bars::{Bar, Bars};

/// What is known of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub session: NaiveDate,
    /// None where all are asked for.
    pub instruments: Vec<String>,
}

#[derive(Default)]
struct Inner {
    bars: Mutex<Vec<Bar>>,
    calls: Mutex<Vec<Call>>,
    fails_on: Mutex<BTreeSet<NaiveDate>>,
    /// Calls that are still answered; the next one waits. None where all are.
    allowed: Mutex<Option<usize>>,
    changed: Condvar,
}

pub struct Vendor {
    inner: Arc<Inner>,
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Vendor {
    pub fn new(bars: &Bars) -> Self {
        let inner = Arc::new(Inner { bars: Mutex::new(bars.rows.clone()), ..Inner::default() });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let router = axum::Router::new().route("/bars", get(answer)).with_state(Arc::clone(&inner));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { inner, address, _runtime: runtime }
    }

    /// The keys of a source that asks it.
    pub fn yaml(&self) -> String {
        format!(
            "    http:
      by: session
      url: http://{}/bars
      query: {{ date: '{{{{ session }}}}', symbols: '{{{{ instruments | join(\",\") }}}}' }}
      response: {{ format: csv }}
      retries: {{ times: 0 }}
      columns: {{ instrument: symbol, open: open, high: high, low: low, close: close, volume: volume }}
",
            self.address
        )
    }

    pub fn edit(&self, edit: impl FnOnce(&mut Bars)) {
        let mut rows = self.inner.bars.lock().unwrap();
        let mut bars = Bars { rows: std::mem::take(&mut *rows) };
        edit(&mut bars);
        *rows = bars.rows;
    }

    /// It answers these sessions with an error.
    pub fn fails_on(&self, sessions: &[NaiveDate]) {
        *self.inner.fails_on.lock().unwrap() = sessions.iter().copied().collect();
    }

    /// It answers so many calls more and then none, or all again.
    pub fn allow(&self, calls: Option<usize>) {
        *self.inner.allowed.lock().unwrap() = calls;
        self.inner.changed.notify_all();
    }

    /// How many calls it has had.
    pub fn calls(&self) -> usize {
        self.inner.calls.lock().unwrap().len()
    }

    /// What it was asked for since it was last asked this.
    pub fn calls_asked(&self) -> Vec<Call> {
        std::mem::take(&mut *self.inner.calls.lock().unwrap())
    }

    /// The sessions of these calls, sorted.
    pub fn asked(&self) -> Vec<NaiveDate> {
        let mut sessions: Vec<NaiveDate> = self.calls_asked().into_iter().map(|call| call.session).collect();
        sessions.sort_unstable();
        sessions
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        // Its threads end when nobody waits any more.
        self.allow(None);
    }
}

async fn answer(
    State(inner): State<Arc<Inner>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> (StatusCode, String) {
    let text = |key: &str| query.get(key).cloned().unwrap_or_default();
    let session: NaiveDate = text("date").parse().unwrap();
    let instruments: Vec<String> =
        text("symbols").split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    inner.calls.lock().unwrap().push(Call { session, instruments: instruments.clone() });
    let waiting = Arc::clone(&inner);
    tokio::task::spawn_blocking(move || wait(&waiting)).await.unwrap();
    if inner.fails_on.lock().unwrap().contains(&session) {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the vendor is down".into());
    }
    let wanted = |bar: &&Bar| bar.date == session && (instruments.is_empty() || instruments.contains(&bar.symbol));
    let rows = inner.bars.lock().unwrap().iter().filter(wanted).cloned().collect();
    (StatusCode::OK, Bars { rows }.csv())
}

/// Until this call may be answered.
fn wait(inner: &Inner) {
    let mut allowed = inner.allowed.lock().unwrap();
    loop {
        match allowed.as_mut() {
            None => return,
            Some(0) => allowed = inner.changed.wait(allowed).unwrap(),
            Some(calls) => {
                *calls -= 1;
                return;
            }
        }
    }
}
