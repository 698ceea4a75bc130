//! `source` and `table`: rows as the files hold them.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use assetctl_config::{Asset, Kind};
use polars::prelude::*;

use super::{Batch, Made, MakeError, Materializer, bar_key, instrument_key};
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
        let frame = in_our_units(frame, batch.asset)?;
        let key = match &batch.asset.kind {
            Kind::Table(spec) => spec.key.as_ref().map(|key| key.as_slice().to_vec()).unwrap_or_default(),
            Kind::Source(spec) if spec.time.is_some() => bar_key(&frame),
            _ => instrument_key(&frame),
        };
        Ok(Made { frame, sessions: batch.sessions.to_vec(), key, ..Made::default() })
    }
}

/// Numbers times what one of their units is in ours.
fn in_our_units(frame: DataFrame, asset: &Asset) -> Result<DataFrame, MakeError> {
    let units = match &asset.kind {
        Kind::Source(spec) => &spec.files.units,
        Kind::Table(spec) => &spec.files.units,
        _ => return Ok(frame),
    };
    if units.is_empty() {
        return Ok(frame);
    }
    let mut columns = frame.columns().to_vec();
    for column in &mut columns {
        if let Some(unit) = units.get(column.name().as_str()) {
            let numbers = column.cast(&DataType::Float64)?;
            let times = numbers.f64()?.iter().map(|value| value.map(|value| value * unit));
            *column = Float64Chunked::from_iter_options(column.name().clone(), times).into_column();
        }
    }
    Ok(DataFrame::new(frame.height(), columns)?)
}
