//! Rules of `complete`.

use super::Rules;
use crate::spec::{CompleteSpec, Fill, PriceLimits};

impl Rules<'_> {
    pub(super) fn complete(&mut self, spec: &CompleteSpec) {
        let needs = [
            (
                "dividends",
                spec.dividends.is_some(),
                "actions",
                spec.actions.is_some(),
                "a table of dividends and splits",
            ),
            ("adjust", spec.adjust.is_some(), "actions", spec.actions.is_some(), "a table of dividends and splits"),
            (
                "missing",
                spec.missing.is_some(),
                "suspensions",
                spec.suspensions.is_some(),
                "a table of who was suspended",
            ),
        ];
        for (key, given, needed, there, what) in needs {
            if given && !there {
                self.error(
                    format!("`{key}` says nothing without `{needed}`"),
                    &[key],
                    format!("there is no `{needed}`"),
                    format!("name {what}: `{needed}: …`, or take `{key}` away"),
                );
            }
        }
        if spec.actions.is_some() && spec.fill.get("close").is_some_and(|fill| *fill != Fill::Carry) {
            self.error(
                "`actions` need a `close` that is carried",
                &["fill", "close"],
                "an ex-date after a suspension is reckoned from the close before it",
                "take this away: `close` is carried unless said otherwise",
            );
        }
        if let Some(limits) = &spec.limits {
            self.limits(limits, spec.listing.is_some());
        }
    }

    fn limits(&mut self, limits: &PriceLimits, listing: bool) {
        if !(limits.tick() > 0.0 && limits.tick() < 1e6) {
            self.error("`tick` is not a step of prices", &["limits", "tick"], "above 0", "write `0.01`, say");
        }
        if limits.own().is_empty() && limits.rules().is_empty() {
            self.error(
                "`rules` has no rule",
                &["limits", "rules"],
                "empty",
                "name a set, `cn_a_shares` say, or write rules",
            );
        }
        for (at, rule) in limits.own().iter().enumerate() {
            let at = at.to_string();
            let path = ["limits", "rules", &at];
            let inside = |key: &'static str| ["limits", "rules", &at, key].map(str::to_owned);
            if rule.ratio.is_some() == rule.unlimited {
                self.error(
                    "a rule has either a `ratio` or `unlimited: true`",
                    &path,
                    if rule.unlimited { "both" } else { "neither" },
                    "write `ratio: 0.1` for ten per cent",
                );
            }
            let mut say = |message: String, key: [String; 4], label: &str, help: &str| {
                let path: Vec<&str> = key.iter().map(String::as_str).collect();
                self.error(message, &path, label, help);
            };
            if let Some(ratio) = rule.ratio.filter(|ratio| !(*ratio > 0.0 && *ratio < 1.0)) {
                say(format!("`{ratio}` is no ratio"), inside("ratio"), "between 0 and 1", "ten per cent is `0.1`");
            }
            if rule.special && limits.special().is_none() {
                let help = "name a table beside `rules`: `special: …`";
                say("nothing says who is `special`".into(), inside("special"), "there is no table `special`", help);
            }
            if rule.first_sessions.is_some() && !listing {
                let help = "give the asset a `listing`";
                say(
                    "nothing says which sessions are an instrument's first".into(),
                    inside("first_sessions"),
                    "there is no `listing`",
                    help,
                );
            }
            for pattern in rule.instruments.iter().flat_map(|patterns| patterns.as_slice()) {
                if let Err(mistake) = glob::Pattern::new(pattern) {
                    say(
                        format!("`{pattern}` is not a pattern: {}", mistake.msg),
                        inside("instruments"),
                        "in this rule",
                        "`sh.60*` is all that begins with it",
                    );
                }
            }
            if let (Some(from), Some(to)) = (rule.from, rule.to)
                && to < from
            {
                say(format!("a rule from {from} to {to} never holds"), inside("to"), "before `from`", "swap them");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{BARS, mistakes};

    #[test]
    fn keys_that_need_another_say_which() {
        let said = |more: &str| {
            let bars = "  completed_bars:\n    kind: complete\n    input: raw_bars\n";
            mistakes(&format!("{BARS}{bars}{more}")).remove(0)
        };
        for (more, message, place) in [
            ("    dividends: same_close\n", "`dividends` says nothing without `actions`", "same_close"),
            ("    adjust: back\n", "`adjust` says nothing without `actions`", "back"),
            ("    missing: carry\n", "`missing` says nothing without `suspensions`", "carry"),
            (
                "    actions: raw_bars\n    fill: { close: missing }\n",
                "`actions` need a `close` that is carried",
                "missing",
            ),
            ("    fallback: raw_bar\n", "there is no asset `raw_bar`", "raw_bar"),
            ("    limits: { rules: [{ ratio: 10 }] }\n", "`10` is no ratio", "10"),
            ("    limits: { rules: [{ special: true, ratio: 0.05 }] }\n", "nothing says who is `special`", "true"),
            (
                "    limits: { rules: [{ from: 2014-01-02 }] }\n",
                "a rule has either a `ratio` or `unlimited: true`",
                "from",
            ),
            (
                "    limits: { rules: [{ unlimited: true, first_sessions: 5 }] }\n",
                "nothing says which sessions are an instrument's first",
                "5",
            ),
            (
                "    limits: { rules: [{ instruments: 'a[', ratio: 0.1 }] }\n",
                "`a[` is not a pattern: invalid range pattern",
                "'a['",
            ),
            ("    limits: { rules: cn_a_shares, special: nobody }\n", "there is no asset `nobody`", "nobody"),
            ("    limits: { rules: cn_a_shares, tick: 0 }\n", "`tick` is not a step of prices", "0"),
            ("    limits: cn_b_shares\n", "`limits` cannot be `cn_b_shares`", "cn_b_shares"),
            ("    missing: refetch\n    suspensions: raw_bars\n", "`missing` cannot be `refetch`", "refetch"),
        ] {
            assert_eq!(said(more), (message.to_owned(), place.to_owned()), "{more}");
        }
    }
}
