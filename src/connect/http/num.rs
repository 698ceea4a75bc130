//! A number as JSON has it.

use std::fmt;

use serde_json::Number;

/// What [`Number`] holds, small enough to be copied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Num {
    Positive(u64),
    Negative(i64),
    Float(f64),
}

impl Num {
    /// The nearest float.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Positive(number) => number as f64,
            Self::Negative(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

impl From<&Number> for Num {
    fn from(number: &Number) -> Self {
        match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Self::Positive(number),
            (None, Some(number)) => Self::Negative(number),
            (None, None) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
        }
    }
}

impl fmt::Display for Num {
    /// As [`Number`] is written.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Positive(number) => number.fmt(formatter),
            Self::Negative(number) => number.fmt(formatter),
            Self::Float(number) => match Number::from_f64(*number) {
                Some(number) => number.fmt(formatter),
                None => number.fmt(formatter),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_in_json() {
        for text in ["0", "-0.0", "18446744073709551615", "-9223372036854775808", "1.5", "1e300", "100000.0", "5e-324"]
        {
            let number: Number = serde_json::from_str(text).unwrap();
            assert_eq!(Num::from(&number).to_string(), number.to_string(), "{text}");
            assert_eq!(Some(Num::from(&number).as_f64()), number.as_f64(), "{text}");
        }
    }
}
