//! `source` and `table`: rows as the files hold them.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use assetctl_config::Kind;

use super::{Batch, Made, MakeError, Materializer, instrument_key};
use crate::observe::file_source;

pub struct Files;

impl Materializer for Files {
    fn make(&self, batch: &Batch<'_>) -> Result<Made, MakeError> {
        let (Some(source), Some(scan)) = (file_source(batch.asset, None), batch.scan) else {
            return Err(MakeError::Io(std::io::Error::other("the files were not looked at")));
        };
        let mut scan = scan.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions: BTreeSet<_> = batch.sessions.iter().copied().collect();
        let frame = assetctl_connect::read(&source, &mut scan, |session| sessions.contains(&session))
            .map_err(|error| MakeError::Source(Box::new(error)))?;
        let key = match &batch.asset.kind {
            Kind::Table(spec) => spec.key.as_ref().map(|key| key.as_slice().to_vec()).unwrap_or_default(),
            _ => instrument_key(&frame),
        };
        Ok(Made { frame, sessions: batch.sessions.to_vec(), key, ..Made::default() })
    }
}
