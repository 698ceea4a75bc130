//! How times are written.

use chrono::format::{Item, StrftimeItems};

/// Formats that are counts and not texts.
const EPOCHS: [&str; 2] = ["epoch", "epoch_ms"];

/// What a format of times says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFormat {
    Seconds,
    Milliseconds,
    /// Date, time of day and offset.
    Instant,
    /// Date and time of day.
    Local,
    OfDay,
}

impl TimeFormat {
    /// `None` for what is no format of times.
    pub fn of(format: &str) -> Option<Self> {
        match EPOCHS.iter().position(|epoch| *epoch == format) {
            Some(0) => return Some(Self::Seconds),
            Some(_) => return Some(Self::Milliseconds),
            None => {}
        }
        let items: Vec<Item<'_>> = StrftimeItems::new(format).collect();
        if items.iter().any(|item| matches!(item, Item::Error)) {
            return None;
        }
        // What the format prints must be enough to find the time again.
        let sample = chrono::NaiveDate::from_ymd_opt(2024, 3, 15)?.and_hms_opt(14, 36, 0)?.and_utc().fixed_offset();
        let mut text = String::new();
        std::fmt::Write::write_fmt(&mut text, format_args!("{}", sample.format_with_items(items.iter()))).ok()?;
        if chrono::DateTime::parse_from_str(&text, format) == Ok(sample) {
            Some(Self::Instant)
        } else if chrono::NaiveDateTime::parse_from_str(&text, format) == Ok(sample.naive_utc()) {
            Some(Self::Local)
        } else if chrono::NaiveTime::parse_from_str(&text, format) == Ok(sample.time()) {
            Some(Self::OfDay)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_of_times() {
        use TimeFormat::{Instant, Local, Milliseconds, OfDay, Seconds};
        for (format, is) in [
            ("epoch", Some(Seconds)),
            ("epoch_ms", Some(Milliseconds)),
            ("%Y-%m-%d %H:%M:%S", Some(Local)),
            ("%Y%m%d%H%M%S%3f", Some(Local)),
            ("%Y-%m-%dT%H:%M:%S%z", Some(Instant)),
            ("%H:%M", Some(OfDay)),
            ("%H%M%S", Some(OfDay)),
            ("%I:%M %p", Some(OfDay)),
            ("%Y-%m-%d", None),
            ("%H", None),
            ("%Q", None),
            ("", None),
        ] {
            assert_eq!(TimeFormat::of(format), is, "{format}");
        }
    }
}
