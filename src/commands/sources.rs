//! `assetctl sources`: the vendors that the program knows, as a list, one in full, or its YAML.

use std::fmt::Write as _;

use assetctl_config::{BarStamp, HttpBy, HttpMeaning, HttpRate, HttpVendor, PRESETS, Preset, did_you_mean};
use serde::Serialize;

use crate::args::Sources;
use crate::context::Context;
use crate::error::CliError;
use crate::report::{self, table};

/// `--format json`: one per vendor.
#[derive(Serialize)]
struct Listed {
    name: &'static str,
    description: Option<String>,
    documentation: Option<String>,
    base_url: Option<String>,
    /// What one call covers.
    by: Option<HttpBy>,
    /// What has to be set before it can be asked.
    secrets: Vec<Secret>,
    columns: Vec<Column>,
    rate: Option<HttpRate>,
    /// How it is asked for bars within sessions, if it has them.
    intraday: Option<Intraday>,
    /// The whole description.
    yaml: &'static str,
}

#[derive(Serialize)]
struct Intraday {
    by: Option<HttpBy>,
    /// What the time of a bar names.
    stamp: BarStamp,
    columns: Vec<Column>,
}

#[derive(Serialize)]
struct Secret {
    /// Where a description of your own puts another: `params.token`.
    key: String,
    /// The environment variable.
    env: Option<String>,
    file: Option<String>,
}

#[derive(Serialize)]
struct Column {
    name: String,
    from: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Our value is the vendor's times this.
    times: f64,
}

pub fn run(context: &Context, args: &Sources) -> Result<(), CliError> {
    let chosen: Vec<Preset> = match args.name.as_deref() {
        None => PRESETS.to_vec(),
        Some(name) => vec![Preset::named(name).ok_or_else(|| unknown(name))?],
    };
    if args.yaml {
        return report::text(&chosen.iter().map(|preset| preset.text).collect::<Vec<_>>().join("---\n"));
    }
    let (mut vendors, mut all) = (Vec::with_capacity(chosen.len()), Vec::with_capacity(chosen.len()));
    for preset in chosen {
        let vendor = preset.vendor().map_err(CliError::other("reading a preset"))?;
        let minutes = preset.intraday().map_err(CliError::other("reading a preset"))?;
        all.push(listed(preset, &vendor, minutes.as_ref()));
        vendors.push(vendor);
    }
    report::result(context.format, &all, |listed| match (listed.as_slice(), vendors.as_slice()) {
        ([one], [vendor]) if args.name.is_some() => in_full(one, vendor),
        _ => list(listed),
    })
}

fn unknown(name: &str) -> CliError {
    let help = match did_you_mean(name, PRESETS.iter().map(|preset| preset.name)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "`assetctl sources` lists those that ship; a vendor of your own is a YAML file: docs/sources-http.md"
            .to_owned(),
    };
    CliError::usage(format!("there is no vendor `{name}`"), Some(&help))
}

fn columns(vendor: &HttpVendor) -> Vec<Column> {
    let column = |(name, column): (&String, &assetctl_config::HttpColumn)| {
        let field = column.field();
        let kind = match name.as_str() {
            "session" => "date",
            "instrument" => "text",
            "time" if vendor.time.is_some() => "time",
            _ => field.kind.map_or("number", assetctl_config::ColumnType::name),
        };
        Column { name: name.clone(), from: field.from, kind, times: field.times.unwrap_or(1.0) }
    };
    vendor.columns.iter().map(column).collect()
}

fn listed(preset: Preset, vendor: &HttpVendor, minutes: Option<&HttpVendor>) -> Listed {
    let secrets = vendor.secrets().into_iter().map(|(key, from)| Secret { key, env: from.env, file: from.file });
    let intraday = minutes.map(|minutes| Intraday {
        by: minutes.by,
        stamp: minutes.time.as_ref().map(|times| times.stamp).unwrap_or_default(),
        columns: columns(minutes),
    });
    Listed {
        name: preset.name,
        description: vendor.description.clone(),
        documentation: vendor.documentation.clone(),
        base_url: vendor.base_url.clone(),
        by: vendor.by,
        secrets: secrets.collect(),
        columns: columns(vendor),
        rate: vendor.rate.clone(),
        intraday,
        yaml: preset.text,
    }
}

/// Where a column comes from, in words.
fn shown(column: &Column) -> String {
    let unit = if column.times == 1.0 { String::new() } else { format!(", times {}", column.times) };
    format!("`{}` is {}{unit}", column.name, column.from)
}

/// What has to be set, or nothing.
fn needs(secrets: &[Secret]) -> String {
    let names: Vec<&str> =
        secrets.iter().filter_map(|secret| secret.env.as_deref().or(secret.file.as_deref())).collect();
    names.join(", ")
}

fn covers(by: Option<HttpBy>) -> &'static str {
    match by {
        Some(HttpBy::Session) => "a session",
        Some(HttpBy::Instrument) => "an instrument",
        Some(HttpBy::Range) | None => "a range",
    }
}

fn list(listed: &[Listed]) -> String {
    let mut table = table::table(&["vendor", "a call covers", "bars of", "needs", "what"]);
    for one in listed {
        let what = one.description.clone().unwrap_or_default();
        let bars = if one.intraday.is_some() { "days, minutes" } else { "days" };
        table.add_row([one.name.to_owned(), covers(one.by).to_owned(), bars.to_owned(), needs(&one.secrets), what]);
    }
    format!(
        "{}\nUse one as `http: {}`. `assetctl sources NAME` tells all about it.\n",
        table::render(&table),
        listed[0].name
    )
}

fn in_full(one: &Listed, vendor: &HttpVendor) -> String {
    let mut text = String::new();
    let mut fact = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<15}{value}");
        }
    };
    fact("vendor", one.name);
    fact("what", one.description.as_deref().unwrap_or_default());
    fact("documentation", one.documentation.as_deref().unwrap_or_default());
    fact("address", one.base_url.as_deref().unwrap_or_default());
    fact("a call covers", covers(one.by));
    fact("needs", &needs(&one.secrets));
    fact("rate", &vendor.rate.as_ref().map(rate).unwrap_or_default());
    if let Some(rows) = vendor.truncated_at {
        fact("cut off at", &format!("{} rows: then the call is divided", table::thousands(rows)));
    }
    fact("symbols", &vendor.symbols.as_ref().map(symbols).unwrap_or_default());
    let waits = vendor.errors.iter().filter(|rule| rule.means == HttpMeaning::RateLimited).count();
    fact("rules", &format!("{} for errors, {waits} of them of limits", vendor.errors.len()));
    if let Some(intraday) = &one.intraday {
        let stamp = match intraday.stamp {
            BarStamp::Start => "start",
            BarStamp::End => "end",
        };
        let by = covers(intraday.by);
        fact(
            "minutes",
            &format!("with `time: {{ every: 5m }}`: a call covers {by}, and a time is the {stamp} of its bar"),
        );
    }
    let mut columns = table::table(&["column", "from", "type", "times#"]);
    for column in &one.columns {
        columns.add_row([column.name.clone(), column.from.clone(), column.kind.to_owned(), column.times.to_string()]);
    }
    let _ = write!(text, "\n{}", table::render(&columns));
    let _ = write!(text, "\n  raw_bars:\n    kind: source\n    http: {}\n", one.name);
    if let Some(intraday) = &one.intraday {
        let _ = write!(text, "\n  minutes:\n    kind: source\n    time: {{ every: 5m }}\n    http: {}\n", one.name);
        let other = |column: &&Column| {
            one.columns
                .iter()
                .all(|daily| (&daily.name, &daily.from, daily.times) != (&column.name, &column.from, column.times))
        };
        let others: Vec<String> = intraday.columns.iter().filter(other).map(shown).collect();
        let _ = writeln!(text, "\nOf these bars {}.", others.join("; "));
    }
    let _ = writeln!(
        text,
        "\n`assetctl sources {} --yaml` prints the description: any part of it can be said otherwise.",
        one.name
    );
    text
}

fn rate(rate: &HttpRate) -> String {
    let of = [(rate.per_second, "second"), (rate.per_minute, "minute"), (rate.per_hour, "hour")];
    let found = of.into_iter().find_map(|(count, unit)| Some((count?, unit)));
    found.map(|(count, unit)| format!("{} a {unit}", table::count(count, "call"))).unwrap_or_default()
}

fn symbols(symbols: &assetctl_config::HttpSymbols) -> String {
    let default = if symbols.exchanges.is_empty() { "{code}" } else { "{code}.{exchange}" };
    let ours = symbols.ours.as_deref().unwrap_or(default);
    let exchanges: Vec<String> = symbols.exchanges.iter().map(|(ours, theirs)| format!("{ours}: {theirs}")).collect();
    let pattern = format!("ours {ours}, theirs {}", symbols.theirs.as_deref().unwrap_or(ours));
    if exchanges.is_empty() { pattern } else { format!("{pattern}; {}", exchanges.join(", ")) }
}
