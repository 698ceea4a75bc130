//! Where batches go.

use assetctl_config::{DeclaredSink, SinkKind};
use futures::future::BoxFuture;

use crate::batch::SinkBatch;
use crate::error::SinkError;
use crate::{clickhouse, nats, objects, postgres, rabbitmq, redis};

/// A connection to a sink.
pub trait Sink: Send {
    /// Writes a batch: its sessions are there as a whole, in place of what they were, and those that went are not. What was written before
    /// and is written again is there once.
    ///
    /// # Errors
    /// It is not taken. It may have been, in part or as a whole: the same batch is written again later.
    fn write<'a>(&'a mut self, batch: &'a SinkBatch) -> BoxFuture<'a, Result<(), SinkError>>;
}

/// Connects to a sink.
///
/// # Errors
/// It cannot be reached, or a secret is not where it should be.
pub(crate) async fn open(sink: &DeclaredSink) -> Result<Box<dyn Sink>, SinkError> {
    assetctl_connect::choose_crypto();
    Ok(match sink.kind() {
        Some(SinkKind::Postgres(spec)) => Box::new(postgres::open(sink, spec).await?),
        Some(SinkKind::Clickhouse(spec)) => Box::new(clickhouse::open(sink, spec).await?),
        Some(SinkKind::Redis(spec)) => Box::new(redis::open(sink, spec).await?),
        Some(SinkKind::Rabbitmq(spec)) => Box::new(rabbitmq::open(sink, spec).await?),
        Some(SinkKind::Nats(spec)) => Box::new(nats::open(sink, spec).await?),
        Some(SinkKind::S3(spec)) => Box::new(objects::open_bucket(sink, spec)?),
        Some(SinkKind::Files(spec)) => Box::new(objects::open_folder(sink, spec)?),
        None => return Err(SinkError::new(format!("sink `{}` does not say what it is", sink.name))),
    })
}
