//! Cron expressions and zones: their form, and what is said of a wrong one.

use chrono::NaiveDate;
use chrono_tz::{TZ_VARIANTS, Tz};
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use thiserror::Error;

use crate::names;

/// Why a text is no cron expression that ever comes due.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CronError {
    #[error("{0}")]
    Form(String),
    #[error("this time never comes")]
    Never,
}

/// Reads a cron expression of five fields, or of six, the first of which are seconds.
///
/// Where both a day of the month and a day of the week are said, either is enough, as in every cron since Vixie's.
///
/// # Errors
/// What is wrong with it, as a lower-case fragment.
pub fn parse_cron(text: &str) -> Result<Cron, CronError> {
    let fields = text.split_whitespace().count();
    if !text.trim_start().starts_with('@') && !(5..=6).contains(&fields) {
        return Err(CronError::Form(format!("it has {fields} fields")));
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).build();
    let cron = parser.parse(text).map_err(|error| CronError::Form(fragment(&error.to_string())))?;
    let start = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap_or_default().and_time(chrono::NaiveTime::MIN);
    match cron.find_next_occurrence(&start, true) {
        Ok(_) => Ok(cron),
        Err(_) => Err(CronError::Never),
    }
}

/// croner's words, as ours are.
fn fragment(message: &str) -> String {
    let text = message.split_once(": ").map_or(message, |(_, text)| text).trim_end_matches('.');
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
    first + chars.as_str()
}

/// The zone of that name; the one that was meant otherwise, if any is near.
pub(crate) fn zone(name: &str) -> Result<Tz, Option<&'static str>> {
    name.parse().map_err(|_| {
        // People write the city alone: `Shanghai`.
        let city = |tz: &&Tz| tz.name().rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(name));
        let zones = TZ_VARIANTS.iter().map(|tz| tz.name());
        TZ_VARIANTS.iter().find(city).map(|tz| tz.name()).or_else(|| names::did_you_mean(name, zones))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_fields_or_six_and_times_that_come() {
        for text in ["0 9 * * 1-5", "30 0 9 * * MON-FRI", "*/15 * * * *", "0 0 29 2 *", "@daily", "0 18 L * *"] {
            assert!(parse_cron(text).is_ok(), "{text}");
        }
        assert_eq!(parse_cron("0 9 * *"), Err(CronError::Form("it has 4 fields".into())));
        assert_eq!(parse_cron("0 9 * * 1-5 2024 1"), Err(CronError::Form("it has 7 fields".into())));
        assert_eq!(parse_cron("0 0 30 2 *"), Err(CronError::Never));
        for text in ["0 25 * * *", "x 9 * * *", "", "60 9 * * *"] {
            assert!(matches!(parse_cron(text), Err(CronError::Form(_))), "{text}");
        }
    }

    #[test]
    fn zones_are_found_by_what_was_probably_meant() {
        assert_eq!(zone("Asia/Shanghai"), Ok(Tz::Asia__Shanghai));
        assert_eq!(zone("Shanghai"), Err(Some("Asia/Shanghai")));
        assert_eq!(zone("America/New_Yrok"), Err(Some("America/New_York")));
        assert_eq!(zone("nowhere at all"), Err(None));
    }
}
