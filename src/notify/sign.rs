//! Signatures, and the base64 that they are written in.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    // A key of any length will do.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) {
        mac.update(message);
        bytes.copy_from_slice(&mac.finalize().into_bytes());
    }
    bytes
}

/// The header `webhook-signature` of Standard Webhooks (standardwebhooks.com) for `seconds` since 1970. A secret that begins with `whsec_` is
/// base64 behind that; any other is taken as it is.
pub(crate) fn standard_webhook(secret: &str, id: &str, seconds: i64, body: &str) -> String {
    let key = secret.strip_prefix("whsec_").and_then(from_base64).unwrap_or_else(|| secret.as_bytes().to_vec());
    format!("v1,{}", base64(&hmac(&key, format!("{id}.{seconds}.{body}").as_bytes())))
}

/// The `sign` of a custom bot of Feishu: the key is `timestamp\nsecret`, the message is empty.
pub(crate) fn feishu(secret: &str, seconds: i64) -> String {
    base64(&hmac(format!("{seconds}\n{secret}").as_bytes(), b""))
}

/// The `sign` of a custom bot of DingTalk, before it is written into an address: the message is `timestamp\nsecret`.
pub(crate) fn dingtalk(secret: &str, millis: i64) -> String {
    base64(&hmac(secret.as_bytes(), format!("{millis}\n{secret}").as_bytes()))
}

/// Written with padding, read with or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// RFC 4648, section 4, with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// What [`base64`] makes, with or without padding; `None` for anything else.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn signatures_are_those_of_the_documents() {
        // The example of the specification of Standard Webhooks.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let made = standard_webhook(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(made, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        // RFC 4231, test case 2.
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let hex: String =
            hmac(b"Jefe", b"what do ya want for nothing?").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
        // Made by Python's hmac and base64, in the way that the vendors' documents show.
        assert_eq!(feishu("demo", 1_599_360_473), "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=");
        assert_eq!(dingtalk("SECdemo", 1_577_262_236_757), "sLRlUUvzoOXn5DR/+o+s6tOqX+bWe3JGaZ7JQ7844l8=");
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        for bad in ["Z", "Zm9vY", "Zm 9", "Zm9v-", "é"] {
            assert_eq!(from_base64(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn base64_goes_there_and_back(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(from_base64(&base64(&bytes)), Some(bytes));
        }
    }
}
