//! Requests in the queue: what waits, runs and has ended, and what may be wanted of them.

use assetctl_store::{DaemonRow, NewRequest, RequestRow, RequestStatus, Store, Wanted};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ReadError;
use super::jobs::Asker;

/// The queue, and who works it.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Queue {
    /// Who works the queue; `null` if nobody does.
    pub daemon: Option<DaemonRow>,
    /// Those that wait, run or are paused, by age; then those that have ended, newest first.
    pub requests: Vec<RequestRow>,
}

/// What became of what was wanted of a request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RequestTold {
    pub request: u64,
    /// How it stood before, and how it stands now. One that runs is stopped by the daemon, within a second.
    pub before: RequestStatus,
    pub status: RequestStatus,
    pub message: String,
}

/// The queue with the newest `ended` of those that have ended.
pub fn queue(store: &Store, ended: usize) -> Result<Queue, ReadError> {
    let mut requests = store.open_requests()?;
    requests.extend(store.ended_requests(ended)?);
    Ok(Queue { daemon: store.daemon()?, requests })
}

/// The request of that number.
pub fn request(store: &Store, id: u64) -> Result<RequestRow, ReadError> {
    store.request(id)?.ok_or_else(|| there_is_none(id))
}

fn there_is_none(id: u64) -> ReadError {
    ReadError::unknown(format!("there is no request {id}"), Some("`assetctl queue` lists them"))
}

fn told(store: &Store, id: u64, before: RequestStatus, message: String) -> Result<RequestTold, ReadError> {
    Ok(RequestTold { request: id, before, status: request(store, id)?.status, message })
}

/// Cancels or pauses.
pub fn want(
    store: &Store,
    id: u64,
    wanted: Wanted,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<RequestTold, ReadError> {
    let before = store.want(id, wanted, now)?.ok_or_else(|| there_is_none(id))?;
    let (done, verb) = match wanted {
        Wanted::Cancel => ("cancelled", "cancel"),
        Wanted::Pause => ("paused", "pause"),
    };
    let message = match before {
        RequestStatus::Running if store.daemon()?.is_none() => {
            format!("request {id} is {done} as soon as a daemon finds it: the one that ran it is gone")
        }
        RequestStatus::Running => format!("request {id} stops"),
        RequestStatus::Paused if wanted == Wanted::Pause => format!("request {id} was paused before"),
        RequestStatus::Queued | RequestStatus::Paused => format!("request {id} is {done}"),
        ended => {
            let help = "`assetctl run retry` asks for the same again";
            let message = format!("request {id} has ended ({}): there is nothing to {verb}", ended.name());
            return Err(ReadError::conflict(message, Some(help)));
        }
    };
    told(store, id, before, message)
}

/// Lets a paused request go on.
pub fn resume(store: &Store, id: u64) -> Result<RequestTold, ReadError> {
    let was = request(store, id)?;
    let before = store.resume_request(id)?.ok_or_else(|| there_is_none(id))?;
    let message = match (before, was.wanted) {
        (RequestStatus::Paused, _) => format!("request {id} is in its place in the queue"),
        (RequestStatus::Running, Some(Wanted::Pause)) => format!("request {id} goes on"),
        (other, _) => {
            let help = "`assetctl run retry` asks for the same again";
            let message = format!("request {id} is not paused, it is {}", other.name());
            return Err(ReadError::conflict(message, Some(help)));
        }
    };
    told(store, id, before, message)
}

/// The same again, under a new number: what was committed meanwhile is not done twice, for it is not stale any more.
pub fn retry(store: &Store, id: u64, asker: Asker<'_>) -> Result<RequestTold, ReadError> {
    let row = request(store, id)?;
    if row.finished_at.is_none() {
        let help = "`assetctl run resume` lets a paused one go on";
        let message = format!("request {id} has not ended, it is {}", row.status.name());
        return Err(ReadError::conflict(message, Some(help)));
    }
    let before = row.status;
    let again = store.enqueue(&NewRequest {
        origin: asker.origin,
        of: asker.who.map(str::to_owned),
        why: format!("request {id} again, which was {}", before.name()),
        retry_of: Some(id),
        at: asker.now,
        job: row.job,
        resolved: row.resolved,
        due: None,
        priority: row.priority,
        claims: row.claims,
    })?;
    told(store, again, before, format!("request {again} does again what request {id} was for"))
}
