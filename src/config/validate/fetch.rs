//! Rules of sources that have to be asked.

use super::Rules;
use crate::diagnostic::Diagnostic;
use crate::names;
use crate::spec::{Instruments, SourceSpec};

impl Rules<'_> {
    pub(super) fn fetch(&mut self, spec: &SourceSpec) {
        let name = &self.draft.name;
        if !spec.is_fetched() {
            for key in spec.fetch.given() {
                let problem = Diagnostic::error(format!(
                    "`{key}` is for sources that have to be asked, and `{name}` reads files"
                ))
                .at(self.places.locate_key(&[key]), "has no meaning here")
                .help("take it away: files are looked at by every run");
                self.problems.push(problem);
            }
            return;
        }
        if let Some(rows) = spec.fetch.min_rows.as_ref().filter(|rows| rows.bound().is_none()) {
            let message = format!("`{}` is not a number of rows", rows.text());
            self.error(
                message,
                &["min_rows"],
                "a number, or a percentage",
                "write `30`, or `80%` of the session before",
            );
        }
        if let Some(Instruments::Names(instruments)) = &spec.fetch.instruments {
            self.instruments(instruments);
        }
    }

    fn instruments(&mut self, instruments: &[String]) {
        if instruments.is_empty() {
            let help = "name some, or take the key away to ask for all that there is";
            self.error("`instruments` names none", &["instruments"], "an empty list", help);
        }
        for (at, instrument) in instruments.iter().enumerate() {
            let place = at.to_string();
            if instruments[..at].contains(instrument) {
                let message = format!("instrument {} is there twice", names::list(&[instrument.as_str()]));
                self.error(message, &["instruments", &place], "here again", "keep one");
            } else if instrument.trim().is_empty() {
                self.error("an instrument has no name", &["instruments", &place], "empty", "name it, or take it away");
            }
        }
    }
}
