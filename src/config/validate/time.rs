//! Rules of sources whose rows have a time.

use super::Rules;
use crate::spec::{ColumnType, HttpBy, HttpVendor, Kind, SourceSpec};
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

    /// The column of a vendor's times. How they are written is said under `time:`, as of files.
    pub(super) fn http_time(&mut self, vendor: &HttpVendor) {
        let Kind::Source(SourceSpec { time: Some(time), .. }) = &self.draft.kind else { return };
        let name = self.draft.name.clone();
        let has_session = vendor.columns.get("session").is_some() || vendor.by == Some(HttpBy::Session);
        let of_day = time.format.as_deref().filter(|format| TimeFormat::of(format) == Some(TimeFormat::OfDay));
        if let Some(format) = of_day.filter(|_| !has_session) {
            let help = "map the field of the trading date, `columns: { session: … }`, or give the date in `format`";
            let message = format!("`{format}` has no date, and there is no `session`");
            self.error(message, &["time", "format"], "of which date?", help);
        }
        let Some(column) = vendor.columns.get("time") else {
            let message = format!("nothing says at which time a row of `{name}` is");
            let help =
                "map it, as `columns: { time: … }`; `assetctl sources` says which vendors have bars within sessions";
            return self.error(message, &["http", "columns"], "`time` is missing", help);
        };
        let field = column.field();
        let path = ["http", "columns", "time"];
        let with = |key| path.iter().copied().chain([key]).collect::<Vec<&str>>();
        if field.kind.is_some_and(|kind| kind != ColumnType::Time) {
            self.error("`time` is always a time", &with("type"), "another type", "take it away");
        }
        let elsewhere = [
            ("format", field.format.is_some(), "`time: { format: … }`"),
            ("epoch", field.epoch.is_some(), "`time: { format: epoch }`, or `epoch_ms`"),
            ("zone", field.zone.is_some(), "`time: { zone: … }`"),
        ];
        for (key, _, help) in elsewhere.into_iter().filter(|(_, given, _)| *given) {
            let message = format!("`{key}` of a row's time is said under `time:`");
            self.error(message, &with(key), "not here", format!("write {help}"));
        }
        if field.times.is_some() {
            self.error(
                "`times` is for numbers, and `time` is a time",
                &with("times"),
                "has no meaning here",
                "take it away",
            );
        }
    }

    /// How a column of times is written that is not the row's own.
    pub(super) fn http_time_format(&mut self, format: &str, path: &[&str]) {
        if !matches!(TimeFormat::of(format), Some(TimeFormat::Instant | TimeFormat::Local)) {
            let help = "`%Y-%m-%d %H:%M:%S` is 2024-03-15 09:31:00; a count is said by `epoch: s` or `epoch: ms`";
            self.error(format!("`{format}` is not the format of a time"), path, "how a time is written", help);
        }
    }
}
