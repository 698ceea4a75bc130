//! Rules of `resample`.

use super::Rules;
use crate::spec::{Aggregate, BarLength, Gaps, ResampleSpec};

/// Columns that the bars have in any case.
const KEYS: [&str; 3] = ["session", "instrument", "time"];

impl Rules<'_> {
    pub(super) fn resample(&mut self, spec: &ResampleSpec) {
        if let BarLength::Span(span) = spec.every {
            let seconds = span.to_std().as_secs();
            if seconds == 0 || seconds > 86_400 {
                let message = format!("a bar cannot be {span} long");
                self.error(message, &["every"], "the length of a bar", "write `5m`, `1h`, or `session`");
            }
        } else if spec.gaps == Gaps::Carry {
            let help = "bars of sessions are made gap-free by an asset of kind `complete`";
            self.error("a session has no gaps within it", &["gaps"], "has no meaning here", help);
        }
        self.same_but_case(spec.columns.keys(), &["columns"]);
        for (name, column) in spec.columns.iter() {
            self.column_name(name, &["columns", name]);
            if KEYS.contains(&name.as_str()) || (name == "is_filled" && spec.gaps == Gaps::Carry) {
                let message = format!("bars have a column `{name}` of their own");
                self.error(message, &["columns", name], "this name is taken", "choose another name");
            }
            let (_, by, weight) = column.parts(name);
            if weight.is_some() && by != Aggregate::Mean {
                let message = format!("`{name}` is no mean");
                self.error(message, &["columns", name, "weight"], "weighs nothing", "say `by: mean`, or take it away");
            }
        }
    }
}
