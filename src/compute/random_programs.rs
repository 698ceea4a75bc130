//! Programs made at random, of every kind of node.

use std::collections::BTreeSet;
use std::ops::Range;

use assetctl_expr::{BinaryOp, CrossFn, Node, NodeId, Output, Program, RecursiveFn, Type, UnaryOp, WindowFn};
use proptest::prelude::*;

use crate::WindowAxis;

const WINDOWS: [WindowFn; 28] = [
    WindowFn::Ref,
    WindowFn::Roc,
    WindowFn::Sum,
    WindowFn::Mean,
    WindowFn::Std,
    WindowFn::Var,
    WindowFn::Min,
    WindowFn::Max,
    WindowFn::Median,
    WindowFn::Quantile,
    WindowFn::Rank,
    WindowFn::Count,
    WindowFn::Slope,
    WindowFn::Corr,
    WindowFn::Cov,
    WindowFn::Skew,
    WindowFn::Kurt,
    WindowFn::Mad,
    WindowFn::StdPop,
    WindowFn::VarPop,
    WindowFn::Product,
    WindowFn::ArgMax,
    WindowFn::ArgMin,
    WindowFn::Wma,
    WindowFn::RSquare,
    WindowFn::Resid,
    WindowFn::Fitted,
    WindowFn::EwmWindow,
];
const RECURSIONS: [(RecursiveFn, &[f64]); 20] = [
    (RecursiveFn::Ema, &[4.0]),
    (RecursiveFn::EmaFirst, &[0.3]),
    (RecursiveFn::Rma, &[3.0]),
    (RecursiveFn::WilderSum, &[3.0]),
    (RecursiveFn::Ewm, &[0.4]),
    (RecursiveFn::Kama, &[3.0]),
    (RecursiveFn::MacdLine, &[2.0, 5.0]),
    (RecursiveFn::CumSum, &[]),
    (RecursiveFn::CumProd, &[]),
    (RecursiveFn::LastValid, &[]),
    (RecursiveFn::FirstValid, &[]),
    (RecursiveFn::BarsSince, &[]),
    (RecursiveFn::Sar, &[0.02, 0.2]),
    (RecursiveFn::Supertrend, &[3.0]),
    (RecursiveFn::SmaTdx, &[3.0, 1.0]),
    (RecursiveFn::SmaFrom, &[3.0, 50.0]),
    (RecursiveFn::Expanding(WindowFn::Mean), &[2.0, 0.0]),
    (RecursiveFn::Expanding(WindowFn::Std), &[2.0, 0.0]),
    (RecursiveFn::Expanding(WindowFn::Max), &[1.0, 0.0]),
    (RecursiveFn::Expanding(WindowFn::Skew), &[1.0, 0.0]),
];
const CROSSES: [CrossFn; 7] = [
    CrossFn::Rank,
    CrossFn::ZScore,
    CrossFn::Demean,
    CrossFn::Mean,
    CrossFn::Count,
    CrossFn::Bucket,
    CrossFn::Neutralize,
];

/// What decides on a node: its kind, its function, the operands and a number of rows.
pub(crate) type Gene = (u8, usize, [usize; 4], u32);

/// A program of inputs and a node for each gene. Over traded bars, windows and states stand below functions of all instruments.
pub(crate) fn program(genes: &[Gene], axis: WindowAxis) -> Program {
    let input = |input: usize, column: &str, ty| Node::Input { input, column: column.into(), ty };
    let mut nodes = vec![
        input(0, "industry", Type::Category),
        input(0, "close", Type::Number),
        input(0, "volume", Type::Number),
        input(0, "halted", Type::Bool),
        input(1, "rate", Type::Number),
        Node::Number(2.5),
    ];
    // constants stand before this one and the functions of all instruments behind it
    let mut above_cross = vec![false; nodes.len()];
    for (kind, function, picks, n) in genes {
        let may_look_across = axis == WindowAxis::Calendar;
        let pick = |at: usize, lane_wise: bool| {
            let choice: Vec<usize> = (1..nodes.len())
                .filter(|id| !matches!(nodes[*id], Node::Number(_)) && !(lane_wise && above_cross[*id]))
                .collect();
            // mostly what was made last, so that chains get long
            let back = picks[at] % (2 * choice.len());
            NodeId(choice[choice.len() - 1 - if back < choice.len() { back } else { back % 2 }] as u32)
        };
        let lane_wise = !may_look_across;
        let node = match kind % 10 {
            0 => {
                let ops = [UnaryOp::Neg, UnaryOp::Abs, UnaryOp::Log, UnaryOp::Not, UnaryOp::IsMissing, UnaryOp::Tanh];
                Node::Unary { op: ops[function % ops.len()], x: pick(0, false) }
            }
            1 | 2 => {
                use BinaryOp::{Add, And, Coalesce, Div, Gt, Max, Mul, Ne, Sub};
                let ops = [Add, Sub, Mul, Div, Max, Gt, Ne, And, Coalesce];
                let y = if picks[1] % 4 == 0 { NodeId(5) } else { pick(1, false) };
                Node::Binary { op: ops[function % ops.len()], x: pick(0, false), y }
            }
            3 => Node::If { condition: pick(0, false), then: pick(1, false), otherwise: pick(2, false) },
            4..=6 => {
                let f = WINDOWS[function % WINDOWS.len()];
                let two = matches!(f, WindowFn::Corr | WindowFn::Cov);
                let args = (0..1 + usize::from(two)).map(|at| pick(at, lane_wise)).collect();
                let param = match f {
                    WindowFn::Quantile | WindowFn::EwmWindow => 0.3,
                    _ => f64::from(picks[3] as u32 % 2),
                };
                Node::Window { f, args, n: *n, min_periods: 1 + picks[3] as u32 % 3, param }
            }
            7 | 8 => {
                let (f, params) = RECURSIONS[function % RECURSIONS.len()];
                let count = match f {
                    RecursiveFn::Sar => 2,
                    RecursiveFn::Supertrend => 4,
                    _ => 1,
                };
                let args = (0..count).map(|at| pick(at, lane_wise)).collect();
                Node::Recursive { f, args, params: params.to_vec(), part: 0 }
            }
            _ => {
                let f = CROSSES[function % CROSSES.len()];
                let args = (0..1 + usize::from(f == CrossFn::Neutralize)).map(|at| pick(at, false)).collect();
                let by = (picks[2] % 2 == 0).then_some(NodeId(0));
                Node::Cross { f, args, by, param: 2.0 }
            }
        };
        let across = matches!(node, Node::Cross { .. });
        above_cross.push(across || node.operands().iter().any(|operand| above_cross[operand.0 as usize]));
        nodes.push(node);
    }
    // the last node, and what nothing reads
    let read: BTreeSet<u32> = nodes.iter().flat_map(Node::operands).map(|id| id.0).collect();
    let ends = (6..nodes.len() as u32).filter(|id| !read.contains(id));
    let outputs = ends.map(|id| Output { name: format!("x{id}"), node: NodeId(id), ty: Type::Number });
    Program { outputs: outputs.collect(), nodes }
}

pub(crate) fn genes(count: Range<usize>) -> impl Strategy<Value = Vec<Gene>> {
    proptest::collection::vec((any::<u8>(), any::<usize>(), any::<[usize; 4]>(), 1..7_u32), count)
}
