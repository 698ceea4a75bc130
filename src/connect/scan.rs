//! Which files a source has, and what in them differs from what was known before.
//!
//! The cheapest sign comes first. A file of the same size and modification time is not opened. (So an edit that keeps
//! both is not seen: whoever writes files with set times must change the size or the name, or touch them.) A file that
//! holds the same bytes is not parsed. A file that is parsed tells session by session whether its rows differ.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;

use crate::date::from_days;
use crate::digest::{Balance, Digest};
use crate::duplicate::refuse_duplicates;
use crate::error::{ConnectError, Problems};
use crate::files::{Content, SourceFile, Stat, find, read_stable};
use crate::layout::Layout;
use crate::load::Loader;
use crate::rows::Rows;
use crate::source::FileSource;

/// A file as it was when it was last read: what a store keeps of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFile {
    /// Relative to the source's base, with `/` between its parts.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// Time of modification in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// The first 16 bytes of the BLAKE3 hash of its bytes.
    pub content: [u8; 16],
    /// What its sessions held; for this crate to read.
    pub digest: Vec<u8>,
}

/// What became of a file since it was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// Same size and time: not opened.
    Unchanged,
    /// Other time, same bytes: not parsed.
    Touched,
    New,
    /// Other bytes, or the same bytes read otherwise.
    Changed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedFile {
    /// As the file is now: what a store should know from now on.
    pub known: KnownFile,
    pub state: FileState,
}

/// What a scan found, and the rows that it parsed on the way.
#[derive(Debug)]
pub struct Scan {
    /// Sorted by path.
    pub files: Vec<ScannedFile>,
    /// Known files that are no more.
    pub removed: Vec<KnownFile>,
    /// Sessions whose rows differ from before, those that are gone included. A file renamed, split or
    /// merged changes none. Empty for a table.
    pub changed_sessions: BTreeSet<NaiveDate>,
    /// Whether any rows differ from before: for a table the only sign.
    pub changed: bool,
    /// First and last session that any file has rows of; `None` without rows, and for a table.
    pub sessions: Option<(NaiveDate, NaiveDate)>,
    /// What a person should know but need not mend: columns that are not read, files that are all without rows.
    pub notes: Vec<String>,
    pub(crate) sources: Vec<SourceFile>,
    pub(crate) layout: Layout,
    pub(crate) digests: Vec<Digest>,
    pub(crate) parsed: HashMap<usize, Rows>,
    /// Which files have rows of a day; made when rows are first asked for.
    holders: Option<BTreeMap<i32, Vec<usize>>>,
}

impl Scan {
    /// One digest per session over the rows of all files; `None` stands for a table, which has no sessions. A session without
    /// rows has none. The sum of the files' digests: it depends on which rows there are, not on the files they are in.
    pub fn digests(&self) -> BTreeMap<Option<NaiveDate>, [u8; 16]> {
        let mut sums: BTreeMap<Option<NaiveDate>, u128> = BTreeMap::new();
        for (day, digest) in self.digests.iter().flat_map(|digest| &digest.sessions) {
            let session = (self.layout.keys > 0).then(|| from_days(*day));
            let sum = sums.entry(session).or_default();
            *sum = sum.wrapping_add(u128::from_le_bytes(*digest));
        }
        sums.into_iter().map(|(session, sum)| (session, sum.to_le_bytes())).collect()
    }

    /// Positions of the files that have rows of the wanted days, in order.
    pub(crate) fn holding(&mut self, wanted: impl Fn(i32) -> bool) -> BTreeSet<usize> {
        let digests = &self.digests;
        let holders = self.holders.get_or_insert_with(|| {
            let mut holders: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
            for (at, digest) in digests.iter().enumerate() {
                for (day, _) in &digest.sessions {
                    holders.entry(*day).or_default().push(at);
                }
            }
            holders
        });
        holders.iter().filter(|(day, _)| wanted(**day)).flat_map(|(_, files)| files).copied().collect()
    }

    /// All sessions that any file has rows of; empty for a table.
    pub fn held(&self) -> BTreeSet<NaiveDate> {
        if self.layout.keys == 0 {
            return BTreeSet::new();
        }
        let days: BTreeSet<i32> =
            self.digests.iter().flat_map(|digest| &digest.sessions).map(|(day, _)| *day).collect();
        days.into_iter().map(from_days).collect()
    }
}

/// Looks at every file of a source, and parses those that are new or changed.
///
/// # Errors
/// All that is wrong with the files, up to 20 problems: no file for a pattern, a header that does not fit, rows that
/// cannot be read, rows that are there twice.
pub fn scan(source: &FileSource, known: &[KnownFile]) -> Result<Scan, ConnectError> {
    let sources = find(source)?;
    let mut loader = Loader::new(source)?;
    let layout = loader.layout(&sources)?;
    let known_by_path: HashMap<&str, &KnownFile> = known.iter().map(|file| (file.path.as_str(), file)).collect();

    let mut problems = Problems::default();
    let mut notes = Vec::new();
    let (mut files, mut digests, mut parsed) = (Vec::new(), Vec::new(), HashMap::new());
    let mut balance = Balance::default();
    for (at, file) in sources.iter().enumerate() {
        if problems.full() {
            break;
        }
        let before = known_by_path.get(file.name.as_str()).copied();
        let digest_before = before.and_then(|known| Digest::decode(&known.digest));
        let usable = before.zip(digest_before.as_ref().filter(|digest| digest.layout == layout.hash));
        let looked = Stat::read(file).and_then(|stat| match usable {
            Some((known, digest)) if (known.size, known.mtime_ns) == (stat.size, stat.mtime_ns) => {
                Ok(Looked::Known(FileState::Unchanged, known.clone(), digest.clone()))
            }
            _ => {
                let content = read_stable(file)?;
                let hash = content_hash(&content.bytes);
                match usable {
                    Some((known, digest)) if known.content == hash => {
                        let known =
                            KnownFile { size: content.stat.size, mtime_ns: content.stat.mtime_ns, ..known.clone() };
                        Ok(Looked::Known(FileState::Touched, known, digest.clone()))
                    }
                    _ => Ok(Looked::Read(content, hash)),
                }
            }
        });
        match looked {
            Err(problem) => problems.push(problem),
            Ok(Looked::Known(state, known, digest)) => {
                files.push(ScannedFile { known, state });
                digests.push(digest);
            }
            Ok(Looked::Read(content, hash)) => {
                let Some(rows) = loader.rows(file, &content, &layout, &mut problems, &mut notes) else {
                    continue;
                };
                let digest = Digest::of(&rows, &layout);
                balance.before(digest_before.as_ref());
                balance.after(&digest);
                let known = KnownFile {
                    path: file.name.clone(),
                    size: content.stat.size,
                    mtime_ns: content.stat.mtime_ns,
                    content: hash,
                    digest: digest.encode(),
                };
                let state = if before.is_some() { FileState::Changed } else { FileState::New };
                files.push(ScannedFile { known, state });
                digests.push(digest);
                parsed.insert(at, rows);
            }
        }
    }
    // A row of a file with problems is not there to be a duplicate, but those of the other files are.
    let mut order_of: Vec<(usize, &Rows)> = parsed.iter().map(|(at, rows)| (*at, rows)).collect();
    order_of.sort_by_key(|(at, _)| *at);
    refuse_duplicates(&loader, &sources, &order_of, &layout, source.key, |_| true, &mut problems);
    problems.into_result()?;

    let present: BTreeSet<&str> = sources.iter().map(|file| file.name.as_str()).collect();
    let removed: Vec<KnownFile> = known.iter().filter(|file| !present.contains(file.path.as_str())).cloned().collect();
    for file in &removed {
        balance.before(Digest::decode(&file.digest).as_ref());
    }
    let changed_days = balance.days();
    let days = || digests.iter().flat_map(|digest| &digest.sessions).map(|(day, _)| *day);
    if days().next().is_none() {
        notes.push(format!("none of the {} files of the source has a row", sources.len()));
    }
    let is_source = layout.keys > 0;
    Ok(Scan {
        files,
        removed,
        changed: !changed_days.is_empty(),
        changed_sessions: changed_days.into_iter().filter(|_| is_source).map(from_days).collect(),
        sessions: days()
            .min()
            .zip(days().max())
            .filter(|_| is_source)
            .map(|(first, last)| (from_days(first), from_days(last))),
        notes,
        sources,
        layout,
        digests,
        parsed,
        holders: None,
    })
}

/// What a look at a file gave.
enum Looked {
    Known(FileState, KnownFile, Digest),
    Read(Content, [u8; 16]),
}

pub(crate) fn content_hash(bytes: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    short
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::testing::{Folder, cells, mapping, problems};

    const HEAD: &str = "session,instrument,close\n";

    fn dates(scan: &Scan) -> Vec<String> {
        scan.changed_sessions.iter().map(ToString::to_string).collect()
    }

    fn states(scan: &Scan) -> Vec<FileState> {
        scan.files.iter().map(|file| file.state).collect()
    }

    fn known(scan: &Scan) -> Vec<KnownFile> {
        scan.files.iter().map(|file| file.known.clone()).collect()
    }

    /// Writes a file with a modification time of its own, so that no test depends on the clock's steps.
    fn write_at(folder: &Folder, name: &str, text: &str, seconds: u64) {
        folder.write(name, text);
        let file = File::options().write(true).open(folder.path(name)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }

    fn two_files() -> (Folder, Vec<KnownFile>) {
        let folder = Folder::new();
        write_at(&folder, "a.csv", &format!("{HEAD}2015-01-05,a,1\n2015-01-06,a,2\n"), 1);
        write_at(&folder, "b.csv", &format!("{HEAD}2015-01-06,b,3\n2015-01-07,b,4\n"), 1);
        let first = scan(&folder.source(), &[]).unwrap();
        assert_eq!(states(&first), [FileState::New, FileState::New]);
        assert_eq!(dates(&first), ["2015-01-05", "2015-01-06", "2015-01-07"]);
        let (from, to) = first.sessions.unwrap();
        assert_eq!((from.to_string().as_str(), to.to_string().as_str()), ("2015-01-05", "2015-01-07"));
        assert_eq!(first.held().len(), 3);
        let known = known(&first);
        (folder, known)
    }

    #[test]
    fn nothing_changed_and_touched_change_nothing() {
        let (folder, before) = two_files();
        let again = scan(&folder.source(), &before).unwrap();
        assert_eq!(states(&again), [FileState::Unchanged, FileState::Unchanged]);
        assert!(!again.changed && again.changed_sessions.is_empty() && again.parsed.is_empty());
        assert_eq!(again.sessions.unwrap().1.to_string(), "2015-01-07");

        write_at(&folder, "b.csv", &format!("{HEAD}2015-01-06,b,3\n2015-01-07,b,4\n"), 2);
        let touched = scan(&folder.source(), &before).unwrap();
        assert_eq!(states(&touched), [FileState::Unchanged, FileState::Touched]);
        assert!(!touched.changed && touched.parsed.is_empty());
        assert_ne!(touched.files[1].known.mtime_ns, before[1].mtime_ns);
    }

    #[test]
    fn only_sessions_whose_rows_differ_have_changed() {
        let (folder, before) = two_files();
        // Another order, another way to write a number, a new row: one session differs.
        write_at(&folder, "b.csv", &format!("{HEAD}2015-01-07,b,4.50\n2015-01-06,b,3.0\n"), 2);
        let corrected = scan(&folder.source(), &before).unwrap();
        assert_eq!(states(&corrected), [FileState::Unchanged, FileState::Changed]);
        assert_eq!(dates(&corrected), ["2015-01-07"]);
        write_at(&folder, "b.csv", &format!("{HEAD}2015-01-06,b,3\n2015-01-07,b,4\n2015-01-08,b,5\n"), 3);
        assert_eq!(dates(&scan(&folder.source(), &before).unwrap()), ["2015-01-08"]);
        write_at(&folder, "b.csv", &format!("{HEAD}2015-01-07,b,4\n"), 4);
        assert_eq!(dates(&scan(&folder.source(), &before).unwrap()), ["2015-01-06"]);
    }

    #[test]
    fn removed_renamed_and_split_files() {
        let (folder, before) = two_files();
        std::fs::rename(folder.path("b.csv"), folder.path("c.csv")).unwrap();
        let renamed = scan(&folder.source(), &before).unwrap();
        assert_eq!(states(&renamed), [FileState::Unchanged, FileState::New]);
        assert_eq!(renamed.removed.len(), 1);
        assert!(!renamed.changed, "the rows are the same");

        write_at(&folder, "c.csv", &format!("{HEAD}2015-01-06,b,3\n"), 2);
        write_at(&folder, "d.csv", &format!("{HEAD}2015-01-07,b,4\n"), 2);
        assert!(!scan(&folder.source(), &before).unwrap().changed, "split along sessions");

        std::fs::remove_file(folder.path("d.csv")).unwrap();
        let gone = scan(&folder.source(), &before).unwrap();
        assert_eq!(dates(&gone), ["2015-01-07"]);
        assert_eq!(gone.removed[0].path, "b.csv");
    }

    #[test]
    fn a_new_reading_of_old_bytes_is_a_change() {
        let (mut folder, before) = two_files();
        folder.files.missing = vec!["4".into()];
        let read = scan(&folder.source(), &before).unwrap();
        assert_eq!(states(&read), [FileState::Changed, FileState::Changed]);
        assert_eq!(dates(&read), ["2015-01-07"], "only where a value came out different");
        folder.files.missing.clear();
        folder.files.columns = mapping(&[("last", "close")]);
        assert_eq!(dates(&scan(&folder.source(), &before).unwrap()).len(), 3);
        folder.files.columns = mapping(&[]);
        folder.start = Some("2015-01-06".parse().unwrap());
        let later = scan(&folder.source(), &before).unwrap();
        assert_eq!(dates(&later), ["2015-01-05"]);
        assert_eq!(later.held().len(), 2);
    }

    #[test]
    fn a_damaged_memory_is_no_memory() {
        let (folder, mut before) = two_files();
        before[0].digest.truncate(20);
        let scan = scan(&folder.source(), &before).unwrap();
        assert_eq!(states(&scan), [FileState::Changed, FileState::Unchanged]);
        assert_eq!(dates(&scan), ["2015-01-05", "2015-01-06"]);
    }

    #[test]
    fn duplicates_name_both_places() {
        let folder = Folder::new();
        folder.write("a.csv", format!("{HEAD}2015-01-05,a,1\n2015-01-06,a,2\n2015-01-05,a,1\n"));
        folder.write("b.csv", format!("{HEAD}\n\n2015-01-06,a,2\n"));
        let found = problems(&folder);
        let place =
            |place: &crate::Place| (place.path.file_name().unwrap().to_str().unwrap().to_owned(), place.line.unwrap());
        let pairs: Vec<_> =
            found.iter().map(|problem| (place(problem.other.as_ref().unwrap()), place(&problem.place))).collect();
        assert_eq!(pairs, [(("a.csv".into(), 2), ("a.csv".into(), 4)), (("a.csv".into(), 3), ("b.csv".into(), 4))]);
        assert_eq!(found[0].message, "two rows are of `a` on `2015-01-05`");
        assert_eq!(found[0].place.text.as_ref().unwrap().text, "2015-01-05,a,1");
    }

    #[test]
    fn a_series_has_no_instrument() {
        let folder = Folder::new();
        folder.write("a.csv", "session,close\n2015-01-06,2\n2015-01-05,1\n");
        let source = folder.source();
        let mut series = scan(&source, &[]).unwrap();
        let frame = crate::read(&source, &mut series, |_| true).unwrap();
        assert_eq!(cells(&frame, "close"), ["1.0", "2.0"]);
        folder.write("a.csv", "session,close\n2015-01-06,2\n2015-01-06,1\n");
        assert!(problems(&folder)[0].help.as_ref().unwrap().contains("`columns: { instrument: … }`"));
    }

    #[test]
    fn a_table_has_rows_and_a_key() {
        let mut folder = Folder::new();
        folder.table = true;
        folder.key = vec!["instrument".into()];
        write_at(&folder, "a.csv", "instrument,lot\nb,2\na,1\n", 1);
        let source = folder.source();
        let mut table = scan(&source, &[]).unwrap();
        assert!(table.changed && table.changed_sessions.is_empty() && table.sessions.is_none());
        let frame = crate::read(&source, &mut table, |_| false).unwrap();
        assert_eq!(cells(&frame, "instrument"), ["b", "a"]);
        let before = known(&table);
        write_at(&folder, "a.csv", "instrument,lot\nb,2\na,1.0\n", 2);
        assert!(!scan(&source, &before).unwrap().changed);
        write_at(&folder, "a.csv", "instrument,lot\nb,2\na,3\n", 3);
        assert!(scan(&source, &before).unwrap().changed);
        write_at(&folder, "a.csv", "instrument,lot\nb,2\nb,3\n", 4);
        assert_eq!(problems(&folder)[0].message, "two rows have the same `instrument`");
    }

    #[test]
    fn columns_that_only_later_files_have_are_noted() {
        let (folder, before) = two_files();
        write_at(&folder, "b.csv", "session,close,instrument,extra\n2015-01-06,3,b,9\n2015-01-07,4,b,9\n", 2);
        let scan = scan(&folder.source(), &before).unwrap();
        assert!(!scan.changed);
        assert_eq!(scan.notes, ["`b.csv`: not read, since `a.csv` does not have them: the columns `extra`"]);
    }
}
