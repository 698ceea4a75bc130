//! `indicators` and `scores`: a program over panels.
//!
//! - [`windowed`]: every session from its windows alone
//! - [`carried`]: session after session, from the state that the one before left
//! - [`states`], [`trace`]: states compared, exactly and by their hashes
//! - [`inputs`], [`bars`]: what is read of each input, as frames; how far back traded bars reach

mod bars;
mod carried;
pub(super) mod inputs;
mod states;
mod trace;
mod windowed;

use std::sync::{Arc, Mutex};

use assetctl_compute::WindowAxis;
use assetctl_expr::Program;

use super::{Batch, Made, MakeError, Materializer};

pub struct Columns {
    program: Arc<Program>,
    axis: WindowAxis,
    /// What the last batch has left for the next one to follow.
    pending: Mutex<Option<carried::Pending>>,
}

impl Columns {
    pub fn new(program: Arc<Program>, axis: WindowAxis) -> Self {
        Self { program, axis, pending: Mutex::new(None) }
    }
}

impl Materializer for Columns {
    fn make(&self, batch: &Batch<'_>) -> Result<Made, MakeError> {
        if batch.sessions.is_empty() {
            return Ok(Made::default());
        }
        if batch.node.recursive { self.carried(batch) } else { self.windowed(batch) }
    }

    fn columns(&self) -> usize {
        self.program.outputs.len()
    }

    fn follows(&self) -> bool {
        self.axis == WindowAxis::Traded || self.program.is_recursive()
    }
}
