//! One asset of a run: settle what is stale, make it batch by batch, check it, commit it.

mod asking;
mod shape;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use assetctl_calendar::SessionRange;
use assetctl_config::{Asset, Check, Project};
use assetctl_connect::{Fetch, Progress, Scan};
use assetctl_graph::{AssetNode, Axis, Graph};
use assetctl_plan::{AssetPlan, Fingerprints, Hash128, Observation, RecordCache, date_of, ix_of, settle};
use assetctl_store::{AssetLocks, Commit, Lanes, NewPartition, RunId, Snapshot, Store};
use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::*;
use tokio::sync::mpsc::UnboundedSender;

use crate::batch::{self, AtOnce};
use crate::cancel::Cancel;
use crate::event::{AssetReport, AssetStatus, RunEvent};
use crate::judge::{Complaint, Verdict, leave_what_follows};
use crate::kinds::{Asking, Batch, Made, MakeError, Materializer, as_of, materializer};
use crate::{lanes, observe, usage};

pub use asking::Missing;

/// Everything that one asset's work needs.
pub struct Job {
    pub project: Arc<Project>,
    pub graph: Arc<Graph>,
    pub store: Arc<Store>,
    pub run: RunId,
    pub plan: AssetPlan,
    pub scan: Option<Arc<Mutex<Scan>>>,
    pub observation: Option<Observation>,
    /// Who is asked, of a source that has to be.
    pub fetcher: Option<Arc<dyn Fetch>>,
    /// The instant that decided which sessions are final; for what is asked for, of now.
    pub now: DateTime<Utc>,
    /// What inputs could not make yet.
    pub missing: Vec<Missing>,
    pub asked_batch: Option<usize>,
    /// Who is asked for where a session is forced; none for all.
    pub instruments: Vec<String>,
    /// Bytes that the run may work in.
    pub memory: u64,
    /// Threads that this asset's work may be spread over.
    pub threads: usize,
    pub cancel: Cancel,
    pub events: UnboundedSender<RunEvent>,
    /// The instant that goes into records.
    pub clock: fn() -> DateTime<Utc>,
    /// On every asset of the run.
    #[expect(dead_code, reason = "held for the locks, which fall with the last who has them")]
    pub locks: Arc<AssetLocks>,
}

/// A batch that was made and checked, with the snapshot that it was made from.
struct Ready {
    snapshot: Snapshot,
    /// Without what a check refuses.
    made: Made,
    verdict: Verdict,
    /// Where the answers lie that it was made from.
    spool: Option<PathBuf>,
    /// Why it is not all of the batch.
    failed: Option<MakeError>,
}

#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error(transparent)]
    Make(#[from] MakeError),
    #[error(transparent)]
    Store(#[from] assetctl_store::Error),
    #[error("a batch took longer than its `timeout:`")]
    Late,
}

impl Job {
    /// Does the work, in this thread. What went wrong is in the report.
    pub fn run(self) -> AssetReport {
        let (started, cpu) = (Instant::now(), usage::cpu_seconds());
        let mut report = AssetReport::new(&self.plan.asset, AssetStatus::Ok);
        let mut complaints = Vec::new();
        let done = self.work(&mut report, &mut complaints).map_err(|error| match error {
            JobError::Make(MakeError::AsOf(mistake)) => {
                let placed = as_of::placed(&self.project, &self.graph, self.plan.node).map(Box::new);
                placed.map_or(MakeError::AsOf(mistake), MakeError::Source).into()
            }
            other => other,
        });
        match done {
            Ok(()) if !report.refused.is_empty() => {
                report.status = AssetStatus::Failed;
                report.check_failed = true;
                report.error = Complaint::summary(&complaints);
            }
            Ok(()) if report.ran.is_empty() && report.dropped == 0 => {
                let waits = !report.waits.is_empty();
                report.status = if waits { AssetStatus::Waits } else { AssetStatus::Unchanged };
            }
            Ok(()) => {}
            Err(JobError::Make(MakeError::Cancelled)) => report.status = AssetStatus::Cancelled,
            Err(error) => {
                report.status = AssetStatus::Failed;
                report.error = Some(error.to_string());
                if let JobError::Make(MakeError::Source(mistakes)) = error {
                    report.mistakes = Some(mistakes);
                }
            }
        }
        report.ran.sort_unstable();
        report.refused.sort_unstable();
        report.seconds = started.elapsed().as_secs_f64();
        report.cpu_seconds = usage::cpu_seconds().zip(cpu).map(|(after, before)| after - before);
        report.peak_memory = usage::peak_memory();
        report
    }

    pub fn node(&self) -> &AssetNode {
        self.graph.node(self.plan.node)
    }

    fn asset(&self) -> &Asset {
        &self.project.assets[self.node().asset]
    }

    fn work(&self, report: &mut AssetReport, complaints: &mut Vec<Complaint>) -> Result<(), JobError> {
        let materializer = materializer(self.node());
        let mut announced = false;
        // Partitions that went with a segment file which turned out to be unreadable: they were not announced, but they are this
        // run's to make again.
        let mut lost: BTreeSet<NaiveDate> = BTreeSet::new();
        loop {
            let snapshot = self.store.snapshot()?;
            let of_table = as_of::observe(&self.graph, self.plan.node, &snapshot)?;
            // What a plan saw of a table may have changed since; of files it has not.
            let observation = if self.node().is_as_of() { of_table.as_ref() } else { self.observation.as_ref() };
            let settled = settle(&self.graph, &snapshot, observation, &self.plan)?;
            let gone = report.ran.iter().chain(&report.untaken).chain(&report.refused);
            let done: BTreeSet<NaiveDate> = gone.copied().collect();
            let mut sessions: Vec<NaiveDate> =
                settled.sessions.into_iter().filter(|session| !done.contains(session)).collect();
            self.leave_what_waits(&mut sessions, report);
            sessions.extend(settled.others.iter().filter(|session| lost.contains(session)));
            sessions.sort_unstable();
            leave_what_follows(self.node(), &mut sessions, report);
            if !announced {
                self.tell(RunEvent::AssetStarted { asset: self.plan.asset.clone(), sessions: sessions.len() as u32 });
                announced = true;
            }
            if sessions.is_empty() {
                let whole = settled.whole && report.refused.is_empty() && report.waits.is_empty();
                self.note_what_waits(report);
                return self.finish(&snapshot, whole, report);
            }
            let shape = self.shape(&snapshot, materializer.as_ref());
            // A snapshot keeps the ledger's log from shrinking.
            drop(snapshot);
            let position = |date| ix_of(self.node(), date).map_or(0, |ix| ix.0);
            let batches = match &self.fetcher {
                Some(fetcher) => {
                    let at_once = AtOnce { most: fetcher.sessions_at_once(), by_month: fetcher.is_one_by_one() };
                    batch::split_asked(&sessions, at_once, shape, position)
                }
                None => batch::split(&sessions, shape, position),
            };
            self.forget_answers_if_forced()?;
            lost.extend(self.batches(materializer.as_ref(), &batches, report, complaints)?);
        }
    }

    /// Makes batches and commits them, each while the next one is made if that does not need it. Gives the partitions that the commits
    /// found lost.
    fn batches(
        &self,
        materializer: &dyn Materializer,
        batches: &[Vec<NaiveDate>],
        report: &mut AssetReport,
        complaints: &mut Vec<Complaint>,
    ) -> Result<Vec<NaiveDate>, JobError> {
        // What is recursive goes no further than to the first session that is refused.
        let stops =
            |batch: &Ready| batch.failed.is_some() || self.node().recursive && !batch.verdict.refused.is_empty();
        let reads_back = self.node().checks.iter().any(Check::reads_back);
        let next = |at: usize| batches.get(at + 1).and_then(|batch| batch.first().copied());
        if batches.len() == 1 || materializer.follows() || reads_back {
            let mut lost = Vec::new();
            for (at, sessions) in batches.iter().enumerate() {
                let batch = self.make(materializer, sessions, next(at))?;
                let is_last = stops(&batch);
                lost.extend(self.finish_batch(batch, report, complaints)?);
                if is_last {
                    break;
                }
            }
            return Ok(lost);
        }
        std::thread::scope(|scope| {
            // Without a buffer: one batch is made while one is written, and no third waits.
            let (ready, finished) = std::sync::mpsc::sync_channel::<Ready>(0);
            let writer = scope.spawn(move || -> Result<Vec<NaiveDate>, JobError> {
                let mut lost = Vec::new();
                for batch in finished {
                    lost.extend(self.finish_batch(batch, report, complaints)?);
                }
                Ok(lost)
            });
            let mut made = Ok(());
            for (at, sessions) in batches.iter().enumerate() {
                match self.make(materializer, sessions, next(at)) {
                    Ok(batch) => {
                        let is_last = stops(&batch);
                        if ready.send(batch).is_err() || is_last {
                            // Or the writer is gone: it failed, and says of what.
                            break;
                        }
                    }
                    Err(error) => {
                        made = Err(error);
                        break;
                    }
                }
            }
            drop(ready);
            let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let lost = written?;
            made.map(|()| lost)
        })
    }

    /// Makes and checks one batch.
    fn make(
        &self,
        materializer: &dyn Materializer,
        sessions: &[NaiveDate],
        next: Option<NaiveDate>,
    ) -> Result<Ready, JobError> {
        let common = &self.asset().common;
        let cancel = self.cancel.within(common.timeout.as_ref().map(|span| span.to_std()));
        let snapshot = self.store.snapshot()?;
        let spool = self.spool(sessions)?;
        let progress = |progress: Progress| self.tell_progress(progress);
        let asking = self.fetcher.as_deref().zip(spool.as_deref()).map(|(fetcher, spool)| Asking {
            fetcher,
            asked: self.observation.as_ref().and_then(|seen| seen.asked.as_ref()),
            now: self.now.min((self.clock)()),
            only: &self.instruments,
            spool,
            progress: &progress,
        });
        let batch = Batch {
            graph: &self.graph,
            node: self.node(),
            asset: self.asset(),
            sessions,
            next,
            snapshot: &snapshot,
            store: &self.store,
            plan: &self.plan,
            threads: self.threads,
            scan: self.scan.as_deref(),
            asking,
            cancel: &cancel,
        };
        let mut tries_left = common.retries.unwrap_or(0);
        let mut made = loop {
            batch.check_cancel()?;
            match materializer.make(&batch) {
                Ok(Made { failed: Some(error), .. }) if tries_left > 0 && !error.is_final() => {
                    tries_left -= 1;
                    tracing::warn!(asset = self.plan.asset, %error, tries_left, "a batch failed in part and is tried again");
                }
                Ok(made) => break made,
                Err(MakeError::Cancelled) if cancel.is_late() => return Err(JobError::Late),
                Err(MakeError::Cancelled) => return Err(MakeError::Cancelled.into()),
                Err(error) if tries_left == 0 || error.is_final() => return Err(error.into()),
                Err(error) => {
                    tries_left -= 1;
                    tracing::warn!(asset = self.plan.asset, %error, tries_left, "a batch failed and is tried again");
                }
            }
        };
        let failed = made.failed.take();
        let verdict = Verdict::of(self, &batch, &mut made)?;
        batch.check_cancel()?;
        Ok(Ready { snapshot, made, verdict, spool, failed })
    }

    /// Commits what was made. Gives the partitions that the commit found lost.
    fn finish_batch(
        &self,
        batch: Ready,
        report: &mut AssetReport,
        complaints: &mut Vec<Complaint>,
    ) -> Result<Vec<NaiveDate>, JobError> {
        // What was asked for is kept all the same: nobody should be asked twice.
        if self.fetcher.is_none() && self.cancel.is_set() {
            return Err(MakeError::Cancelled.into());
        }
        let Ready { snapshot, mut made, verdict, spool, failed } = batch;
        report.refused.extend(verdict.refused);
        complaints.extend(verdict.complaints);
        self.note(&mut made, report);
        let lost = if made.sessions.is_empty() {
            if let Some(fetches) = &made.fetches {
                self.store.record_fetches(self.run, &self.plan.asset, fetches)?;
            }
            Vec::new()
        } else {
            self.commit(&snapshot, made, report)?
        };
        if let Some(spool) = spool {
            // Taken or not: the next run asks again.
            self.store.discard_spool(&spool)?;
        }
        failed.map_or(Ok(lost), |error| Err(error.into()))
    }

    fn commit(&self, snapshot: &Snapshot, made: Made, report: &mut AssetReport) -> Result<Vec<NaiveDate>, JobError> {
        let partitions = self.partitions(snapshot, &made)?;
        report.computed += made.computed.unwrap_or(made.frame.height() as u64);
        let receipt = self.store.commit(Commit {
            dirty: made.dirty,
            frame: made.frame,
            key: made.key,
            carried: made.carried,
            fetches: made.fetches,
            partitions,
            sources: if report.ran.is_empty() { self.unsettled() } else { None },
            ..self.empty_commit(snapshot)
        })?;
        report.changed += receipt.changed.len() as u32;
        report.rows += receipt.rows;
        report.bytes += receipt.bytes;
        self.tell(RunEvent::BatchCommitted {
            asset: self.plan.asset.clone(),
            sessions: made.sessions.len() as u32,
            rows: receipt.rows,
            bytes: receipt.bytes,
        });
        report.ran.extend(made.sessions);
        report.metrics.extend(made.metrics);
        for (session, more) in made.lanes {
            lanes::add(report.lanes.entry(session).or_insert(Lanes::Some(BTreeSet::new())), &more);
        }
        Ok(receipt.lost)
    }

    /// See [`observe::unsettled`].
    fn unsettled(&self) -> Option<Vec<assetctl_store::SourceFileRow>> {
        let scan = self.scan.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        observe::unsettled(&scan)
    }

    fn empty_commit(&self, snapshot: &Snapshot) -> Commit<'_> {
        Commit {
            run: self.run,
            asset: &self.plan.asset,
            spec: self.plan.spec,
            wiring: self.plan.wiring,
            spec_text: &self.node().spec_text,
            key: Vec::new(),
            frame: DataFrame::empty(),
            partitions: Vec::new(),
            dirty: Vec::new(),
            drop: Vec::new(),
            read_rev: snapshot.rev(),
            verified: None,
            is_static: self.node().axis == Axis::Static,
            sources: None,
            carried: None,
            fetches: None,
            at: (self.clock)(),
        }
    }

    /// What each partition was built from.
    fn partitions(&self, snapshot: &Snapshot, made: &Made) -> Result<Vec<NewPartition>, JobError> {
        let (node, sessions) = (self.node(), &made.sessions);
        if let Some(known) = &made.inputs {
            let inputs = |session: &NaiveDate| known.get(session).copied().unwrap_or(Hash128::ZERO);
            let of = |session: &NaiveDate| NewPartition { session: *session, inputs: inputs(session) };
            return Ok(sessions.iter().map(of).collect());
        }
        if let Some(scan) = &self.scan {
            let digests: BTreeMap<NaiveDate, Hash128> =
                observe::digests(&scan.lock().unwrap_or_else(PoisonError::into_inner));
            let inputs = |session: &NaiveDate| digests.get(session).copied().unwrap_or(Hash128::ZERO);
            return Ok(sessions
                .iter()
                .map(|session| NewPartition { session: *session, inputs: inputs(session) })
                .collect());
        }
        let positions: Vec<_> = sessions.iter().filter_map(|session| ix_of(node, *session)).collect();
        let (Some(first), Some(last)) = (positions.iter().min(), positions.iter().max()) else { return Ok(Vec::new()) };
        let cache = RecordCache::new(&self.graph, snapshot);
        let fingerprints = Fingerprints::new(&cache, self.plan.node, SessionRange { first: *first, last: *last })?;
        Ok(positions
            .iter()
            .map(|ix| NewPartition { session: date_of(node, *ix), inputs: fingerprints.of(*ix) })
            .collect())
    }

    /// Notes what need not be looked at again: partitions that are no longer part of the asset, files as they were read, and,
    /// if nothing of the asset is stale any more, that it is clean.
    fn finish(&self, snapshot: &Snapshot, whole: bool, report: &mut AssetReport) -> Result<(), JobError> {
        if !self.plan.obsolete.is_empty() {
            self.store.commit(Commit { drop: self.plan.obsolete.clone(), ..self.empty_commit(snapshot) })?;
            report.dropped = self.plan.obsolete.len() as u32;
        }
        if self.fetcher.is_some() {
            self.store.discard_spool(&self.store.layout().spool(&self.plan.asset))?;
        }
        if whole {
            if let Some(scan) = &self.scan {
                let scan = scan.lock().unwrap_or_else(PoisonError::into_inner);
                self.store.replace_sources(&self.plan.asset, &observe::manifest(&scan))?;
            }
            self.store.mark_verified(&self.plan.asset, snapshot.rev(), self.plan.wiring)?;
        }
        Ok(())
    }

    pub fn tell(&self, event: RunEvent) {
        // Nobody may be listening any more: that is not this asset's business.
        let _ = self.events.send(event);
    }
}
