//! The panel that both sides read: one Parquet file of made-up bars, sorted by session and instrument.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use assetctl_calendar::{Calendar, SessionIx};
use chrono::NaiveDate;
use polars::prelude::*;

use crate::bars::{Bar, Instrument};
use crate::measure::{Failure, scratch};

const CALENDAR: &str = "XSHG";
const LAST_SESSION: &str = "2024-12-31";
/// Sessions of one row group.
const SESSIONS_AT_ONCE: usize = 100;

#[derive(Debug, Clone, Copy)]
pub struct Panel {
    pub instruments: usize,
    pub sessions: usize,
}

impl Panel {
    /// As `300x4000`.
    pub fn name(self) -> String {
        format!("{}x{}", self.instruments, self.sessions)
    }

    pub fn folder(self) -> PathBuf {
        scratch("alpha158").join(self.name())
    }

    pub fn file(self) -> PathBuf {
        self.folder().join("bars.parquet")
    }

    /// The sessions, oldest first.
    ///
    /// # Errors
    /// When the calendar does not have that many.
    pub fn dates(self) -> Result<Vec<NaiveDate>, Failure> {
        let calendar = Calendar::builtin(CALENDAR).ok_or("the calendar is not built in")?;
        let first = self.first_session()?;
        let sessions = first..first + self.sessions;
        sessions.map(|ix| Ok(calendar.date(SessionIx(u32::try_from(ix)?)).date())).collect()
    }

    /// The number of the first session in its calendar.
    ///
    /// # Errors
    /// As [`Panel::dates`].
    pub fn first_session(self) -> Result<usize, Failure> {
        let calendar = Calendar::builtin(CALENDAR).ok_or("the calendar is not built in")?;
        let end = calendar.ix(LAST_SESSION.parse()?)?.0 as usize + 1;
        Ok(end.checked_sub(self.sessions).ok_or("the calendar is too short")?)
    }

    /// Writes the file, unless it is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn prepare(self) -> Result<(), Failure> {
        if self.file().exists() {
            return Ok(());
        }
        eprintln!("making {}", self.file().display());
        fs::create_dir_all(self.folder())?;
        let part = self.file().with_extension("part");
        self.write(&part)?;
        fs::rename(part, self.file())?;
        Ok(())
    }

    fn write(self, path: &Path) -> Result<(), Failure> {
        let names: Vec<String> = (0..self.instruments).map(|number| format!("{}.XSHG", 600_000 + number)).collect();
        let mut instruments: Vec<Instrument> = (0..self.instruments).map(Instrument::new).collect();
        let mut writer = None;
        for dates in self.dates()?.chunks(SESSIONS_AT_ONCE) {
            let mut rows: Vec<(NaiveDate, usize, Bar)> = Vec::new();
            for date in dates {
                let days = instruments.iter_mut().enumerate();
                rows.extend(days.filter_map(|(number, instrument)| Some((*date, number, instrument.day()?))));
            }
            let frame = frame(&rows, &names)?;
            let writer = match &mut writer {
                Some(writer) => writer,
                None => writer.insert(ParquetWriter::new(File::create(path)?).batched(frame.schema())?),
            };
            writer.write_batch(&frame)?;
        }
        if let Some(writer) = writer {
            writer.finish()?;
        }
        Ok(())
    }
}

fn frame(rows: &[(NaiveDate, usize, Bar)], names: &[String]) -> Result<DataFrame, Failure> {
    let session = DateChunked::from_naive_date("session".into(), rows.iter().map(|row| row.0)).into_column();
    let instrument = rows.iter().map(|row| names[row.1].as_str());
    let instrument = StringChunked::from_iter_values("instrument".into(), instrument).into_column();
    let fields: [(&str, fn(&Bar) -> f64); 6] = [
        ("open", |bar| bar.open),
        ("high", |bar| bar.high),
        ("low", |bar| bar.low),
        ("close", |bar| bar.close),
        ("volume", |bar| bar.volume),
        ("vwap", |bar| bar.vwap),
    ];
    let columns = fields.map(|(name, field)| {
        let values: Vec<f64> = rows.iter().map(|row| field(&row.2)).collect();
        Column::new(name.into(), values)
    });
    Ok(DataFrame::new(rows.len(), [session, instrument].into_iter().chain(columns).collect())?)
}
