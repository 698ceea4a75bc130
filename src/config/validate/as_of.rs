//! Rules of `as_of`.

use super::Rules;
use crate::spec::{AsOfSpec, Reports};

impl Rules<'_> {
    pub(super) fn as_of(&mut self, spec: &AsOfSpec) {
        self.key(spec.key.as_ref());
        match (&spec.valid, &spec.reports) {
            (None, None) => {
                let message = format!("nothing says which rows of `{}` hold on a session", spec.input);
                let loc = self.places.name_loc.clone();
                self.problems.push(
                    crate::Diagnostic::error(message)
                        .at(loc, "neither `valid` nor `reports`")
                        .help("for rows with intervals: `valid: { from: start_date, to: end_date }`")
                        .help("for company reports: `reports: { period: period, announced: announced }`"),
                );
            }
            (Some(_), Some(_)) => {
                let message = format!("`{}` has both `valid` and `reports`", self.draft.name);
                self.error(message, &["reports"], "one of the two", "make two assets of it");
            }
            (Some(valid), None) => {
                if valid.to_exclusive && valid.to.is_none() {
                    let help = "name the column of the end, `to: end_date`, or take `to_exclusive` away";
                    self.error("there is no `to` to exclude", &["valid", "to_exclusive"], "of which column?", help);
                }
                if valid.to.as_ref() == Some(&valid.from) {
                    let message = format!("`{}` cannot be both the first day and the last", valid.from);
                    self.error(message, &["valid", "to"], "the same column", "name the column of the other day");
                }
            }
            (None, Some(reports)) => self.reports(reports),
        }
    }

    fn reports(&mut self, reports: &Reports) {
        if !(1..=12).contains(&reports.fiscal_year_end) {
            let message = format!("there is no month {}", reports.fiscal_year_end);
            let path = ["reports", "fiscal_year_end"];
            self.error(message, &path, "1 to 12", "write 12 for years that end in December");
        }
        for (form, columns) in [("ttm", &reports.ttm), ("year_ago", &reports.year_ago), ("previous", &reports.previous)]
        {
            for (at, column) in columns.iter().enumerate() {
                let path = ["reports", form, &at.to_string()];
                if columns[..at].contains(column) {
                    self.error(format!("`{column}` is there twice"), &path, "here again", "keep one");
                }
            }
        }
        if reports.accumulates && reports.ttm.is_empty() {
            self.error(
                "`accumulates` says how twelve months are summed up, and no column is",
                &["reports", "accumulates"],
                "has no meaning here",
                "name the columns to sum up, `ttm: [revenue]`, or take it away",
            );
        }
    }
}
