//! What writing alone takes: the features as the program has written them, written again by the same writer. Runs as a process of its
//! own, which measures itself: reading a month before it is written counts for nothing.

use std::fs::{self, File};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use assetctl_store::write_segment;
use polars::prelude::*;

use crate::measure::{Failure, Taken, cpu_from};

/// Where `/proc` has `utime` and `stime` of a process, behind its name.
const THIS: usize = 11;

/// Columns with statistics: those that rows are looked up by.
const KEY: usize = 2;
/// Months that are written at once, each by a thread, as in a commit: some write while others wait for the disk.
const AT_ONCE: usize = 4;

/// Writes the segments of the folder `from` again, month by month, into the folder `to`; gives one line for [`read`].
///
/// # Errors
/// When a file cannot be read or written.
pub fn write_again(from: &Path, to: &Path) -> Result<String, Failure> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    let mut taken = Taken { wall: 0.0, cpu: Some(0.0), megabytes: None };
    for paths in segments(from)?.chunks(AT_ONCE) {
        let months = paths.iter().map(|path| month(path, to)).collect::<Result<Vec<_>, _>>()?;
        let (cpu, started) = (cpu_from(THIS), Instant::now());
        let written: Result<Vec<u64>, assetctl_store::Error> = thread::scope(|scope| {
            let write = |(path, frame)| scope.spawn(move || write_segment(path, frame, KEY, false));
            let writers: Vec<_> = months.iter().map(|(path, frame)| write((path, frame))).collect();
            writers.into_iter().map(|writer| writer.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        written?;
        taken.wall += started.elapsed().as_secs_f64();
        let cpu = cpu.zip(cpu_from(THIS)).map(|(before, after)| after - before);
        taken.cpu = taken.cpu.zip(cpu).map(|(sum, cpu)| sum + cpu);
    }
    fs::remove_dir_all(to)?;
    let cpu = taken.cpu.map_or_else(|| "-".to_owned(), |cpu| cpu.to_string());
    Ok(format!("{} {cpu}", taken.wall))
}

/// What [`write_again`] says it took.
///
/// # Errors
/// When it says something else.
pub fn read(line: &str) -> Result<Taken, Failure> {
    let (wall, cpu) = line.trim().split_once(' ').ok_or_else(|| format!("no measure: {line}"))?;
    Ok(Taken { wall: wall.parse()?, cpu: cpu.parse().ok(), megabytes: None })
}

/// A segment's rows in one piece, and where they go.
fn month(path: &Path, to: &Path) -> Result<(PathBuf, DataFrame), Failure> {
    let mut frame = ParquetReader::new(File::open(path)?).finish()?;
    frame.rechunk_mut_par();
    Ok((to.join(path.file_name().ok_or("a segment has no name")?), frame))
}

fn segments(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "parquet") {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() { Err(format!("no segments in {}", folder.display()).into()) } else { Ok(found) }
}
