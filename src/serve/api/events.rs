//! `/events`: what happens, as it happens (server-sent events).

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::{Stream, stream};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use utoipa::IntoParams;

use super::problem::Reading;
use super::ring::Events;
use super::state::Api;

/// How many are taken at once.
const AT_ONCE: usize = 64;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EventsOf {
    /// Only of this request.
    request: Option<u64>,
    /// Begin with the oldest that is still there, not with the next that happens.
    #[serde(default)]
    replay: bool,
}

/// Tells everything that happens, as it happens
///
/// Each event's `id` may be given as `Last-Event-ID` to go on after it. An event `lost` says `{ "lost": 12 }`: so many are gone, because
/// they were not fetched in time; `null` where nobody can say, because another daemon has come since.
#[utoipa::path(get, path = "/api/v1/events", tag = "work",
    params(EventsOf, ("Last-Event-ID" = Option<String>, Header, description = "The event after which to go on")),
    security((), ("token" = [])),
    responses((status = 200, description = "one JSON object each", body = String, content_type = "text/event-stream"), Reading))]
pub async fn listen(
    State(api): State<Arc<Api>>,
    Query(of): Query<EventsOf>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = api.events.clone();
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let mut waiting = VecDeque::new();
    let next = match last {
        Some(id) => events.after(id).unwrap_or_else(|| {
            waiting.push_back(lost(None));
            events.oldest()
        }),
        None if of.replay => events.oldest(),
        None => events.next(),
    };
    let listener = Listener { news: events.news(), events, request: of.request, next, waiting };
    let told = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    });
    Sse::new(told).keep_alive(KeepAlive::default())
}

struct Listener {
    events: Arc<Events>,
    news: watch::Receiver<Option<u64>>,
    request: Option<u64>,
    next: u64,
    waiting: VecDeque<Event>,
}

impl Listener {
    /// `None` when there will be no more.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            let is_over = self.news.borrow_and_update().is_none();
            let since = self.events.since(self.next, AT_ONCE);
            let is_new = since.next > self.next;
            self.next = since.next;
            if since.lost > 0 {
                self.waiting.push_back(lost(Some(since.lost)));
            }
            let heard = since.events.iter().filter(|event| self.request.is_none() || event.request == self.request);
            self.waiting.extend(
                heard.map(|event| {
                    Event::default().id(self.events.id(event.number)).event(&event.kind).data(&event.text)
                }),
            );
            if !is_new && (is_over || self.news.changed().await.is_err()) {
                return None;
            }
        }
    }
}

fn lost(how_many: Option<u64>) -> Event {
    Event::default().event("lost").data(json!({ "lost": how_many }).to_string())
}
