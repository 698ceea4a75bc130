//! Our names of instruments and the vendor's.

use std::collections::HashMap;

use assetctl_config::{HttpCase, HttpSymbols};

/// A pattern of `{code}` and `{exchange}` with fixed text around them.
#[derive(Debug, Clone)]
struct Pattern {
    text: String,
    /// Whether `{exchange}` stands before `{code}`; `None` where there is no `{exchange}`.
    exchange_first: Option<bool>,
    before: String,
    between: String,
    after: String,
}

const CODE: &str = "{code}";
const EXCHANGE: &str = "{exchange}";

impl Pattern {
    /// # Errors
    /// It cannot be read back: no `{code}`, or nothing between the two.
    fn new(text: &str) -> Result<Self, String> {
        let code = text.find(CODE).ok_or_else(|| format!("the pattern `{text}` has no `{CODE}`"))?;
        let exchange = text.find(EXCHANGE);
        let code_end = code + CODE.len();
        let Some(exchange) = exchange else {
            let (before, after) = (text[..code].to_owned(), text[code_end..].to_owned());
            return Ok(Self { text: text.to_owned(), exchange_first: None, before, between: String::new(), after });
        };
        let exchange_end = exchange + EXCHANGE.len();
        let first = exchange < code;
        let (start, middle, end) =
            if first { (exchange, exchange_end..code, code_end) } else { (code, code_end..exchange, exchange_end) };
        Ok(Self {
            text: text.to_owned(),
            exchange_first: Some(first),
            before: text[..start].to_owned(),
            between: text[middle].to_owned(),
            after: text[end..].to_owned(),
        })
    }

    /// (code, exchange); the exchange is empty where the pattern has none. `exchanges` are those that may stand there: they tell where
    /// the parts meet if nothing stands between them.
    fn parse<'n>(&self, name: &'n str, mut exchanges: impl Iterator<Item = &'n str>) -> Option<(&'n str, &'n str)> {
        let inside = name.strip_prefix(self.before.as_str())?.strip_suffix(self.after.as_str())?;
        let (code, exchange) = match self.exchange_first {
            None => (inside, ""),
            Some(true) if self.between.is_empty() => {
                let exchange = exchanges.find(|exchange| inside.starts_with(exchange))?;
                (&inside[exchange.len()..], exchange)
            }
            Some(false) if self.between.is_empty() => {
                let exchange = exchanges.find(|exchange| inside.ends_with(exchange))?;
                (&inside[..inside.len() - exchange.len()], exchange)
            }
            // A code may have the mark in it (`BRK.B.XNYS`), an exchange does not.
            Some(true) => inside.split_once(self.between.as_str()).map(|(exchange, code)| (code, exchange))?,
            Some(false) => inside.rsplit_once(self.between.as_str())?,
        };
        (!code.is_empty()).then_some((code, exchange))
    }

    fn write(&self, code: &str, exchange: &str) -> String {
        self.text.replace(EXCHANGE, exchange).replace(CODE, code)
    }
}

/// Writes names as the vendor does, and back.
#[derive(Debug, Clone)]
pub(super) struct Symbols {
    rules: Option<Rules>,
}

#[derive(Debug, Clone)]
struct Rules {
    ours: Pattern,
    theirs: Pattern,
    /// (ours, theirs), in the order declared.
    exchanges: Vec<(String, String)>,
    case: HttpCase,
}

impl Symbols {
    /// # Errors
    /// The patterns do not go both ways, in words.
    pub fn new(spec: Option<&HttpSymbols>) -> Result<Self, String> {
        let Some(spec) = spec else { return Ok(Self { rules: None }) };
        let default = if spec.exchanges.is_empty() { CODE } else { "{code}.{exchange}" };
        let ours = Pattern::new(spec.ours.as_deref().unwrap_or(default))?;
        let theirs = Pattern::new(spec.theirs.as_deref().unwrap_or(&ours.text))?;
        let with_exchange = |pattern: &Pattern| pattern.exchange_first.is_some();
        if with_exchange(&theirs) && !with_exchange(&ours) {
            return Err(format!("`{}` tells exchanges and `{}` does not", theirs.text, ours.text));
        }
        if with_exchange(&ours) && spec.exchanges.is_empty() {
            return Err("`exchanges` are missing: ours, and the vendor's for each".to_owned());
        }
        let exchanges = spec.exchanges.iter().map(|(ours, theirs)| (ours.clone(), theirs.clone())).collect();
        Ok(Self { rules: Some(Rules { ours, theirs, exchanges, case: spec.case }) })
    }

    /// The vendor's name.
    ///
    /// # Errors
    /// Our name is not of the pattern, or of an exchange that is not declared.
    pub fn theirs(&self, name: &str) -> Result<String, String> {
        let Some(rules) = &self.rules else { return Ok(name.to_owned()) };
        let known = rules.exchanges.iter().map(|(ours, _)| ours.as_str());
        let (code, exchange) = rules
            .ours
            .parse(name, known)
            .ok_or_else(|| format!("the instrument `{name}` is not written like `{}`", rules.ours.text))?;
        let theirs = match rules.ours.exchange_first {
            None => "",
            Some(_) => rules
                .exchanges
                .iter()
                .find(|(ours, _)| ours == exchange)
                .map(|(_, theirs)| theirs.as_str())
                .ok_or_else(|| {
                    let known: Vec<&str> = rules.exchanges.iter().map(|(ours, _)| ours.as_str()).collect();
                    format!("the exchange of `{name}` is none of `{}`", known.join("`, `"))
                })?,
        };
        let code = match rules.case {
            HttpCase::Keep => code.to_owned(),
            HttpCase::Lower => code.to_lowercase(),
            HttpCase::Upper => code.to_uppercase(),
        };
        Ok(rules.theirs.write(&code, theirs))
    }

    /// Our name of the vendor's, if no asked-for instrument tells it.
    ///
    /// # Errors
    /// As [`Symbols::theirs`].
    fn ours(&self, name: &str) -> Result<String, String> {
        let Some(rules) = &self.rules else { return Ok(name.to_owned()) };
        let known = rules.exchanges.iter().map(|(_, theirs)| theirs.as_str());
        let (code, exchange) = rules
            .theirs
            .parse(name, known)
            .ok_or_else(|| format!("the vendor's `{name}` is not written like `{}`", rules.theirs.text))?;
        let exchange = match rules.theirs.exchange_first {
            None => "",
            Some(_) => rules
                .exchanges
                .iter()
                .find(|(_, theirs)| theirs == exchange)
                .map(|(ours, _)| ours.as_str())
                .ok_or_else(|| {
                    format!("the exchange of the vendor's `{name}` is not among `symbols: {{ exchanges }}`")
                })?,
        };
        let code = match rules.case {
            HttpCase::Keep => code.to_owned(),
            HttpCase::Lower => code.to_uppercase(),
            HttpCase::Upper => code.to_lowercase(),
        };
        Ok(rules.ours.write(&code, exchange))
    }
}

/// Reads the vendor's names back, in one request.
pub(super) struct Back {
    symbols: Symbols,
    /// The vendor's names of what was asked for.
    asked: HashMap<String, String>,
}

impl Back {
    /// # Errors
    /// As [`Symbols::theirs`].
    pub fn new(symbols: &Symbols, instruments: &[String]) -> Result<Self, String> {
        let pair = |ours: &String| Ok((symbols.theirs(ours)?, ours.clone()));
        let asked = instruments.iter().map(pair).collect::<Result<_, String>>()?;
        Ok(Self { symbols: symbols.clone(), asked })
    }

    /// Our name; `None` for an instrument that was not asked for.
    ///
    /// # Errors
    /// The name cannot be read back.
    pub fn ours(&self, theirs: &str) -> Result<Option<String>, String> {
        match self.asked.get(theirs) {
            Some(ours) => Ok(Some(ours.clone())),
            None if !self.asked.is_empty() => Ok(None),
            None => self.symbols.ours(theirs).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(
        ours: Option<&str>,
        theirs: &str,
        exchanges: &[(&str, &str)],
        case: HttpCase,
    ) -> Result<Symbols, String> {
        Symbols::new(Some(&HttpSymbols {
            ours: ours.map(str::to_owned),
            theirs: Some(theirs.to_owned()),
            exchanges: exchanges.iter().map(|(ours, theirs)| ((*ours).to_owned(), (*theirs).to_owned())).collect(),
            case,
        }))
    }

    #[test]
    fn one_stock_by_the_names_of_all_vendors() {
        for (theirs, exchanges, name) in [
            ("{exchange}.{code}", [("XSHG", "1"), ("XSHE", "0")], "1.600519"),
            ("{code}.{exchange}", [("XSHG", "SH"), ("XSHE", "SZ")], "600519.SH"),
            ("{exchange}.{code}", [("XSHG", "sh"), ("XSHE", "sz")], "sh.600519"),
            ("{exchange}{code}", [("XSHG", "sh"), ("XSHE", "sz")], "sh600519"),
            ("{code}{exchange}", [("XSHG", "-a"), ("XSHE", "-b")], "600519-a"),
        ] {
            let symbols = symbols(None, theirs, &exchanges, HttpCase::Keep).unwrap();
            assert_eq!(symbols.theirs("600519.XSHG").unwrap(), name);
            assert_eq!(symbols.ours(name).unwrap(), "600519.XSHG");
        }
        let own = symbols(Some("{exchange}.{code}"), "{exchange}.{code}", &[("sh", "1"), ("sz", "0")], HttpCase::Keep);
        assert_eq!(own.unwrap().theirs("sz.000001").unwrap(), "0.000001");
        let lower = symbols(None, "{code}.us", &[], HttpCase::Lower).unwrap();
        assert_eq!(
            (lower.theirs("BRK.B").unwrap().as_str(), lower.ours("brk.b.us").unwrap().as_str()),
            ("brk.b.us", "BRK.B")
        );
        assert_eq!(Symbols::new(None).unwrap().theirs("BTCUSDT").unwrap(), "BTCUSDT");
    }

    #[test]
    fn what_was_asked_for_tells_names_that_rules_alone_do_not() {
        let symbols = symbols(None, "{exchange}.{code}", &[("XSHE", "0"), ("BJSE", "0")], HttpCase::Keep).unwrap();
        let asked = ["430047.BJSE".to_owned()];
        let back = Back::new(&symbols, &asked).unwrap();
        assert_eq!(back.ours("0.430047").unwrap().as_deref(), Some("430047.BJSE"));
        assert_eq!(back.ours("0.000001").unwrap(), None);
        assert_eq!(Back::new(&symbols, &[]).unwrap().ours("0.000001").unwrap().as_deref(), Some("000001.XSHE"));
    }

    #[test]
    fn names_that_do_not_fit_are_named() {
        let shanghai = symbols(None, "{exchange}.{code}", &[("XSHG", "1")], HttpCase::Keep).unwrap();
        assert_eq!(
            shanghai.theirs("AAPL").unwrap_err(),
            "the instrument `AAPL` is not written like `{code}.{exchange}`"
        );
        assert_eq!(shanghai.theirs("1.XNYS").unwrap_err(), "the exchange of `1.XNYS` is none of `XSHG`");
        assert!(shanghai.ours("7.600519").unwrap_err().contains("is not among"));
        assert!(symbols(None, "{cod}", &[], HttpCase::Keep).is_err());
        assert!(symbols(None, "{exchange}.{code}", &[], HttpCase::Keep).is_err());
    }
}
