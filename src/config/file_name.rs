//! Names of files with a date in them: `bars_%Y%m%d.csv`.

use chrono::{Datelike, NaiveDate};
use thiserror::Error;

/// A pattern of names, from which a name's date is read: the letters `%Y %y %m %d %j %b` of `strftime`, `*` for anything
/// but `/`, `?` for one character, `%%` for `%`. A pattern with `/` in it is held against as many of the path's last parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileNamePattern {
    items: Vec<Item>,
    /// How many parts of a path it is held against.
    parts: usize,
}

/// Why a text is no such pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FileNameError {
    #[error("`%{0}` is none of `%Y`, `%y`, `%m`, `%d`, `%j`, `%b`")]
    UnknownLetter(String),
    #[error("it does not say the whole date")]
    NoDate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Letter(char),
    /// `*`
    Any,
    /// `?`
    One,
    Year,
    /// Two digits: from 69 on of the last century, as `strftime` has it.
    ShortYear,
    Month,
    /// Three letters in English.
    MonthName,
    Day,
    /// Of the year, three digits.
    Ordinal,
}

/// What is known of a date.
#[derive(Debug, Clone, Copy, Default)]
struct Parts {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    ordinal: Option<u32>,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

impl FileNamePattern {
    /// # Errors
    /// A letter after `%` that is not known; a pattern that does not say year, month and day (or year and day of the year).
    pub fn parse(pattern: &str) -> Result<Self, FileNameError> {
        let mut items = Vec::new();
        let mut letters = pattern.chars();
        while let Some(letter) = letters.next() {
            items.push(match letter {
                '*' => Item::Any,
                '?' => Item::One,
                '%' => match letters.next() {
                    Some('%') => Item::Letter('%'),
                    Some('Y') => Item::Year,
                    Some('y') => Item::ShortYear,
                    Some('m') => Item::Month,
                    Some('b') => Item::MonthName,
                    Some('d') => Item::Day,
                    Some('j') => Item::Ordinal,
                    other => return Err(FileNameError::UnknownLetter(other.map(String::from).unwrap_or_default())),
                },
                other => Item::Letter(other),
            });
        }
        let has = |any: &[Item]| items.iter().any(|item| any.contains(item));
        let year = has(&[Item::Year, Item::ShortYear]);
        let day = has(&[Item::Month, Item::MonthName]) && has(&[Item::Day]);
        if !(year && (day || has(&[Item::Ordinal]))) {
            return Err(FileNameError::NoDate);
        }
        let parts = 1 + items.iter().filter(|item| **item == Item::Letter('/')).count();
        Ok(Self { items, parts })
    }

    /// The date in the name of a path (with `/` between its parts); `None` if the name is not of the pattern, or has no date of the
    /// calendar in it.
    pub fn date(&self, path: &str) -> Option<NaiveDate> {
        let from = path.rmatch_indices('/').nth(self.parts - 1).map_or(0, |(at, _)| at + 1);
        find(&self.items, &path[from..], Parts::default())
    }
}

/// The first way to lay the items over a text that gives a date; `*` takes as little as it can.
fn find(items: &[Item], text: &str, parts: Parts) -> Option<NaiveDate> {
    let Some((item, rest)) = items.split_first() else {
        return if text.is_empty() { parts.date() } else { None };
    };
    let number = |digits: usize| -> Option<(u32, &str)> {
        let (head, tail) = text.split_at_checked(digits)?;
        let all_digits = head.bytes().all(|byte| byte.is_ascii_digit());
        Some((head.parse().ok().filter(|_| all_digits)?, tail))
    };
    match item {
        Item::Letter(letter) => find(rest, text.strip_prefix(*letter)?, parts),
        Item::One => {
            let letter = text.chars().next().filter(|letter| *letter != '/')?;
            find(rest, &text[letter.len_utf8()..], parts)
        }
        Item::Any => {
            let end = text.find('/').unwrap_or(text.len());
            let ends = text[..end].char_indices().map(|(at, _)| at).chain([end]);
            ends.into_iter().find_map(|at| find(rest, &text[at..], parts))
        }
        Item::Year => {
            let (year, tail) = number(4)?;
            find(rest, tail, Parts { year: i32::try_from(year).ok(), ..parts })
        }
        Item::ShortYear => {
            let (year, tail) = number(2)?;
            let century = if year >= 69 { 1900 } else { 2000 };
            find(rest, tail, Parts { year: i32::try_from(century + year).ok(), ..parts })
        }
        Item::Month => {
            let (month, tail) = number(2)?;
            find(rest, tail, Parts { month: Some(month), ..parts })
        }
        Item::MonthName => {
            let (head, tail) = text.split_at_checked(3)?;
            let month = (1..).zip(MONTHS).find(|(_, name)| name.eq_ignore_ascii_case(head)).map(|(month, _)| month)?;
            find(rest, tail, Parts { month: Some(month), ..parts })
        }
        Item::Day => {
            let (day, tail) = number(2)?;
            find(rest, tail, Parts { day: Some(day), ..parts })
        }
        Item::Ordinal => {
            let (ordinal, tail) = number(3)?;
            find(rest, tail, Parts { ordinal: Some(ordinal), ..parts })
        }
    }
}

impl Parts {
    /// A part that is there twice must say the same: the last is taken, and the other must agree with it.
    fn date(self) -> Option<NaiveDate> {
        let year = self.year?;
        let by_month = self.month.zip(self.day);
        let date = match (by_month, self.ordinal) {
            (Some((month, day)), _) => NaiveDate::from_ymd_opt(year, month, day)?,
            (None, Some(ordinal)) => NaiveDate::from_yo_opt(year, ordinal)?,
            (None, None) => return None,
        };
        let agrees = self.ordinal.is_none_or(|ordinal| date.ordinal() == ordinal);
        agrees.then_some(date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(pattern: &str, path: &str) -> Option<String> {
        FileNamePattern::parse(pattern).unwrap().date(path).map(|date| date.to_string())
    }

    #[test]
    fn a_name_gives_its_date() {
        for (pattern, path) in [
            ("bars_%Y%m%d.csv", "data/bars_20240315.csv"),
            ("%Y-%m-%d.csv", "2024-03-15.csv"),
            ("%Y/%m/%d.csv", "data/2024/03/15.csv"),
            ("%Y/*%m%d*", "x/2024/bars0315.csv.gz"),
            ("*%Y%m%d*", "v2_1_20240315_final.csv"),
            ("*_%Y%j.csv", "bars_2024075.csv"),
            ("??%y%b%d", "SH24Mar15"),
            ("100%%_%Y%m%d", "100%_20240315"),
            ("行情%Y%m%d.csv", "甲/行情20240315.csv"),
        ] {
            assert_eq!(date(pattern, path).as_deref(), Some("2024-03-15"), "{pattern} {path}");
        }
        assert_eq!(date("%y%m%d", "690102").as_deref(), Some("1969-01-02"));
        assert_eq!(date("%y%m%d", "680102").as_deref(), Some("2068-01-02"));
    }

    #[test]
    fn other_names_give_none() {
        for (pattern, path) in [
            ("bars_%Y%m%d.csv", "bars_20240315.csv.gz"),
            ("bars_%Y%m%d.csv", "bars_20240230.csv"),
            ("bars_%Y%m%d.csv", "bars_2024031.csv"),
            ("bars_%Y%m%d.csv", "bars_+0240315.csv"),
            ("%Y/%m%d.csv", "20240315.csv"),
            ("*%Y%m%d.csv", "2024/0315.csv"),
            ("%Y%m%d", "中中中"),
            ("%Y%b%d", "2024中15"),
            ("%Y%m%d_%j", "20240315_076"),
        ] {
            assert_eq!(date(pattern, path), None, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_must_say_the_whole_date() {
        for pattern in ["bars.csv", "%Y%m.csv", "%m%d", "%j"] {
            assert_eq!(FileNamePattern::parse(pattern), Err(FileNameError::NoDate), "{pattern}");
        }
        assert_eq!(FileNamePattern::parse("%Y%Q"), Err(FileNameError::UnknownLetter("Q".into())));
        assert_eq!(FileNamePattern::parse("%Y%m%d%"), Err(FileNameError::UnknownLetter(String::new())));
    }
}
