//! How values are written in a source's files, as the user declares it.

use assetctl_config::Encoding;
use chrono_tz::Tz;

use crate::date::is_format;
use crate::error::{ConnectError, Place, Problem, Problems};
use crate::number::NumberFormat;
use crate::source::FileSource;

/// What is known of a source before any file is opened.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub delimiter: u8,
    pub encoding: Encoding,
    pub numbers: NumberFormat,
    pub date_format: Option<String>,
    pub missing: Vec<String>,
    /// The exchange's, in which times are stored.
    pub zone: Tz,
}

impl Settings {
    /// # Errors
    /// A delimiter, decimal point or date format that cannot be.
    pub fn new(source: &FileSource) -> Result<Self, ConnectError> {
        let files = source.files;
        let mut problems = Problems::default();
        let mut refuse = |message: String, help: &str| {
            problems.push(Problem::new(Place::file(source.base), message).help(help));
        };
        let delimiter = match files.delimiter.as_deref() {
            None => b',',
            Some("tab" | "\\t") => b'\t',
            Some(text) => match text.as_bytes() {
                &[byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n\0".contains(&byte) => byte,
                _ => {
                    refuse(
                        format!("`delimiter: {text:?}` cannot separate fields"),
                        "give one ASCII character, or `tab`",
                    );
                    b','
                }
            },
        };
        let decimal = files.decimal.as_deref().unwrap_or(".");
        let is_mark = |text: &str| {
            !text.is_empty() && !text.contains(|letter: char| letter.is_ascii_digit() || "+-eE".contains(letter))
        };
        if !is_mark(decimal) {
            refuse(format!("`decimal: {decimal:?}` cannot be a decimal point"), "give `.` or `,`");
        }
        if let Some(thousands) = files.thousands.as_deref()
            && (!is_mark(thousands) || thousands == decimal)
        {
            refuse(
                format!("`thousands: {thousands:?}` cannot separate thousands when the decimal point is `{decimal}`"),
                "give two different characters, `thousands: \",\"` and `decimal: \".\"` for example",
            );
        }
        if let Some(format) = files.date_format.as_deref()
            && !is_format(format)
        {
            refuse(
                format!("`date_format: {format:?}` does not say how year, month and day are written"),
                "use the letters of strftime: `%Y-%m-%d`, `%Y%m%d`, `%d/%m/%Y`",
            );
        }
        problems.into_result()?;
        Ok(Self {
            delimiter,
            encoding: files.encoding,
            numbers: NumberFormat {
                thousands: files.thousands.clone(),
                decimal: files.decimal.clone().filter(|decimal| decimal != "."),
            },
            date_format: files.date_format.clone(),
            missing: files.missing.clone(),
            zone: source.calendar.and_then(|calendar| calendar.time_zone().parse().ok()).unwrap_or(Tz::UTC),
        })
    }
}

#[cfg(test)]
mod tests {
    use assetctl_config::Files;

    use super::*;
    use crate::testing::Folder;

    #[test]
    fn settings_that_cannot_be_are_refused_together() {
        let mut folder = Folder::new();
        folder.files.delimiter = Some("::".into());
        folder.files.decimal = Some(",".into());
        folder.files.thousands = Some(",".into());
        folder.files.date_format = Some("yyyy-mm-dd".into());
        assert_eq!(Settings::new(&folder.source()).unwrap_err().problems.len(), 3);
        folder.files = Files { delimiter: Some("tab".into()), ..Files::default() };
        assert_eq!(Settings::new(&folder.source()).unwrap().delimiter, b'\t');
    }
}
