//! Numbers and instants in the vendor's units → ours.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

/// A number times its unit.
///
/// Units are mostly powers of ten, and vendors write decimals: 1.005 thousands are 1005, and not the 1004.9999999999999 that multiplying the
/// nearest binary number gives. So there the decimal point is moved, in the shortest decimal that means the number.
pub(super) fn times(value: f64, unit: f64) -> f64 {
    let exponent = unit.log10();
    if value == 0.0 || !value.is_finite() || exponent.fract() != 0.0 || exponent.abs() > 18.0 {
        return value * unit;
    }
    let text = format!("{value:e}");
    let moved = text.split_once('e').and_then(|(digits, power)| {
        let power = power.parse::<i32>().ok()? + exponent as i32;
        format!("{digits}e{power}").parse::<f64>().ok()
    });
    moved.unwrap_or(value * unit)
}

/// The instant of a count of milliseconds since 1970-01-01 in UTC.
pub(super) fn instant(milliseconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(milliseconds)
}

/// The date of an instant in a zone.
pub(super) fn date(instant: DateTime<Utc>, zone: Tz) -> NaiveDate {
    instant.with_timezone(&zone).date_naive()
}

/// JSON in which every number of more than 15 digits is a text, so that it is read to the nearest binary number: the reader of JSON is
/// exact only for shorter ones. `None` where there is none.
pub(super) fn quote_long_numbers(json: &str) -> Option<String> {
    let bytes = json.as_bytes();
    let (mut out, mut copied, mut at) = (String::new(), 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let start = at;
                let mut digits = 0;
                while at < bytes.len() && matches!(bytes[at], b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') {
                    digits += usize::from(bytes[at].is_ascii_digit());
                    at += 1;
                }
                if digits > 15 && bytes[start..at].iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
                    out.push_str(&json[copied..start]);
                    out.push('"');
                    out.push_str(&json[start..at]);
                    out.push('"');
                    copied = at;
                }
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(&json[copied..]);
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn powers_of_ten_move_the_point() {
        assert_eq!(times(1.005, 1000.0), 1005.0);
        assert_eq!(times(2.3, 100.0), 230.0);
        assert_eq!(times(123_456.78, 100.0), 12_345_678.0);
        assert_eq!(times(5.0, 0.01), 0.05);
        assert_eq!(times(3.0, 0.25), 0.75);
        assert_eq!(times(0.0, 100.0), 0.0);
        assert!(times(f64::NAN, 100.0).is_nan());
    }

    #[test]
    fn long_numbers_are_read_to_the_last_bit() {
        let json =
            r#"{"a\"1":[187.14999389648438,1,-0.1,1.7976931348623157e308,12345678901234567],"b":"187.14999389648438"}"#;
        let quoted = quote_long_numbers(json).unwrap();
        assert_eq!(
            quoted,
            r#"{"a\"1":["187.14999389648438",1,-0.1,"1.7976931348623157e308",12345678901234567],"b":"187.14999389648438"}"#
        );
        assert_eq!(quote_long_numbers(r#"[1.5, "\\", 20240102]"#), None);
    }

    proptest! {
        /// Whatever decimal the vendor writes, its unit gives the number nearest to the decimal's product.
        #[test]
        fn a_unit_gives_the_nearest_number(digits in 1u64..10_000_000_000, scale in 0u32..6, unit in 0u32..4) {
            let text = format!("{digits}e-{scale}");
            let product: f64 = format!("{digits}e{}", unit as i32 - scale as i32).parse().unwrap();
            prop_assert_eq!(times(text.parse().unwrap(), 10f64.powi(unit as i32)), product);
        }

        #[test]
        fn quoting_leaves_json_json(text in r#"[-0-9.eE"\\a ,\[\]]{0,40}"#) {
            let _ = quote_long_numbers(&text);
        }
    }
}
