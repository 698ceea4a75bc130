//! Sessions as messages: JSON, in as many parts as it takes.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::batch::{SinkBatch, SinkSession};
use crate::cells::Columns;

/// What a message has besides its rows, about, in bytes.
const AROUND: usize = 1_024;

/// One message: its id, which is the same whenever it is sent again, and its text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub id: String,
    pub body: String,
}

/// The messages about a session, each of about `most` bytes at most. A single row is not cut.
pub(crate) fn messages(batch: &SinkBatch, columns: &Columns, session: &SinkSession, most: usize) -> Vec<Message> {
    let id = batch.message_id(session);
    let mut parts: Vec<Vec<Value>> = vec![Vec::new()];
    let mut size = AROUND;
    if batch.with_rows {
        for row in session.offset..session.offset + session.rows {
            // The session is said once for all.
            let named = columns.named(row).filter(|(name, _)| batch.is_static || *name != "session");
            let object: Map<String, Value> = named.map(|(name, cell)| (name.to_owned(), cell.json())).collect();
            let object = Value::Object(object);
            let bytes = object.to_string().len() + 1;
            if size + bytes > most && parts.last().is_some_and(|part| !part.is_empty()) {
                parts.push(Vec::new());
                size = AROUND;
            }
            size += bytes;
            if let Some(part) = parts.last_mut() {
                part.push(object);
            }
        }
    }
    let of = parts.len();
    let made = parts.into_iter().enumerate().map(|(at, rows)| {
        let mut body = head(batch, "published", session.session);
        body.insert("revision".to_owned(), session.revision.into());
        body.insert("content".to_owned(), session.content.as_str().into());
        body.insert("row_count".to_owned(), session.rows.into());
        body.insert("part".to_owned(), (at + 1).into());
        body.insert("parts".to_owned(), of.into());
        if batch.with_rows {
            body.insert("rows".to_owned(), rows.into());
        }
        Message { id: format!("{id}/{}", at + 1), body: Value::Object(body).to_string() }
    });
    made.collect()
}

/// The message that a session is no longer part of the asset.
pub(crate) fn removal(batch: &SinkBatch, session: NaiveDate) -> Message {
    let mut body = head(batch, "removed", session);
    body.insert("at".to_owned(), json!(batch.at));
    // A session may go, come again and go again.
    let id = format!("{}/{session}/removed/{}", batch.asset, batch.at.timestamp_micros());
    Message { id, body: Value::Object(body).to_string() }
}

fn head(batch: &SinkBatch, event: &str, session: NaiveDate) -> Map<String, Value> {
    let mut head = Map::new();
    head.insert("event".to_owned(), event.into());
    head.insert("asset".to_owned(), batch.asset.as_str().into());
    let session = if batch.is_static { Value::Null } else { session.to_string().into() };
    head.insert("session".to_owned(), session);
    head.insert("key".to_owned(), batch.key.clone().into());
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::batch;

    #[test]
    fn a_session_is_one_message_or_several_with_every_row_once() {
        let batch = batch("scores", &[("2015-07-01", 3, 40)]);
        let (columns, session) = (batch.columns().unwrap(), &batch.sessions[0]);
        let whole = messages(&batch, &columns, session, 1 << 20);
        let body: Value = serde_json::from_str(&whole[0].body).unwrap();
        assert_eq!(whole.len(), 1);
        assert_eq!(body["rows"][0], json!({ "instrument": "i000", "score": 0.0 }));
        assert_eq!((&body["part"], &body["parts"], &body["session"]), (&json!(1), &json!(1), &json!("2015-07-01")));
        let parts = messages(&batch, &columns, session, AROUND + 400);
        assert!(parts.len() > 3 && parts.iter().all(|part| part.body.len() < AROUND + 400));
        let rows: Vec<Value> = parts
            .iter()
            .flat_map(|part| serde_json::from_str::<Value>(&part.body).unwrap()["rows"].as_array().unwrap().clone())
            .collect();
        assert_eq!(Value::Array(rows), body["rows"]);
        let ids: std::collections::BTreeSet<&str> = parts.iter().map(|part| part.id.as_str()).collect();
        assert_eq!(ids.len(), parts.len());
        let tiny = messages(&batch, &columns, session, 1);
        assert_eq!(tiny.len(), 40);
    }

    #[test]
    fn without_rows_a_message_only_tells_of_the_session() {
        let batch = SinkBatch { with_rows: false, ..batch("scores", &[("2015-07-01", 3, 40)]) };
        let told = messages(&batch, &batch.columns().unwrap(), &batch.sessions[0], 1 << 20);
        let body: Value = serde_json::from_str(&told[0].body).unwrap();
        assert_eq!((told.len(), &body["row_count"], body.get("rows")), (1, &json!(40), None));
    }
}
