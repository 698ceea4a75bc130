//! What of a program the spec hash covers: what is computed, and nothing of how it was written.
//!
//! Outputs stand in order, one a line, each fully parenthesized: `` `ret`=(($0.`close`/ref#1($0.`close`,20,1))-1) ``.
//! An input is named by its position, so that its alias may change; a function with the version of its algorithm,
//! so that a corrected algorithm recomputes what uses it; what a default gave is written out.
//! An operation with several uses stands in a line of its own before the outputs, as `t0=...`, because written out at
//! each use it could double with each column.

use crate::catalogue::identity;
use crate::program::{BinaryOp, Node, NodeId, Program, RecursiveFn, Type, UnaryOp};

/// A part of how a node is written.
pub(crate) enum Piece {
    Text(String),
    Operand(NodeId),
}

/// How a node is written, in terms of its operands.
pub(crate) fn pieces(node: &Node) -> Vec<Piece> {
    let text = |text: &str| Piece::Text(text.to_owned());
    let infix =
        |x: &NodeId, op: &str, y: &NodeId| vec![text("("), Piece::Operand(*x), text(op), Piece::Operand(*y), text(")")];
    match node {
        Node::Input { input, column, ty } => {
            let ty = match ty {
                Type::Number => "",
                Type::Bool => ":bool",
                Type::Category => ":text",
            };
            vec![Piece::Text(format!("${input}.{}{ty}", quoted(column)))]
        }
        // The shortest digits that give the same bits, never with an exponent.
        Node::Number(value) => vec![Piece::Text(value.to_string())],
        Node::Bool(value) => vec![Piece::Text(value.to_string())],
        Node::Unary { op: UnaryOp::Neg, x } => vec![text("(-"), Piece::Operand(*x), text(")")],
        Node::Unary { op: UnaryOp::Not, x } => vec![text("(not "), Piece::Operand(*x), text(")")],
        Node::Unary { .. } => call(node, &[]),
        Node::Binary { op, x, y } => match op {
            BinaryOp::Add => infix(x, "+", y),
            BinaryOp::Sub => infix(x, "-", y),
            BinaryOp::Mul => infix(x, "*", y),
            BinaryOp::Div => infix(x, "/", y),
            BinaryOp::Lt => infix(x, "<", y),
            BinaryOp::Le => infix(x, "<=", y),
            BinaryOp::Gt => infix(x, ">", y),
            BinaryOp::Ge => infix(x, ">=", y),
            BinaryOp::Eq => infix(x, "==", y),
            BinaryOp::Ne => infix(x, "!=", y),
            BinaryOp::And => infix(x, " and ", y),
            BinaryOp::Or => infix(x, " or ", y),
            BinaryOp::Pow | BinaryOp::Min | BinaryOp::Max | BinaryOp::Coalesce => call(node, &[]),
        },
        Node::If { .. } => call(node, &[]),
        Node::Window { n, min_periods, param, .. } => call(node, &[f64::from(*n), f64::from(*min_periods), *param]),
        // A column of groups is told from a regressor by its type.
        Node::Cross { param, .. } => call(node, &[*param]),
        Node::Recursive { f, params, part, .. } => {
            let mut pieces = match f {
                // The same function of all sessions is another one, as is another seed.
                RecursiveFn::Expanding(_) => vec![text("all.")],
                RecursiveFn::EmaFirst => vec![text("first.")],
                _ => Vec::new(),
            };
            pieces.extend(call(node, params));
            if *part > 0 {
                pieces.push(Piece::Text(format!(".{part}")));
            }
            pieces
        }
    }
}

/// `mean#1(x,20,1,0)`
fn call(node: &Node, numbers: &[f64]) -> Vec<Piece> {
    let (name, version) = identity(node);
    let mut pieces = vec![Piece::Text(format!("{name}#{version}("))];
    for (at, operand) in node.operands().into_iter().enumerate() {
        if at > 0 {
            pieces.push(Piece::Text(",".to_owned()));
        }
        pieces.push(Piece::Operand(operand));
    }
    let numbers: String = numbers.iter().map(|number| format!(",{number}")).collect();
    pieces.push(Piece::Text(numbers + ")"));
    pieces
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

impl Program {
    /// The normal form described at the top of this file. Two sets of columns have the same form exactly if they compute the
    /// same operations on the same columns of the same inputs, in the same order and under the same names.
    pub fn canonical(&self) -> String {
        let names = self.shared();
        let mut text = String::new();
        for (at, name) in names.iter().enumerate() {
            if let Some(name) = name {
                text.push_str(&format!("{name}="));
                self.write(NodeId(at as u32), &names, &mut text);
                text.push('\n');
            }
        }
        for output in &self.outputs {
            text.push_str(&format!("{}=", quoted(&output.name)));
            match &names[output.node.0 as usize] {
                Some(name) => text.push_str(name),
                None => self.write(output.node, &names, &mut text),
            }
            text.push('\n');
        }
        text
    }

    /// The names of the operations with several uses.
    fn shared(&self) -> Vec<Option<String>> {
        let mut uses = vec![0_u32; self.nodes.len()];
        for id in self.nodes.iter().flat_map(Node::operands).chain(self.outputs.iter().map(|output| output.node)) {
            uses[id.0 as usize] += 1;
        }
        let mut count = 0;
        let name = |(node, uses): (&Node, u32)| {
            (uses > 1 && !node.operands().is_empty()).then(|| {
                count += 1;
                format!("t{}", count - 1)
            })
        };
        self.nodes.iter().zip(uses).map(name).collect()
    }

    /// Writes a node and what is below it, down to the nodes that have names. Not by recursion, as a sum may have
    /// ten thousand terms.
    fn write(&self, root: NodeId, names: &[Option<String>], text: &mut String) {
        let mut stack = pieces(&self.nodes[root.0 as usize]);
        stack.reverse();
        while let Some(piece) = stack.pop() {
            match piece {
                Piece::Text(part) => text.push_str(&part),
                Piece::Operand(id) => match &names[id.0 as usize] {
                    Some(name) => text.push_str(name),
                    None => stack.extend(pieces(&self.nodes[id.0 as usize]).into_iter().rev()),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::compile::compile;
    use crate::program::{CrossFn, WindowFn};
    use crate::testing::{bars, columns, compile_one, typed_tree};

    fn canonical(sources: &[(&str, &str)]) -> String {
        compile(&columns(sources), &bars()).unwrap().canonical()
    }

    #[test]
    fn the_form_is_what_the_module_says() {
        assert_eq!(
            canonical(&[("ret", "close/ref(close,20) - 1"), ("z", "cs_zscore(-ret)")]),
            "t0=(($0.`close`/ref#1($0.`close`,20,0,0))-1)\n`ret`=t0\n`z`=cs_zscore#1((-t0),0)\n"
        );
        assert_eq!(
            canonical(&[
                ("a", "quantile(`adj close`, 5, 0.5) ^ -1e-3"),
                ("b", "not halted or max(open, close) < 1_000")
            ]),
            "`a`=power#1(quantile#1($0.`adj close`,5,1,0.5),-0.001)\n\
             `b`=((not $0.`halted`:bool) or (greater#1($0.`open`,$0.`close`)<1000))\n"
        );
    }

    #[test]
    fn what_changes_results_changes_the_form() {
        let base = canonical(&[("a", "mean(close, 20)"), ("b", "open")]);
        for other in [
            [("a", "mean(close, 21)"), ("b", "open")],
            [("a", "sum(close, 20)"), ("b", "open")],
            [("a", "mean(close, 20, min_periods=2)"), ("b", "open")],
            [("a", "mean(open, 20)"), ("b", "open")],
            [("a", "mean(close, 20) + 0"), ("b", "open")],
            [("c", "mean(close, 20)"), ("b", "open")],
            [("b", "open"), ("a", "mean(close, 20)")],
        ] {
            assert_ne!(canonical(&other), base, "{other:?}");
        }
        assert_ne!(canonical(&[("a", "(open - close) - 1")]), canonical(&[("a", "open - (close - 1)")]));
    }

    #[test]
    fn seeds_results_and_groups_change_the_form() {
        let pairs = [
            ("ema(close, 5)", "ema(close, 5, seed=first)"),
            ("supertrend(open, open, close).line", "supertrend(open, open, close).direction"),
            ("cs_rank(close)", "cs_rank(close, by=industry)"),
            ("mean(close, 0)", "mean(close, 1)"),
            ("kama(close, 5)", "kama(close, 6)"),
        ];
        for (one, other) in pairs {
            assert_ne!(canonical(&[("a", one)]), canonical(&[("a", other)]), "{one}");
        }
    }

    #[test]
    fn an_alias_of_an_input_may_change() {
        let of = |alias: &str, text: &str| {
            let mut inputs = bars();
            inputs[0].alias = alias.into();
            compile(&columns(&[("a", text)]), &inputs).unwrap().canonical()
        };
        assert_eq!(of("bars", "bars.close + open"), of("prices", "close + prices.open"));
    }

    #[test]
    fn columns_that_double_stay_small() {
        let names: Vec<String> = (0..16).map(|at| format!("c{at}")).collect();
        let mut sources = vec![(names[0].as_str(), "close + open".to_owned())];
        for pair in names.windows(2) {
            sources.push((pair[1].as_str(), format!("{0} * {0}", pair[0])));
        }
        let sources: Vec<(&str, &str)> = sources.iter().map(|(name, text)| (*name, text.as_str())).collect();
        assert!(canonical(&sources).len() < 1000);
    }

    #[test]
    fn every_operation_is_written_with_a_name_and_a_version() {
        let x = NodeId(0);
        let mut nodes = vec![Node::If { condition: x, then: x, otherwise: x }];
        {
            use UnaryOp::*;
            let all = [Abs, Log, Exp, Sqrt, Sign, Floor, Ceil, Round, Tanh, Atan, IsMissing];
            nodes.extend(all.map(|op| Node::Unary { op, x }));
            use BinaryOp::{Coalesce, Max, Min, Pow};
            nodes.extend([Pow, Min, Max, Coalesce].map(|op| Node::Binary { op, x, y: x }));
        }
        {
            use WindowFn::*;
            let all = [
                Ref, Roc, Sum, Mean, Std, Var, Min, Max, Median, Quantile, Rank, Count, Slope, Corr, Cov, Skew, Kurt,
                Mad, StdPop, VarPop, Product, ArgMax, ArgMin, Wma, RSquare, Resid, Fitted, EwmWindow,
            ];
            nodes.extend(all.map(|f| Node::Window { f, args: vec![x], n: 1, min_periods: 1, param: 0.0 }));
            let states = all.into_iter().filter(|f| f.has_expanding()).map(RecursiveFn::Expanding);
            nodes.extend(states.map(|f| Node::Recursive { f, args: vec![x], params: vec![1.0, 0.0], part: 0 }));
        }
        {
            use RecursiveFn::*;
            let all = [
                Ema, EmaFirst, Rma, WilderSum, Ewm, Kama, MacdLine, CumSum, CumProd, LastValid, FirstValid, BarsSince,
                Sar, Supertrend, SmaTdx, SmaFrom,
            ];
            nodes.extend(all.map(|f| Node::Recursive { f, args: vec![x], params: Vec::new(), part: 0 }));
        }
        {
            use CrossFn::*;
            let all = [
                Rank,
                ZScore,
                Demean,
                Winsorize,
                RobustZScore,
                Quantile,
                Scale,
                Mean,
                Std,
                Sum,
                Min,
                Max,
                Median,
                Count,
                Bucket,
                Neutralize,
            ];
            nodes.extend(all.map(|f| Node::Cross { f, args: vec![x], by: None, param: 0.0 }));
        }
        let mut written = std::collections::HashSet::new();
        for node in nodes {
            let start: String = pieces(&node)
                .iter()
                .map_while(|piece| match piece {
                    Piece::Text(text) => Some(text.as_str()),
                    Piece::Operand(_) => None,
                })
                .collect();
            assert!(start.ends_with("#1(") && start.len() > 3, "{node:?} is written {start}");
            assert!(written.insert(start.clone()), "{start} is written for two operations");
        }
    }

    proptest! {
        #[test]
        fn spaces_comments_and_redundant_parentheses_change_nothing(
            tree in typed_tree(),
            noise in prop::collection::vec(prop::sample::select(vec![" ", "\n", "\t \r\n", "\u{3000}", " # a (note\n"]), 1..9),
        ) {
            let expected = compile_one(&tree.text()).unwrap();
            let mut noisy = String::new();
            for (word, noise) in tree.words(true).iter().zip(noise.iter().cycle()) {
                noisy.push_str(noise);
                noisy.push_str(word);
            }
            let program = compile_one(&format!("({noisy})")).unwrap();
            prop_assert_eq!(program.canonical(), expected.canonical());
            prop_assert_eq!(program, expected);
        }

        #[test]
        fn forms_are_equal_only_if_programs_are(x in typed_tree(), y in typed_tree()) {
            let (x, y) = (compile_one(&x.text()).unwrap(), compile_one(&y.text()).unwrap());
            prop_assert_eq!(x == y, x.canonical() == y.canonical());
        }
    }
}
