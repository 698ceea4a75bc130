//! Rules of sources whose rows have a time.

use super::Rules;
use crate::spec::{ColumnType, Kind, SourceSpec};
use crate::time_format::TimeFormat;

impl Rules<'_> {
    /// Whether the asset's rows have a time.
    pub(super) fn has_time(&self) -> bool {
        matches!(&self.draft.kind, Kind::Source(spec) if spec.time.is_some())
    }

    pub(super) fn time(&mut self, spec: &SourceSpec) {
        let Some(time) = &spec.time else { return };
        if let Some(every) = time.every {
            let seconds = every.to_std().as_secs();
            if seconds == 0 || seconds > 86_400 {
                let help = "write `1m`, `5m`, `15m`; rows without a length of their own need no `every`";
                self.error(format!("a bar cannot be {every} long"), &["time", "every"], "the length of a bar", help);
            }
        }
        if let Some(zone) = &time.zone
            && !assetctl_calendar::is_time_zone(zone)
        {
            let message = format!("there is no time zone `{zone}`");
            self.error(message, &["time", "zone"], "not known", "write it like `Asia/Shanghai`");
        }
        if let Some(format) = &time.format {
            let needs_session = spec.files.columns.get("session").is_none() && spec.session.is_none();
            match TimeFormat::of(format) {
                None => self.error(
                    format!("`{format}` is not the format of a time"),
                    &["time", "format"],
                    "how a time is written",
                    "`%Y-%m-%d %H:%M:%S` is 2024-03-15 09:31:00; `%H:%M` is of the column `session`; `epoch` and `epoch_ms` are counts",
                ),
                Some(TimeFormat::OfDay) if needs_session && !spec.is_fetched() => self.error(
                    format!("`{format}` has no date, and there is no `session`"),
                    &["time", "format"],
                    "of which date?",
                    "map the column of the trading date, `columns: { session: … }`, or give the date in `format`",
                ),
                Some(_) => {}
            }
        }
        if spec.files.types.get("time").is_some_and(|kind| *kind != ColumnType::Time) {
            self.error("`time` is always a time", &["types", "time"], "another type", "take it away");
        }
    }
}
