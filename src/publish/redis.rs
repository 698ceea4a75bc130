//! Redis: the messages of a stream, and each key's latest values. One script does all of a session or nothing of it, and remembers what it has
//! done: so a session that is written again does nothing.
//!
//! Of stream `scores` (the braces keep its keys on one node of a cluster):
//!
//! - `scores`: the stream, one entry for each message
//! - `{scores}:latest:KEY`: a hash with the values of the newest session that has this key, and the session
//! - `{scores}:latest`: a sorted set of those keys, by session as a number: `20150701`
//! - `{scores}:published`: a hash of what is published: session → revision and content

use assetctl_config::{DeclaredSink, RedisSink};
use chrono::{Datelike, NaiveDate};
use futures::future::BoxFuture;
use redis::aio::MultiplexedConnection;

use crate::batch::{SinkBatch, SinkSession};
use crate::cells::{Cell, Columns};
use crate::error::SinkError;
use crate::message::{messages, removal};
use crate::secrets;
use crate::sink::Sink;

/// Most bytes of a message.
const MESSAGE: usize = 1 << 20;
const KEEP: u32 = 1_000;

/// KEYS: stream, latest, published. ARGV: the session, as a number; its name in `published`; what is remembered of it (empty: it went); whether it is
/// written also where it is there; how many entries the stream keeps; how many messages follow; the messages; then for each row its key and its
/// fields as a JSON list.
///
/// A reader of `published` sees the session once everything else is there.
const WRITE: &str = r"
local session, name, content, again = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4] == '1'
local known = redis.call('HGET', KEYS[3], name)
if content == '' and not known then return 0 end
if known == content and not again then return 0 end
local keep, count = ARGV[5], tonumber(ARGV[6])
local at = 7
for _ = 1, count do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', keep, '*', 'id', ARGV[at], 'message', ARGV[at + 1])
  at = at + 2
end
local present = {}
while at < #ARGV do
  local key = ARGV[at]
  present[key] = true
  local newest = redis.call('ZSCORE', KEYS[2], key)
  if not newest or tonumber(newest) <= session then
    redis.call('DEL', KEYS[2] .. ':' .. key)
    redis.call('HSET', KEYS[2] .. ':' .. key, unpack(cjson.decode(ARGV[at + 1])))
    redis.call('ZADD', KEYS[2], session, key)
  end
  at = at + 2
end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], session, session)) do
  if not present[key] then
    redis.call('DEL', KEYS[2] .. ':' .. key)
    redis.call('ZREM', KEYS[2], key)
  end
end
if content == '' then redis.call('HDEL', KEYS[3], name) else redis.call('HSET', KEYS[3], name, content) end
return 1
";

pub(crate) struct Redis {
    connection: MultiplexedConnection,
    keep: u32,
}

pub(crate) async fn open(sink: &DeclaredSink, spec: &RedisSink) -> Result<Redis, SinkError> {
    let url = secrets::address(sink, &spec.url, spec.password.as_ref())?;
    let refuse = |error: redis::RedisError| SinkError::of("Redis does not let in", &error);
    let client = redis::Client::open(url).map_err(refuse)?;
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let connection = client.get_multiplexed_async_connection_with_config(&config).await.map_err(refuse)?;
    Ok(Redis { connection, keep: spec.keep.unwrap_or(KEEP) })
}

impl Sink for Redis {
    fn write<'a>(&'a mut self, batch: &'a SinkBatch) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            let columns = batch.columns()?;
            for session in &batch.sessions {
                let told = messages(batch, &columns, session, MESSAGE);
                let told = told.into_iter().map(|message| (message.id, message.body)).collect();
                let content = format!("{}/{}", session.revision, session.content);
                self.apply(batch, session.session, &content, told, rows(batch, &columns, session)).await?;
            }
            for session in &batch.gone {
                let message = removal(batch, *session);
                self.apply(batch, *session, "", vec![(message.id, message.body)], Vec::new()).await?;
            }
            Ok(())
        })
    }
}

impl Redis {
    async fn apply(
        &mut self,
        batch: &SinkBatch,
        session: NaiveDate,
        content: &str,
        messages: Vec<(String, String)>,
        rows: Vec<(String, String)>,
    ) -> Result<(), SinkError> {
        let stream = &batch.target;
        let mut script = redis::cmd("EVAL");
        script.arg(WRITE).arg(3).arg(stream).arg(format!("{{{stream}}}:latest")).arg(format!("{{{stream}}}:published"));
        script.arg(number(session)).arg(session.to_string()).arg(content).arg(u8::from(batch.again));
        script.arg(self.keep).arg(messages.len());
        for (name, value) in messages.iter().chain(&rows) {
            script.arg(name).arg(value);
        }
        script
            .query_async::<()>(&mut self.connection)
            .await
            .map_err(|error| SinkError::of(format!("Redis, stream `{stream}`"), &error))
    }
}

/// 2015-07-01 → 20150701.
fn number(session: NaiveDate) -> i64 {
    i64::from(session.year()) * 10_000 + i64::from(session.month() * 100 + session.day())
}

/// Of each row its key, and its fields with their values as a JSON list. What is missing is left out.
fn rows(batch: &SinkBatch, columns: &Columns, session: &SinkSession) -> Vec<(String, String)> {
    let mut rows = Vec::with_capacity(session.rows);
    if batch.key.is_empty() {
        // Rows that nothing tells apart have no latest one.
        return rows;
    }
    for row in session.offset..session.offset + session.rows {
        let mut key = Vec::new();
        let mut fields: Vec<String> = Vec::new();
        for (name, cell) in columns.named(row) {
            if batch.key.iter().any(|part| part == name) {
                key.push(cell.text().unwrap_or_default());
            }
            if let (false, Some(value)) = (cell == Cell::Missing, cell.text()) {
                fields.extend([name.to_owned(), value]);
            }
        }
        rows.push((key.join(":"), serde_json::Value::from(fields).to_string()));
    }
    rows
}
