//! Functions of all instruments, session by session.

use std::sync::Mutex;

use assetctl_expr::{Node, NodeId};

use crate::evaluate::EvaluateError;
use crate::kernels::{self, Scratch};
use crate::parallel::{each, locked};
use crate::run::Run;
use crate::sink::Wide;
use crate::timeline::Timeline;

/// Sessions that a thread takes at once.
const CHUNK: usize = 8;

/// One operand of a session.
struct Row(Vec<f64>);

impl Row {
    /// The values of node `id` in session `row`.
    fn of<'s>(&'s mut self, run: &'s Run, id: NodeId, row: usize) -> &'s [f64] {
        let lanes = run.task.inputs.lanes();
        let id = id.0 as usize;
        if let Some(wide) = &run.wide[id] {
            return wide.row(row);
        }
        self.0.resize(lanes, f64::NAN);
        match (&run.schedule.columns[id], run.schedule.constant(id)) {
            (Some(column), _) => column.gather(row, 0..lanes, &mut self.0),
            (None, constant) => self.0.fill(constant.unwrap_or(f64::NAN)),
        }
        &self.0
    }
}

/// Evaluates a function of all instruments for its sessions from the first needed on, and leaves it where others find it.
///
/// # Errors
/// When the run is cancelled.
pub(crate) fn cross(run: &mut Run, timeline: &Timeline, id: usize) -> Result<(), EvaluateError> {
    let Node::Cross { f, args, by, param } = &run.schedule.nodes[id] else { return Ok(()) };
    let lanes = run.task.inputs.lanes();
    let rows = run.task.inputs.rows();
    let first = timeline.first[id].unwrap_or(rows).min(rows);
    let mut wide = Wide::new(first..rows, lanes).finish();
    let shared: &Run = run;
    if lanes > 0 {
        let chunks: Vec<Mutex<&mut [f64]>> = wide.values.chunks_mut(CHUNK * lanes).map(Mutex::new).collect();
        let operands =
            || (args.iter().map(|_| Row(Vec::new())).collect::<Vec<_>>(), Row(Vec::new()), Scratch::default());
        each(shared.task.threads, chunks.len(), operands, |(rows, groups, scratch), chunk| {
            if (shared.task.cancel)() {
                return Err(EvaluateError::Cancelled);
            }
            for (at, out) in locked(&chunks[chunk]).chunks_exact_mut(lanes).enumerate() {
                let row = first + chunk * CHUNK + at;
                let present = match &shared.compared {
                    Some(compared) => &compared[row * lanes..(row + 1) * lanes],
                    None => shared.task.inputs.present(row),
                };
                let args: Vec<&[f64]> =
                    rows.iter_mut().zip(args).map(|(values, id)| values.of(shared, *id, row)).collect();
                let by = by.map(|id| groups.of(shared, id, row));
                kernels::cross(*f, &args, by, present, *param, scratch, out);
            }
            Ok(())
        })?;
    }
    if run.schedule.output[id].is_some() {
        for block in 0..run.blocks() {
            let lanes = run.lanes(block);
            let from = run.task.inputs.written.start;
            let mut panel = vec![0.0; (rows - from) * lanes.range.len()];
            wide.gather(from, &lanes.range, &mut panel);
            run.mask(&lanes, from, &mut panel);
            run.put_output(id, &lanes, from, &panel);
        }
    }
    run.wide[id] = Some(wide);
    Ok(())
}
