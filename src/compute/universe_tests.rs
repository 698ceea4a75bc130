//! A universe bounds who is compared and who is in the result, and nothing else.

use assetctl_expr::{CrossFn, Node, NodeId, Output, Program, Type, WindowFn};
use polars::prelude::*;

use crate::evaluate::tests::task;
use crate::frame::tests::{day, panel_frame};
use crate::{Inputs, Members, Task, WindowAxis, evaluate};

fn output(name: &str, node: u32) -> Output {
    Output { name: name.into(), node: NodeId(node), ty: Type::Number }
}

fn window(f: WindowFn, x: u32, n: u32) -> Node {
    Node::Window { f, args: vec![NodeId(x)], n, min_periods: 1, param: 0.0 }
}

/// sum(close, 2), cs_rank(close), count(cs_rank(close), 2), 7
fn program() -> Program {
    Program {
        nodes: vec![
            Node::Input { input: 0, column: "close".into(), ty: Type::Number },
            window(WindowFn::Sum, 0, 2),
            Node::Cross { f: CrossFn::Rank, args: vec![NodeId(0)], by: None, param: 0.0 },
            window(WindowFn::Sum, 2, 2),
            Node::Number(7.0),
        ],
        outputs: vec![output("sum", 1), output("rank", 2), output("ranks", 3), output("seven", 4)],
    }
}

/// Three instruments on 2 to 4 January; b comes in on the 3rd, c goes after it.
fn inputs(program: &Program) -> Inputs {
    let keys: Vec<(u32, &str)> = (2..=4).flat_map(|day| ["a", "b", "c"].map(|name| (day, name))).collect();
    let bars = panel_frame(&keys, vec![Column::new("close".into(), [1.0, 3.0, 2.0, 1.0, 3.0, 2.0, 1.0, 3.0, 2.0])]);
    let members = [(2, "a"), (2, "c"), (3, "a"), (3, "b"), (3, "c"), (4, "a"), (4, "b"), (4, "absent")];
    let members = Members::of(&panel_frame(&members, vec![]), None).unwrap();
    let inputs = Inputs::from_frames(program, &[&bars], &[day(2), day(3), day(4)], 1..3, 0, None, &[]);
    inputs.unwrap().within(&members)
}

fn numbers(df: &DataFrame, name: &str) -> Vec<f64> {
    df.column(name).unwrap().f64().unwrap().iter().map(|value| value.unwrap_or(f64::NAN)).collect()
}

#[test]
fn windows_read_what_was_before_and_ranks_compare_members_of_the_day() {
    let program = program();
    let df = evaluate(&task(&program, &inputs(&program))).unwrap().to_frame().unwrap();
    let keys = panel_frame(&[(3, "a"), (3, "b"), (3, "c"), (4, "a"), (4, "b")], vec![]);
    assert!(df.select(["session", "instrument"]).unwrap().equals(&keys), "{df}");
    // b was no member on the 2nd, and its close of that day counts.
    assert_eq!(numbers(&df, "sum"), [2.0, 6.0, 4.0, 2.0, 6.0]);
    let third = 1.0 / 3.0;
    assert_eq!(numbers(&df, "rank"), [third, 1.0, 2.0 * third, 0.5, 1.0]);
    // It had no rank then; c had, among two.
    assert_eq!(numbers(&df, "ranks"), [0.5 + third, 1.0, 1.0 + 2.0 * third, third + 0.5, 2.0]);
    assert_eq!(numbers(&df, "seven"), [7.0; 5]);
}

#[test]
fn over_traded_bars_it_is_the_same() {
    let program = Program { nodes: program().nodes[..3].to_vec(), outputs: vec![output("sum", 1), output("rank", 2)] };
    let inputs = inputs(&program);
    let traded = Task { axis: WindowAxis::Traded, ..task(&program, &inputs) };
    let evaluated = evaluate(&traded).unwrap();
    let df = evaluated.to_frame().unwrap();
    assert_eq!(numbers(&df, "sum"), [2.0, 6.0, 4.0, 2.0, 6.0]);
    assert_eq!(numbers(&df, "rank")[3..], [0.5, 1.0]);
    // What is carried is known of every instrument with a row: it may come in later.
    assert_eq!(evaluated.trace().unwrap().height(), 6);
}
