//! What a scalar is where a number, or nothing in particular, is expected.

use serde_json::{Number, Value};

use crate::node::{Scalar, Style};
use crate::schema::has_type;

/// A number as JSON and the YAML core schema have it: digits, a point, an exponent.
pub(crate) fn number_text(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let shaped = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    shaped.then(|| text.parse().ok()).flatten().filter(|number: &f64| number.is_finite())
}

/// # Errors
/// What was expected, in words.
pub(crate) fn number_value(scalar: &Scalar, form: &Value) -> Result<Value, String> {
    let plain = scalar.style == Style::Plain;
    if has_type(form, "integer") {
        let largest = match form.get("format").and_then(Value::as_str) {
            Some("uint32") => u64::from(u32::MAX),
            _ => u64::MAX,
        };
        let smallest = form.get("minimum").and_then(Value::as_u64).unwrap_or(0);
        let number = scalar.text.parse::<u64>().ok().filter(|number| plain && (smallest..=largest).contains(number));
        return number.map(Value::from).ok_or_else(|| match number_text(&scalar.text) {
            Some(number) if plain && number > largest as f64 => format!("a whole number of at most {largest}"),
            Some(_) if plain => format!("a whole number of at least {smallest}"),
            _ => "a whole number".to_owned(),
        });
    }
    let number = number_text(&scalar.text).filter(|_| plain).and_then(Number::from_f64);
    number.map(Value::Number).ok_or_else(|| "a number".to_owned())
}

/// What YAML itself makes of a scalar, where nothing in particular is expected.
pub(crate) fn plain_value(scalar: &Scalar) -> Value {
    if scalar.style != Style::Plain {
        return Value::from(scalar.text.clone());
    }
    match scalar.text.as_str() {
        _ if scalar.is_null() => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text => match (text.parse::<i64>(), number_text(text).and_then(Number::from_f64)) {
            (Ok(whole), _) => Value::from(whole),
            (_, Some(number)) => Value::Number(number),
            _ => Value::from(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_yaml_and_finite() {
        for (text, number) in [("1", 1.0), ("-0.5", -0.5), ("1e-3", 1e-3), (".5", 0.5), ("+2", 2.0)] {
            assert_eq!(number_text(text), Some(number));
        }
        for text in ["", "nan", "inf", "-inf", "1e999", "0x10", "1_000", "ten", "1,5"] {
            assert_eq!(number_text(text), None, "{text}");
        }
    }
}
