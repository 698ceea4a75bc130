//! Dates as vendors write them.

use std::collections::HashMap;

use chrono::NaiveDate;
use chrono::format::{Item, StrftimeItems};

use crate::error::Fault;

const ISO: &str = "%Y-%m-%d";

/// Formats that are recognized in order to suggest them.
const KNOWN: [&str; 14] = [
    ISO,
    "%Y%m%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%Y年%m月%d日",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
];

/// Days from 1970-01-01 to 0001-01-01, the day that chrono counts from (as day 1).
const EPOCH_FROM_CE: i32 = 719_163;

/// Days since 1970-01-01.
pub(crate) fn to_days(date: NaiveDate) -> i32 {
    use chrono::Datelike;
    date.num_days_from_ce() - EPOCH_FROM_CE
}

/// The date of a number of days since 1970-01-01; the nearest that there is, if chrono has none.
pub(crate) fn from_days(days: i32) -> NaiveDate {
    days.checked_add(EPOCH_FROM_CE).and_then(NaiveDate::from_num_days_from_ce_opt).unwrap_or(if days < 0 {
        NaiveDate::MIN
    } else {
        NaiveDate::MAX
    })
}

/// Whether `strftime` knows every letter of a format, and the format says year, month and day.
pub(crate) fn is_format(format: &str) -> bool {
    let sample = NaiveDate::from_ymd_opt(2024, 3, 15).and_then(|date| date.and_hms_opt(9, 30, 0));
    let known = StrftimeItems::new(format).all(|item| !matches!(item, Item::Error));
    known
        && sample.is_some_and(|sample| {
            // What the format prints must be enough to find the date again.
            let mut text = String::new();
            let printed = std::fmt::Write::write_fmt(&mut text, format_args!("{}", sample.format(format)));
            printed.is_ok() && NaiveDate::parse_from_str(&text, format) == Ok(sample.date())
        })
}

/// Reads dates of one format, and remembers those it has read: a file has few dates and many rows.
#[derive(Debug)]
pub(crate) struct DateReader {
    format: String,
    seen: HashMap<String, NaiveDate>,
    /// Mostly that of the next row too.
    last: Option<(String, NaiveDate)>,
}

impl DateReader {
    pub fn new(format: Option<&str>) -> Self {
        Self { format: format.unwrap_or(ISO).to_owned(), seen: HashMap::new(), last: None }
    }

    pub fn parse(&mut self, text: &str) -> Result<NaiveDate, Fault> {
        if self.format == ISO
            && let Some(date) = iso(text.as_bytes())
        {
            return Ok(date);
        }
        if let Some((last, date)) = &self.last
            && last == text
        {
            return Ok(*date);
        }
        let date = match self.seen.get(text) {
            Some(&date) => date,
            None => NaiveDate::parse_from_str(text, &self.format).map_err(|_| self.refuse(text))?,
        };
        self.seen.insert(text.to_owned(), date);
        self.last = Some((text.to_owned(), date));
        Ok(date)
    }

    fn refuse(&self, text: &str) -> Fault {
        if text.is_empty() {
            return Fault::new("the date is missing");
        }
        let fault = Fault::new(format!("`{text}` is not a date as `{}` writes it", self.format));
        let fits: Vec<String> = KNOWN
            .into_iter()
            .filter(|format| *format != self.format && NaiveDate::parse_from_str(text, format).is_ok_and(is_plausible))
            .map(|format| format!("`date_format: \"{format}\"`"))
            .collect();
        if fits.is_empty() {
            return fault.help("say how dates are written: `date_format: \"…\"`, in the letters of strftime");
        }
        fault.help(format!("try {}", fits.join(" or ")))
    }
}

/// A year that market data can be from, so that `%Y` is not suggested for two digits.
fn is_plausible(date: NaiveDate) -> bool {
    use chrono::Datelike;
    (1600..=2999).contains(&date.year())
}

/// `2024-03-15`, the form of nearly every file.
fn iso(text: &[u8]) -> Option<NaiveDate> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    let year = digit(y1)? * 1000 + digit(y2)? * 100 + digit(y3)? * 10 + digit(y4)?;
    let month = digit(m1)? * 10 + digit(m2)?;
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, digit(d1)? * 10 + digit(d2)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).unwrap()
    }

    #[test]
    fn days_round_trip() {
        assert_eq!(to_days(date(1970, 1, 1)), 0);
        assert_eq!(to_days(date(2024, 3, 15)), 19_797);
        assert_eq!(from_days(19_797), date(2024, 3, 15));
        assert_eq!(from_days(i32::MAX), NaiveDate::MAX);
    }

    #[test]
    fn formats() {
        let read = |format, text| DateReader::new(format).parse(text);
        assert_eq!(read(None, "2024-03-15"), Ok(date(2024, 3, 15)));
        assert_eq!(read(Some("%Y%m%d"), "20240315"), Ok(date(2024, 3, 15)));
        assert_eq!(read(Some("%d/%m/%Y"), "15/03/2024"), Ok(date(2024, 3, 15)));
        assert_eq!(read(Some("%Y-%m-%d %H:%M:%S"), "2024-03-15 00:00:00"), Ok(date(2024, 3, 15)));
        assert!(read(None, "2024-02-30").is_err());
    }

    #[test]
    fn a_wrong_format_is_guessed() {
        let help = |text| DateReader::new(None).parse(text).unwrap_err().help.unwrap();
        assert_eq!(help("20240315"), "try `date_format: \"%Y%m%d\"`");
        assert_eq!(help("03/04/2024"), "try `date_format: \"%d/%m/%Y\"` or `date_format: \"%m/%d/%Y\"`");
        assert_eq!(help("15/03/2024"), "try `date_format: \"%d/%m/%Y\"`");
        assert!(help("soon").contains("strftime"));
    }

    #[test]
    fn a_format_must_say_the_whole_date() {
        assert!(
            is_format("%Y-%m-%d") && is_format("%Y%m%d") && is_format("%d/%m/%y") && is_format("%Y-%m-%d %H:%M:%S")
        );
        assert!(!is_format("%Y-%m") && !is_format("%Q") && !is_format("yyyy-mm-dd"));
    }
}
