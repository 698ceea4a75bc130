//! Numbers as vendors write them.

use crate::error::Fault;

/// How numbers are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NumberFormat {
    /// What separates thousands.
    pub thousands: Option<String>,
    /// What stands for the decimal point, if not `.`.
    pub decimal: Option<String>,
}

impl NumberFormat {
    /// A finite number, never `-0.0`.
    pub fn parse(&self, text: &str) -> Result<f64, Fault> {
        let value = if self.thousands.is_none() && self.decimal.is_none() {
            plain(text)
        } else {
            self.to_plain(text).and_then(|text| plain(&text))
        };
        match value {
            Some(value) if value.is_finite() => Ok(value + 0.0),
            Some(_) => Err(Fault::new(format!("`{text}` is too large for a number"))),
            None => Err(self.refuse(text)),
        }
    }

    /// The same number with `.` as its decimal point and nothing between thousands.
    fn to_plain(&self, text: &str) -> Option<String> {
        let decimal = self.decimal.as_deref().unwrap_or(".");
        let (whole, fraction) = match text.split_once(decimal) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (text, None),
        };
        if decimal != "." && whole.contains('.') && self.thousands.as_deref() != Some(".") {
            return None;
        }
        let mut plain = match self.thousands.as_deref().filter(|separator| !separator.is_empty()) {
            None => whole.to_owned(),
            Some(separator) => {
                let mut parts = whole.split(separator);
                let mut joined = parts.next().unwrap_or_default().to_owned();
                for part in parts {
                    // A separator stands between digits; two digits after it are lakhs.
                    let led = joined.bytes().last().is_some_and(|byte| byte.is_ascii_digit());
                    if !led || part.len() < 2 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                        return None;
                    }
                    joined.push_str(part);
                }
                joined
            }
        };
        if let Some(fraction) = fraction {
            plain.push('.');
            plain.push_str(fraction);
        }
        Some(plain)
    }

    fn refuse(&self, text: &str) -> Fault {
        let unsigned = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
        if unsigned == "inf" || unsigned == "infinity" {
            return Fault::new(format!("`{text}` is infinite, and only finite numbers are stored"))
                .help(format!("if it stands for a missing value, add it: `missing: [{text}]`"));
        }
        let fault = Fault::new(format!("`{text}` is not a number"));
        let with_thousands = Self { thousands: Some(",".into()), decimal: self.decimal.clone() };
        let european = Self { thousands: Some(".".into()), decimal: Some(",".into()) };
        let reads = |format: &Self| format.to_plain(text).and_then(|text| plain(&text)).is_some();
        if self.thousands.is_none() && reads(&with_thousands) {
            return fault.help("if `,` separates thousands, say so: `thousands: \",\"`");
        }
        if self.decimal.is_none() && reads(&european) {
            return fault.help("if `,` is the decimal point, say so: `decimal: \",\"` (and `thousands: \".\"`)");
        }
        fault
    }
}

/// Digits with an optional sign, point and exponent; none of the words that a float parser also takes.
fn plain(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let first = match bytes.first()? {
        b'+' | b'-' => bytes.get(1)?,
        first => first,
    };
    if first.is_ascii_digit() || *first == b'.' { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn format(thousands: Option<&str>, decimal: Option<&str>) -> NumberFormat {
        NumberFormat { thousands: thousands.map(str::to_owned), decimal: decimal.map(str::to_owned) }
    }

    #[test]
    fn plain_numbers() {
        let plain = NumberFormat::default();
        for (text, value) in [("1", 1.0), ("-0.5", -0.5), ("+.5", 0.5), ("1e-3", 0.001), ("7.", 7.0), ("007", 7.0)] {
            assert_eq!(plain.parse(text), Ok(value));
        }
        assert_eq!(plain.parse("-0.0").unwrap().to_bits(), 0);
    }

    #[test]
    fn words_and_infinities_are_no_numbers() {
        let plain = NumberFormat::default();
        for text in ["nan", "NaN", "-", ".", "e5", "0x10", "1_000", "12%", "--1", "+ 1", "１"] {
            assert_eq!(plain.parse(text).unwrap_err().message, format!("`{text}` is not a number"));
        }
        assert!(plain.parse("-Inf").unwrap_err().message.contains("is infinite"));
        assert!(plain.parse("1e999").unwrap_err().message.contains("too large"));
    }

    #[test]
    fn separators() {
        assert_eq!(format(Some(","), None).parse("1,234.5"), Ok(1234.5));
        assert_eq!(format(Some(","), None).parse("-1,23,456"), Ok(-123456.0));
        assert_eq!(format(Some("."), Some(",")).parse("1.234,5"), Ok(1234.5));
        assert_eq!(format(None, Some(",")).parse("1,5"), Ok(1.5));
        assert_eq!(format(Some("\u{202f}"), None).parse("1\u{202f}234"), Ok(1234.0));
        for text in ["1,2", ",123", "1.2,345", "1,,234", "1,234,"] {
            assert!(format(Some(","), None).parse(text).is_err(), "{text}");
        }
        assert!(format(None, Some(",")).parse("1.5").is_err());
    }

    #[test]
    fn separators_that_were_not_declared_are_guessed_in_the_help() {
        let plain = NumberFormat::default();
        assert!(plain.parse("1,234.5").unwrap_err().help.unwrap().contains("thousands: \",\""));
        assert!(plain.parse("1,5").unwrap_err().help.unwrap().contains("decimal: \",\""));
    }

    proptest! {
        #[test]
        fn every_finite_number_reads_back(value in any::<f64>().prop_filter("finite", |value| value.is_finite())) {
            let read = NumberFormat::default().parse(&format!("{value}")).unwrap();
            prop_assert_eq!(read.to_bits(), (value + 0.0).to_bits());
        }
    }
}
