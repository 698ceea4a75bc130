//! How often jobs end well, and how long they take.

use std::collections::BTreeMap;

use assetctl_store::{RequestRow, RequestStatus};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// Of so many requests that ended last, statistics are made.
pub const COUNTED: usize = 10_000;

/// How the requests of a job have ended.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct JobStatistics {
    pub job: String,
    pub succeeded: u32,
    pub failed: u32,
    pub cancelled: u32,
    /// Of those that succeeded or failed; `null` where there is none.
    pub success_rate: Option<f64>,
    /// How often an attempt failed and was followed by another.
    pub retries: u32,
    /// Of those that succeeded, how long the last attempt took.
    pub median_seconds: Option<f64>,
    pub p95_seconds: Option<f64>,
    pub longest_seconds: Option<f64>,
    /// How long the newest of them took, the newest first.
    pub newest_seconds: Vec<f64>,
    pub last: Option<DateTime<Utc>>,
}

/// By job. `ended` has the newest first.
pub fn statistics(ended: &[RequestRow]) -> Vec<JobStatistics> {
    let mut by_job: BTreeMap<&str, Vec<&RequestRow>> = BTreeMap::new();
    for row in ended {
        by_job.entry(&row.job).or_default().push(row);
    }
    by_job
        .into_iter()
        .map(|(job, rows)| {
            let of = |status| rows.iter().filter(move |row| row.status == status);
            let count = |status| of(status).count() as u32;
            let took: Vec<f64> = of(RequestStatus::Succeeded).filter_map(|row| seconds(row)).collect();
            let mut sorted = took.clone();
            sorted.sort_by(f64::total_cmp);
            // The nearest rank.
            let rank = |part: f64| {
                let at = (part * sorted.len() as f64).ceil() as usize;
                sorted.get(at.saturating_sub(1)).copied()
            };
            let (succeeded, failed) = (count(RequestStatus::Succeeded), count(RequestStatus::Failed));
            let judged = succeeded + failed;
            JobStatistics {
                job: job.to_owned(),
                succeeded,
                failed,
                cancelled: count(RequestStatus::Cancelled),
                success_rate: (judged > 0).then(|| f64::from(succeeded) / f64::from(judged)),
                retries: rows.iter().map(|row| row.attempt.saturating_sub(1)).sum(),
                median_seconds: rank(0.5),
                p95_seconds: rank(0.95),
                longest_seconds: sorted.last().copied(),
                newest_seconds: took.into_iter().take(10).collect(),
                last: rows.first().and_then(|row| row.finished_at),
            }
        })
        .collect()
}

fn seconds(row: &RequestRow) -> Option<f64> {
    Some((row.finished_at? - row.started_at?).num_milliseconds() as f64 / 1000.0)
}
