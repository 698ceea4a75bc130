//! The keys of `api:`: where the daemon answers HTTP, to whom, and what SQL may take.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretFrom;
use crate::duration::Span;

/// The HTTP API of `assetctl serve`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ApiSpec {
    /// The address and port, as `0.0.0.0:8123`, or `off` (default `127.0.0.1:8123`). Any but a loopback address needs a `token`.
    pub listen: Option<String>,
    /// Where the token is kept that actions need: `{ env: ASSETCTL_TOKEN }` or `{ file: token.txt }`. Without it there are no actions.
    pub token: Option<SecretFrom>,
    /// Pages of these origins may read the API in a browser: `https://desk.example`.
    pub origins: Vec<String>,
    /// What a query may take.
    pub sql: SqlLimits,
}

/// What one query over HTTP may take.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SqlLimits {
    /// How long it may take (default 10s).
    pub timeout: Option<Span>,
    /// How many rows it may give (default 10000).
    #[schemars(range(min = 1))]
    pub rows: Option<u32>,
    /// How much memory it may take, as `512MB` or `2GB` (default 512MB).
    pub memory: Option<String>,
    /// How many run at once (default 2); others wait for their turn.
    #[schemars(range(min = 1))]
    pub at_once: Option<u32>,
}

/// Where the API listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    Off,
    At(SocketAddr),
}

impl Listen {
    /// Where it listens if nobody says otherwise.
    pub const DEFAULT: Self = Self::At(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8123));

    /// `off`, or an address with a port.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "off" { Some(Self::Off) } else { text.parse().ok().map(Self::At) }
    }

    /// Whether others than this machine's programs can reach it.
    pub fn is_open(self) -> bool {
        matches!(self, Self::At(address) if !address.ip().is_loopback())
    }
}

impl ApiSpec {
    /// Where it listens. What is no address has been reported when it was read.
    pub fn listen(&self) -> Listen {
        self.listen.as_deref().and_then(Listen::parse).unwrap_or(Listen::DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        assert_eq!(Listen::parse("off"), Some(Listen::Off));
        for (text, is_open) in [
            ("127.0.0.1:8123", false),
            ("[::1]:1", false),
            ("127.9.9.9:0", false),
            ("0.0.0.0:8123", true),
            ("[::]:1", true),
        ] {
            assert_eq!(Listen::parse(text).unwrap().is_open(), is_open, "{text}");
        }
        for text in ["", "8123", "localhost:8123", "127.0.0.1", "127.0.0.1:70000"] {
            assert_eq!(Listen::parse(text), None, "{text}");
        }
        assert_eq!(ApiSpec::default().listen(), Listen::DEFAULT);
    }
}
