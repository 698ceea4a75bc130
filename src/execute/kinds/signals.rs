//! `signals`: target positions from scores.

use assetctl_compute::top_k;

use super::universe::members_of;
use super::{Batch, Made, MakeError, Materializer, instrument_key, runs};

pub struct TopK {
    by: String,
    k: u32,
    weights: assetctl_compute::Weights,
}

impl TopK {
    pub fn new(spec: &assetctl_config::TopK) -> Self {
        let weights = match spec.weights {
            assetctl_config::Weights::Equal => assetctl_compute::Weights::Equal,
            assetctl_config::Weights::Rank => assetctl_compute::Weights::Rank,
        };
        Self { by: spec.by.clone(), k: spec.k, weights }
    }
}

impl Materializer for TopK {
    fn make(&self, batch: &Batch<'_>) -> Result<Made, MakeError> {
        let edge = &batch.node.edges[0];
        let mut chosen: Option<polars::prelude::DataFrame> = None;
        // Sessions one by one: only these are asked for, and each is chosen by itself.
        for (from, to) in runs(batch.node, batch.sessions) {
            batch.check_cancel()?;
            let Some((from, to)) = batch.window(edge, from, to) else { continue };
            let mut scores = batch.read(edge, from, to)?;
            if let Some(universe) = &batch.node.universe {
                scores = members_of(batch.reading(), universe, &scores)?;
            }
            let made = top_k(&scores, &self.by, self.k, self.weights)?;
            match &mut chosen {
                Some(all) => {
                    all.vstack_mut(&made)?;
                }
                None => chosen = Some(made),
            }
        }
        let frame = chosen.unwrap_or_default();
        let key = instrument_key(&frame);
        Ok(Made { frame, sessions: batch.sessions.to_vec(), key, ..Made::default() })
    }
}
