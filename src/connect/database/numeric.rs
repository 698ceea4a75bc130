//! PostgreSQL's `numeric` as it comes over the wire: digits in base 10,000.
//!
//! The form is that of `numeric_send` in the server's `utils/adt/numeric.c`: the number of digits, the weight of the first (in powers
//! of 10,000), the sign, how many decimals are shown; then the digits; all of two bytes, the highest first.

use std::error::Error;
use std::fmt::Write as _;

use tokio_postgres::types::{FromSql, Type};

/// A number as text, to the last of its digits: `-12.340`, `NaN`, `Infinity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numeric(pub String);

impl<'a> FromSql<'a> for Numeric {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        decode(raw).map(Self).ok_or_else(|| "a `numeric` of an unknown form".into())
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::NUMERIC
    }
}

fn decode(raw: &[u8]) -> Option<String> {
    let (words, rest) = raw.as_chunks::<2>();
    let mut words = words.iter().map(|word| u16::from_be_bytes(*word));
    let (count, weight, sign, scale) = (words.next()?, words.next()?.cast_signed(), words.next()?, words.next()?);
    let digits: Vec<u16> = words.collect();
    if !rest.is_empty() || digits.len() != usize::from(count) || digits.iter().any(|digit| *digit > 9999) {
        return None;
    }
    let mut text = match sign {
        0x0000 => String::new(),
        0x4000 => String::from("-"),
        0xC000 => return Some("NaN".to_owned()),
        0xD000 => return Some("Infinity".to_owned()),
        0xF000 => return Some("-Infinity".to_owned()),
        _ => return None,
    };
    let at = |power: i32| -> u16 {
        usize::try_from(i32::from(weight) - power).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0)
    };
    if weight < 0 {
        text.push('0');
    } else {
        let _ = write!(text, "{}", at(i32::from(weight)));
        for power in (0..i32::from(weight)).rev() {
            let _ = write!(text, "{:04}", at(power));
        }
    }
    if scale > 0 {
        text.push('.');
        let start = text.len();
        let mut power = -1;
        while text.len() - start < usize::from(scale) {
            let _ = write!(text, "{:04}", at(power));
            power -= 1;
        }
        text.truncate(start + usize::from(scale));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(words: &[i32]) -> Vec<u8> {
        words.iter().flat_map(|word| (*word as u16).to_be_bytes()).collect()
    }

    #[test]
    fn digits_are_kept() {
        for (words, text) in [
            (vec![0, 0, 0, 0], "0"),
            (vec![0, 0, 0, 2], "0.00"),
            (vec![2, 0, 0, 2, 12, 3400], "12.34"),
            (vec![2, 0, 0x4000, 3, 12, 3400], "-12.340"),
            (vec![1, 1, 0, 0, 5], "50000"),
            (vec![3, 1, 0, 4, 1, 2, 3], "10002.0003"),
            (vec![1, -1, 0, 4, 15], "0.0015"),
            (vec![1, -2, 0, 8, 15], "0.00000015"),
            (vec![0, 0, 0xC000, 0], "NaN"),
            (vec![0, 0, 0xD000, 0], "Infinity"),
        ] {
            assert_eq!(decode(&raw(&words)).as_deref(), Some(text), "{words:?}");
        }
        assert_eq!(decode(&raw(&[2, 0, 0, 0, 1])), None);
        assert_eq!(decode(&[0, 0, 0]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
            let _ = decode(&bytes);
        }
    }
}
