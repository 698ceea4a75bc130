//! Numbers and instants in the vendor's units → ours.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

/// What a vendor's numbers are to be multiplied by.
///
/// Units are mostly powers of ten, and vendors write decimals: 1.005 thousands are 1005, and not the 1004.9999999999999 that multiplying the
/// nearest binary number gives. So there the decimal point is moved, in the shortest decimal that means the number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unit {
    factor: f64,
    /// Of ten, where the factor is a power of it.
    exponent: Option<i32>,
}

impl Unit {
    pub fn new(factor: f64) -> Self {
        let exponent = factor.log10();
        let is_power = exponent.fract() == 0.0 && exponent.abs() <= 18.0;
        Self { factor, exponent: is_power.then_some(exponent as i32) }
    }

    pub fn times(self, value: f64) -> f64 {
        let exponent = self.exponent.filter(|_| value != 0.0 && value.is_finite());
        exponent
            .and_then(|exponent| moved(value, exponent).or_else(|| rewritten(value, exponent)))
            .unwrap_or(value * self.factor)
    }
}

/// A number with its point moved in its shortest decimal.
fn rewritten(value: f64, exponent: i32) -> Option<f64> {
    let text = format!("{value:e}");
    let (digits, power) = text.split_once('e')?;
    format!("{digits}e{}", power.parse::<i32>().ok()? + exponent).parse().ok()
}

/// The powers of ten that a float holds exactly: a quotient or product of one and a whole number below 2^53 is the float nearest to that decimal.
pub(super) const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// [`rewritten`] for a number of few decimals, without writing it down.
///
/// If a whole number below 10^15, with its point moved, is nearest to `value`, then it is the shortest decimal that means `value`: no two decimals of
/// so few digits mean the same float.
fn moved(value: f64, exponent: i32) -> Option<f64> {
    const MOST_DECIMALS: usize = 6;
    const FEW_DIGITS: f64 = 1e15;
    let (decimals, digits) = POWERS[..=MOST_DECIMALS].iter().enumerate().find_map(|(decimals, power)| {
        let digits = value * power;
        if digits.abs() >= FEW_DIGITS {
            return None;
        }
        let digits = (digits + 0.5f64.copysign(digits)) as i64 as f64;
        (digits / power == value).then_some((decimals, digits))
    })?;
    let exponent = exponent - decimals as i32;
    let power = POWERS.get(exponent.unsigned_abs() as usize)?;
    Some(if exponent < 0 { digits / power } else { digits * power })
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

    fn times(value: f64, unit: f64) -> f64 {
        Unit::new(unit).times(value)
    }

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
        fn moving_is_rewriting(
            value in prop_oneof![
                any::<f64>().prop_filter("finite", |value| value.is_finite() && *value != 0.0),
                (1i64..2_000_000_000_000_000, 0i32..9).prop_map(|(digits, scale)| digits as f64 / 10f64.powi(scale)),
                (1i64..100_000, 0i32..9, 0u64..3).prop_map(|(digits, scale, bits)| f64::from_bits((digits as f64 / 10f64.powi(scale)).to_bits() + bits)),
            ],
            exponent in -18i32..19,
        ) {
            if let Some(moved) = moved(value, exponent) {
                prop_assert_eq!(Some(moved.to_bits()), rewritten(value, exponent).map(f64::to_bits));
            }
        }

        #[test]
        fn quoting_leaves_json_json(text in r#"[-0-9.eE"\\a ,\[\]]{0,40}"#) {
            let _ = quote_long_numbers(&text);
        }
    }
}
