//! `assetctl schedule list`: schedules and sensors, when they run what, and when next.

use assetctl_serve::{ListedSchedule, SchedulePaused, local};
use chrono_tz::Tz;

use crate::context::Context;
use crate::error::CliError;
use crate::report::{self, instant, table};

pub fn run(context: &Context) -> Result<(), CliError> {
    let loaded = context.load()?;
    let store = loaded.existing_store()?;
    let listed = loaded.view().schedules(store.as_ref(), context.clock.now())?;
    let declared = &loaded.project.schedules;
    let zone = |name: &str| declared.schedule(name).map_or(Tz::UTC, |schedule| schedule.zone);
    report::result(context.format, &listed, |listed| human(listed, zone))
}

fn human(listed: &[ListedSchedule], zone: impl Fn(&str) -> Tz) -> String {
    if listed.is_empty() {
        return "no schedule is declared; docs/schedules.md says how\n".to_owned();
    }
    let mut shown = table::table(&["name", "job", "when", "next", "last"]);
    for one in listed {
        let next = match (&one.paused, &one.next, one.kind) {
            (Some(paused), ..) => in_words(paused),
            (None, Some(tick), _) => local(tick.decided_at, zone(&one.name)),
            (None, None, "sensor") => "when `serve` sees it".to_owned(),
            (None, None, _) => "never".to_owned(),
        };
        let last = one.last.as_ref().map(|tick| format!("{} {}", tick.decision, local(tick.due, zone(&one.name))));
        shown.add_row([one.name.clone(), one.job.clone(), one.when.clone(), next, last.unwrap_or_default()]);
    }
    table::render(&shown)
}

fn in_words(paused: &SchedulePaused) -> String {
    let since = paused.since.map(|since| format!(" since {}", instant(since))).unwrap_or_default();
    let who = paused.who.as_ref().map(|who| format!(" by {who}")).unwrap_or_default();
    let why = paused.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("paused{since}{who}{why}")
}
