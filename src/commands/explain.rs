//! `assetctl explain`: the whole chain of causes of one partition.

use assetctl_serve::{Explanation, LastAsked};
use chrono::NaiveDate;

use crate::args::{Explain, Selecting};
use crate::context::Context;
use crate::error::CliError;
use crate::report::{self, table::count};

pub fn run(context: &Context, args: &Explain) -> Result<(), CliError> {
    let loaded = context.load()?;
    let (name, date) = partition(&args.partition)?;
    let selected = loaded.select(&Selecting { select: vec![name.to_owned()], exclude: Vec::new() }, None)?;
    let &[ix] = selected.iter().collect::<Vec<_>>().as_slice() else {
        return Err(CliError::usage(
            format!("`{name}` is more than one asset"),
            Some("name one: `assetctl explain scores@2024-03-15`"),
        ));
    };
    let store = loaded.existing_store()?;
    let (asset, instrument) = (&loaded.graph.node(*ix).name, args.instrument.as_deref());
    let (explanation, row) = loaded.view().explain(store.as_ref(), asset, date, instrument, context.clock.now())?;
    report::result(context.format, &explanation, |explanation| {
        let row = match (&row, &args.instrument) {
            (Some(row), Some(instrument)) if row.is_empty() => format!("\nthere is no row of `{instrument}`\n"),
            (Some(row), _) => format!("\n{}", report::rows::human(row, 0)),
            (None, _) => String::new(),
        };
        human(explanation, 0) + &row
    })
}

/// `scores@2024-03-15` in two.
pub fn partition(text: &str) -> Result<(&str, Option<NaiveDate>), CliError> {
    match text.split_once('@') {
        None => Ok((text, None)),
        Some((name, date)) => match date.parse() {
            Ok(date) => Ok((name, Some(date))),
            Err(_) => Err(CliError::usage(
                format!("`{date}` is not a date"),
                Some("a partition is written `scores@2024-03-15`"),
            )),
        },
    }
}

fn human(explanation: &Explanation, depth: usize) -> String {
    let lead = "  ".repeat(depth);
    let name = match explanation.session {
        Some(session) => format!("{}@{session}", explanation.asset),
        None => explanation.asset.clone(),
    };
    let mut text = format!("{lead}{name} is {}: {}\n", explanation.state, explanation.why);
    if let Some(spec) = &explanation.spec {
        text.extend(spec.old.iter().map(|line| format!("{lead}  - {line}\n")));
        text.extend(spec.new.iter().map(|line| format!("{lead}  + {line}\n")));
    }
    if let Some(built) = &explanation.built {
        let why = built.why.as_deref().map(|why| format!(", because: {why}")).unwrap_or_default();
        text.push_str(&format!("{lead}  built by run {}{why}\n", built.run));
        text.push_str(&format!(
            "{lead}  {} rows, content of revision {}, spec {}\n",
            built.rows, built.revision, built.spec
        ));
    }
    if let Some(LastAsked { at, rows, taken }) = &explanation.asked {
        let taken = if *taken { "" } else { ", which were not taken" };
        let at = at.format("%Y-%m-%d %H:%M UTC");
        text.push_str(&format!("{lead}  asked for last on {at}: {}{taken}\n", count(*rows, "row")));
    }
    if let Some(revisions) = explanation.revisions.filter(|revisions| *revisions > 1) {
        text.push_str(&format!("{lead}  it has had {revisions} contents: `assetctl diff {name}` shows them\n"));
    }
    for read in &explanation.reads {
        let columns = read.columns.as_ref().map(|columns| format!(" ({})", columns.join(", "))).unwrap_or_default();
        let dates = match (read.first, read.last) {
            (Some(first), Some(last)) if first == last => format!(" {first}"),
            (Some(first), Some(last)) => format!(" {first}…{last}, {} sessions", read.sessions),
            _ => String::new(),
        };
        text.push_str(&format!(
            "{lead}  reads {}{columns}{dates}; newest change: revision {}\n",
            read.asset, read.newest_revision
        ));
    }
    for cause in &explanation.causes {
        text.push_str(&format!("{lead}  └ because of\n"));
        text.push_str(&human(cause, depth + 2));
    }
    text
}
