//! Rules of `checks:`.

use super::{Rules, input};
use crate::assets::Draft;
use crate::diagnostic::Diagnostic;
use crate::names;
use crate::spec::{Check, ExpectedRows, FreshnessCheck, JumpCheck, OneOrMany, RangeCheck};

/// That what checks compare with is there; `known` are the names of all assets. What a query reads is seen in the graph.
pub(super) fn inputs(draft: &Draft, known: &[&str], problems: &mut Vec<Diagnostic>) {
    for (at, check) in draft.common.checks.iter().enumerate() {
        let Some(reconcile) = &check.reconcile else { continue };
        let loc = draft.places.locate(&["checks", &at.to_string(), "reconcile", "with"]);
        if reconcile.with == draft.name {
            problems.push(
                Diagnostic::error(format!("asset `{}` is held against itself", draft.name))
                    .at(loc, "this is the asset's own name")
                    .help("name the asset that has the same values from elsewhere"),
            );
        } else {
            input(draft, known, &reconcile.with, loc, problems);
        }
    }
}

impl Rules<'_> {
    pub(super) fn check(&mut self, check: &Check, at: &str) {
        let given = check.forms();
        let loc = self.places.locate(&["checks", at]);
        match given.as_slice() {
            [_] => {}
            [] => self.problems.push(
                Diagnostic::error("a check must say what it checks")
                    .at(loc, "nothing is checked here")
                    .help(format!("give it one of {}", names::list(&Check::FORMS))),
            ),
            several => self.problems.push(
                Diagnostic::error(format!("one check has {}", names::list(several)))
                    .at(loc, "a check has one form")
                    .help("make each an item of its own: `- not_null: close`"),
            ),
        }
        let reconcile = check.reconcile.as_ref();
        for (path, columns) in [
            (&["not_null"] as &[&str], check.not_null.as_ref()),
            (&["unique"], check.unique.as_ref()),
            (&["reconcile", "columns"], reconcile.map(|reconcile| &reconcile.columns)),
            (&["reconcile", "on"], reconcile.and_then(|reconcile| reconcile.on.as_ref())),
            (&["jump", "except"], check.jump.as_ref().and_then(|jump| jump.except.as_ref())),
        ] {
            self.names_a_column(columns, at, path);
        }
        if let Some(range) = &check.range {
            self.range(range, &["checks", at, "range"]);
        }
        if check.accepted.as_ref().is_some_and(|accepted| accepted.values.is_empty()) {
            let path = ["checks", at, "accepted", "values"];
            self.error("`values` names no value", &path, "an empty list", "list the values that the column may have");
        }
        if let Some(rows) = &check.expected_rows {
            self.expected_rows(rows, at);
        }
        if let Some(freshness) = &check.freshness {
            self.freshness(freshness, at);
        }
        if let Some(jump) = &check.jump {
            self.jump(jump, at);
        }
        if let Some(tolerance) = reconcile.map(|reconcile| reconcile.tolerance).filter(|tolerance| *tolerance < 0.0) {
            let path = ["checks", at, "reconcile", "tolerance"];
            let message = format!("no two numbers differ by less than {tolerance}");
            self.error(message, &path, "below 0", "give the part by which they may differ: `1e-6`");
        }
        if check.custom_sql.as_ref().is_some_and(|query| query.trim().is_empty()) {
            let help =
                "write `select instrument from {{ this }} where high < low`, say: the rows returned are violations";
            self.error("the check has no query", &["checks", at, "custom_sql"], "empty", help);
        }
    }

    fn names_a_column(&mut self, columns: Option<&OneOrMany>, at: &str, path: &[&str]) {
        if columns.is_some_and(|columns| columns.as_slice().is_empty()) {
            let whole: Vec<&str> = ["checks", at].into_iter().chain(path.iter().copied()).collect();
            let form = path.last().copied().unwrap_or_default();
            self.error(format!("`{form}` names no column"), &whole, "an empty list", "name a column");
        }
    }

    fn expected_rows(&mut self, rows: &ExpectedRows, at: &str) {
        if let ExpectedRows { min: Some(min), max: Some(max), .. } = rows
            && min > max
        {
            let path = ["checks", at, "expected_rows", "max"];
            let message = format!("no number of rows is at least {min} and at most {max}");
            self.error(message, &path, "less than `min`", "swap them");
        }
        if let Some(part) = &rows.of_previous
            && rows.part_of_previous().is_none()
        {
            let path = ["checks", at, "expected_rows", "of_previous"];
            let message = format!("`{part}` is not a part of the rows of the session before");
            self.error(message, &path, "above 0 % and at most 100 %", "write `80%`, or `0.8`");
        }
    }

    fn freshness(&mut self, freshness: &FreshnessCheck, at: &str) {
        let path = ["checks", at, "freshness"];
        match (freshness.within, freshness.sessions) {
            (None, None) => self.error(
                "nothing says how old the newest session may be",
                &path,
                "neither `within` nor `sessions`",
                "write `freshness: { sessions: 1 }` or `freshness: { within: 4d }`",
            ),
            (Some(_), Some(_)) => self.error(
                "a freshness has both `within` and `sessions`",
                &path,
                "one age in two units",
                "keep one: `within` counts time, holidays too, `sessions` those of the calendar",
            ),
            _ => {}
        }
    }

    fn jump(&mut self, jump: &JumpCheck, at: &str) {
        let JumpCheck { above, sessions, .. } = jump;
        if *above <= 0.0 {
            let path = ["checks", at, "jump", "above"];
            let message = format!("every change is a jump above {above}");
            self.error(message, &path, "not above 0", "give the largest change that passes: `0.11` for 11 %");
        }
        if *sessions < 2 {
            let path = ["checks", at, "jump", "sessions"];
            let message = "no session before is looked at, and so no last value";
            self.error(message, &path, "the session itself is counted", "look back over 2 sessions or more");
        }
    }

    fn range(&mut self, range: &RangeCheck, path: &[&str]) {
        let RangeCheck { column, above, min, below, max } = range;
        let twice =
            [("above", "min", above.is_some() && min.is_some()), ("below", "max", below.is_some() && max.is_some())];
        for (strict, weak, _) in twice.into_iter().filter(|(_, _, both)| *both) {
            let inside: Vec<&str> = path.iter().copied().chain([weak]).collect();
            self.error(
                format!("the range of `{column}` has both `{strict}` and `{weak}`"),
                &inside,
                "a second bound of the same side",
                format!("keep one: `{strict}` leaves the bound itself out, `{weak}` lets it in"),
            );
        }
        let (low, high) = (above.or(*min), below.or(*max));
        match (low, high) {
            (None, None) => self.error(
                format!("the range of `{column}` has no bounds"),
                path,
                "every value is within this range",
                "give it `above`, `min`, `below` or `max`",
            ),
            (Some(low), Some(high)) => {
                let strict = above.is_some() || below.is_some();
                if low > high || (strict && low >= high) {
                    let end = if below.is_some() { "below" } else { "max" };
                    let inside: Vec<&str> = path.iter().copied().chain([end]).collect();
                    let message = format!("no value of `{column}` can be within this range");
                    self.error(message, &inside, "not above the lower bound", "swap the bounds");
                }
            }
            _ => {}
        }
    }
}
