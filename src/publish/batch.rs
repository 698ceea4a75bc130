//! What a sink is given: whole sessions of one asset.

use assetctl_store::Publishable;
use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::DataFrame;

use crate::cells::Columns;
use crate::error::SinkError;

/// One partition within a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkSession {
    pub session: NaiveDate,
    /// The commit at which its content last moved.
    pub revision: u64,
    /// The hash of what is published of it: 32 hexadecimal digits.
    pub content: String,
    /// Of the batch's rows, where its own begin.
    pub offset: usize,
    /// How many it has.
    pub rows: usize,
}

/// Whole sessions of one asset: those that are new or have changed, and those that went.
#[derive(Debug, Clone)]
pub struct SinkBatch {
    pub asset: String,
    /// The table, stream, subject or folder.
    pub target: String,
    /// The columns that identify a row within its session.
    pub key: Vec<String>,
    /// Whether the asset has no sessions: its one partition is that of 1970-01-01, and its rows have no column `session`.
    pub is_static: bool,
    /// Ascending.
    pub sessions: Vec<SinkSession>,
    /// Sessions that are no longer part of the asset.
    pub gone: Vec<NaiveDate>,
    /// `session` (unless static), the key, the other columns: the rows of all `sessions`, in order.
    pub rows: DataFrame,
    /// Whether messages carry rows.
    pub with_rows: bool,
    /// Written also where the sink has it already.
    pub again: bool,
    /// The instant of publishing.
    pub at: DateTime<Utc>,
}

impl SinkBatch {
    /// The rows as cells.
    pub(crate) fn columns(&self) -> Result<Columns, SinkError> {
        Columns::of(&self.rows)
    }

    /// Every session that is touched: those with rows, then those that went.
    pub(crate) fn touched(&self) -> Vec<NaiveDate> {
        self.sessions.iter().map(|session| session.session).chain(self.gone.iter().copied()).collect()
    }

    /// The same with only those of its sessions that are asked for. The rows stay: sessions know theirs.
    pub(crate) fn only(&self, wanted: impl Fn(&SinkSession) -> bool) -> Vec<&SinkSession> {
        self.sessions.iter().filter(|session| wanted(session)).collect()
    }

    /// What identifies a message about a session: the same whenever it is sent again for the same reason.
    pub(crate) fn message_id(&self, session: &SinkSession) -> String {
        let again = if self.again { format!("/again-{}", self.at.timestamp_micros()) } else { String::new() };
        format!("{}/{}/{}/{}{again}", self.asset, session.session, session.revision, session.content)
    }
}

/// The sessions of a batch, from the partitions that it is of, in order.
pub(crate) fn sessions_of(partitions: &[Publishable]) -> Vec<SinkSession> {
    let mut offset = 0;
    let mut sessions = Vec::with_capacity(partitions.len());
    for partition in partitions {
        let rows = partition.rows as usize;
        sessions.push(SinkSession {
            session: partition.session,
            revision: partition.rev,
            content: hex(&partition.content),
            offset,
            rows,
        });
        offset += rows;
    }
    sessions
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
