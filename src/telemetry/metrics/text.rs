//! The text of Prometheus, from that of OpenMetrics.

/// How metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`
    Prometheus,
    /// `application/openmetrics-text; version=1.0.0`
    OpenMetrics,
}

impl Format {
    /// What a client wants to have, by its `Accept`.
    pub fn wanted(accept: &str) -> Self {
        let weight = |media: &str| {
            let found = accept.split(',').map(str::trim).find_map(|range| range.strip_prefix(media))?;
            let quality = found.split(';').find_map(|part| part.trim().strip_prefix("q="));
            Some(quality.and_then(|quality| quality.parse::<f64>().ok()).unwrap_or(1.0))
        };
        let open = weight("application/openmetrics-text").unwrap_or(0.0);
        if open > 0.0 && open >= weight("text/plain").unwrap_or(0.0) { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// The type of the text.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The text as the library writes it, without the empty sets of labels.
pub fn tidied(written: &str) -> String {
    let mut text = String::with_capacity(written.len());
    for line in written.lines() {
        match line.split_once('{') {
            Some((name, rest)) if rest.starts_with('}') && !line.starts_with('#') => {
                text.push_str(name);
                text.push_str(&rest[1..]);
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// The same metrics in version 0.0.4: there the name of a counter ends with `_total` where it is described too, and no line says that the text
/// has ended.
pub fn prometheus(open: &str) -> String {
    let mut text = String::with_capacity(open.len() + open.len() / 16);
    let mut lines = open.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "# EOF" {
            continue;
        }
        let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) else {
            text.push_str(line);
            text.push('\n');
            continue;
        };
        let kind = lines.next_if(|next| next.starts_with("# TYPE ")).and_then(|next| next.rsplit(' ').next());
        let ending = if kind == Some("counter") { "_total" } else { "" };
        text.push_str(&format!("# HELP {name}{ending} {help}\n"));
        if let Some(kind) = kind {
            text.push_str(&format!("# TYPE {name}{ending} {kind}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_described_under_their_whole_name() {
        let open = "# HELP runs Runs.\n# TYPE runs counter\nruns_total{job=\"a # HELP b\"} 1\n# HELP up Up.\n# TYPE up gauge\nup 1\n# EOF\n";
        let text = "# HELP runs_total Runs.\n# TYPE runs_total counter\nruns_total{job=\"a # HELP b\"} 1\n# HELP up Up.\n# TYPE up gauge\nup 1\n";
        assert_eq!(prometheus(open), text);
    }

    #[test]
    fn what_has_no_labels_is_written_without_them() {
        let written = "# HELP a {} b.\na{} 1\nb{c=\"{} d\"} 2\ne 3\n# EOF\n";
        assert_eq!(tidied(written), "# HELP a {} b.\na 1\nb{c=\"{} d\"} 2\ne 3\n# EOF\n");
    }

    #[test]
    fn a_client_gets_what_it_wants_most() {
        use Format::{OpenMetrics, Prometheus};
        for (accept, wanted) in [
            ("", Prometheus),
            ("*/*", Prometheus),
            ("text/plain;version=0.0.4", Prometheus),
            ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", OpenMetrics),
            ("text/plain;q=0.9, application/openmetrics-text;q=0.1", Prometheus),
            ("application/openmetrics-text;q=0", Prometheus),
            ("application/openmetrics-text", OpenMetrics),
        ] {
            assert_eq!(Format::wanted(accept), wanted, "{accept}");
        }
    }
}
