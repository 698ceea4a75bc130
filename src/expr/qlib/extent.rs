//! How many rows Qlib loads for a query of one day, and from which of them each `EMA` of an expression is computed.
//!
//! Qlib's `EMA` is a recursion over what happens to be loaded: for a query of one day the rows that `get_extended_window_size` of
//! the whole expression asks for. That is a function of the data where the value of the `EMA` is needed on one row alone.

use super::bind::{Call, Length};
use super::operators::Meaning;
use crate::ast::{Ast, ExprKind};

/// For each expression, the rows up to its own that a query of one day loads; `None` where its value is needed on several rows, which
/// have different numbers of rows before them.
pub(crate) fn rows_loaded(ast: &Ast, calls: &[Option<Call>]) -> Vec<Option<u32>> {
    let before: Vec<u32> = extents(ast, calls);
    let mut rows: Vec<Option<u32>> = vec![None; ast.exprs.len()];
    if let (Some(last), Some(loaded)) = (rows.last_mut(), before.last()) {
        *last = Some(loaded + 1);
    }
    for at in (0..ast.exprs.len()).rev() {
        let own = rows[at];
        match &ast.exprs[at].kind {
            ExprKind::Unary { x, .. } => rows[x.0] = own,
            ExprKind::Binary { x, y, .. } => (rows[x.0], rows[y.0]) = (own, own),
            ExprKind::Call { .. } => {
                let Some(call) = &calls[at] else { continue };
                let below = match (call.operator.meaning, call.length) {
                    (Meaning::Ref, Some(Length::Rows(n))) => own.map(|own| own.saturating_sub(n)),
                    (_, Some(_)) => None,
                    (_, None) => own,
                };
                for operand in &call.operands {
                    rows[operand.0] = below;
                }
            }
            _ => {}
        }
    }
    rows
}

/// The rows before its own that each expression makes Qlib load: its `get_extended_window_size`.
fn extents(ast: &Ast, calls: &[Option<Call>]) -> Vec<u32> {
    let mut before: Vec<u32> = Vec::with_capacity(ast.exprs.len());
    for (expr, call) in ast.exprs.iter().zip(calls) {
        before.push(match &expr.kind {
            ExprKind::Unary { x, .. } => before[x.0],
            ExprKind::Binary { x, y, .. } => before[x.0].max(before[y.0]),
            _ => call.as_ref().map_or(0, |call| {
                let below = call.operands.iter().map(|operand| before[operand.0]).max().unwrap_or(0);
                let own = match (call.operator.meaning, call.length) {
                    (_, None | Some(Length::All)) => 0,
                    (Meaning::Ref, Some(Length::Rows(n))) => n,
                    (_, Some(Length::Rows(n))) => n - 1,
                    (_, Some(Length::Alpha(alpha))) => rows_of_alpha(alpha) - 1,
                };
                below.saturating_add(own)
            }),
        });
    }
    before
}

/// The rows after which a weight is below a millionth: what Qlib loads for an exponentially weighted mean by its alpha.
fn rows_of_alpha(alpha: f64) -> u32 {
    ((1e-6_f64.ln() / (1.0 - alpha).ln()) as u32).max(1)
}
