//! Whatever happened before, the contents are those of a rebuild.
//!
//! Random edits, corrections, reverts, pieces, batches, orders, thread counts and kills, from a few fixed seeds; at the end the
//! content hash of every partition is compared with that of a fresh project of the same files, materialized in one go.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::support::bars::{Bar, INSTRUMENTS};
use crate::support::{Bars, Contents, Project, STAGES, changes, date, list, sessions, wait_until};

/// The five stages, an `sql` asset, and a second gap-free table that knows no listings.
const MORE: &str = "
  breadth:
    kind: sql
    query: |
      select count(*) as listed, avg(b.close / p.close - 1) as mean_return, sum(b.volume * b.close) as turnover
      from {{ ref('completed_bars') }} b
      left join (select * from {{ ref('completed_bars', sessions=3) }} where session < {{ session }}) p using (instrument)
    columns: { listed: number, mean_return: number, turnover: number }

  bare_bars:
    kind: complete
    input: raw_bars

  trend:
    kind: indicators
    input: [bare_bars, indicators]
    columns:
      slope: slope(bare_bars.close, 10)
      pair: corr(bare_bars.close, indicators.busy, 7)
";

fn stages() -> String {
    format!("{STAGES}{MORE}")
}

/// SplitMix64: what matters is that a seed tells a story again.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// Contents as they are, against those of a fresh project of the same files.
#[track_caller]
fn assert_as_rebuilt(project: &Project, story: &str) {
    let fresh = Project::empty();
    for name in ["assets.yaml", "data/source/listing.csv", "data/source/bars/bars.csv"] {
        fresh.write(name, project.read(name));
    }
    fresh.materialize();
    let (should, is) = (fresh.contents(), project.contents());
    let differ: Vec<String> =
        changes(&should, &is).iter().map(|(asset, dates)| format!("  {asset}: {}", list(dates))).collect();
    assert!(differ.is_empty(), "not what a rebuild gives:\n{}\n\nafter {story}", differ.join("\n"));
    assert!(should.len() > 500, "there is something to compare");
}

/// One random edit of the bars; says what it was.
fn edit(bars: &mut Bars, dice: &mut Dice, taken: &mut Vec<Bar>) -> String {
    let at = dice.below(bars.rows.len());
    let what = format!("{} {}", bars.rows[at].symbol, bars.rows[at].date);
    match dice.below(6) {
        0 | 1 => {
            let close: f64 = bars.rows[at].values[3].parse().unwrap();
            bars.rows[at].values[3] = format!("{:.3}", close * (0.9 + 0.001 * dice.below(200) as f64));
            format!("corrects the close of {what}")
        }
        2 => {
            let (symbol, day) = (bars.rows[at].symbol.clone(), bars.rows[at].date);
            let demo = crate::support::bars::demo();
            let original = demo.iter().find(|bar| bar.symbol == symbol && bar.date == day).unwrap();
            bars.rows[at] = original.clone();
            format!("takes back what was done to {what}")
        }
        3 => {
            taken.push(bars.rows.remove(at));
            format!("takes the bar of {what} away")
        }
        4 if !taken.is_empty() => {
            let bar = taken.swap_remove(dice.below(taken.len()));
            let what = format!("puts the bar of {} {} back", bar.symbol, bar.date);
            if bars.rows.iter().all(|other| (&other.symbol, other.date) != (&bar.symbol, bar.date)) {
                bars.rows.push(bar);
            }
            what
        }
        _ => {
            bars.rows[at].values[4] = (1000 * (1 + dice.below(100_000))).to_string();
            format!("corrects the volume of {what}")
        }
    }
}

/// One random edit of the bars' end or of the configuration.
fn larger_edit(project: &mut Project, dice: &mut Dice) -> String {
    let days = sessions("2015-05-04", "2015-06-30");
    let swap = |project: &Project, one: &str, other: &str| {
        let yaml = project.read("assets.yaml");
        let (from, to) = if yaml.contains(one) { (one, other) } else { (other, one) };
        project.edit_yaml(from, to);
        format!("writes `{to}` for `{from}`")
    };
    match dice.below(5) {
        0 => {
            let end = days[dice.below(days.len())];
            project.edit_bars(|bars| *bars = Bars::slice(&INSTRUMENTS, "2015-02-02", &end.to_string()));
            format!("has the real bars up to {end}")
        }
        1 => swap(project, "start: 2015-02-02", "start: 2015-02-16"),
        2 => swap(project, "std(ret_1, 20)", "std(ret_1, 12)"),
        3 => swap(project, "top_k: { by: score, k: 3 }", "top_k: { by: momentum, k: 4 }"),
        _ => {
            let listing = project.read("data/source/listing.csv");
            let (from, to) = ("sh.600745,2014-01-02,", "sh.600745,2015-03-20,");
            let edited = if listing.contains(from) { listing.replace(from, to) } else { listing.replace(to, from) };
            project.write("data/source/listing.csv", edited);
            "moves the listing of sh.600745".to_owned()
        }
    }
}

/// Random pieces of the graph and of time.
fn piece(dice: &mut Dice) -> Vec<String> {
    const ASSETS: [&str; 12] = [
        "raw_bars",
        "completed_bars",
        "indicators",
        "scores",
        "signals",
        "breadth",
        "bare_bars",
        "trend",
        "+scores",
        "completed_bars+",
        "kind:indicators",
        "state:stale",
    ];
    let mut args = vec!["materialize".to_owned()];
    let mut say = |words: &[&str]| args.extend(words.iter().map(|&word| word.to_owned()));
    if !dice.one_in(4) {
        say(&["--select", dice.pick(&ASSETS), dice.pick(&ASSETS)]);
        if dice.one_in(3) {
            say(&["--only"]);
        }
    }
    let days = sessions("2015-02-02", "2015-07-31");
    let mut ends = [days[dice.below(days.len())], days[dice.below(days.len())]];
    ends.sort_unstable();
    if dice.one_in(2) {
        say(&["--from", &ends[0].to_string()]);
    }
    if dice.one_in(2) {
        say(&["--to", &ends[1].to_string()]);
    }
    if dice.one_in(2) {
        say(&["--batch", dice.pick(&["3", "8", "17", "40"])]);
    }
    if dice.one_in(8) {
        say(&["--force"]);
    }
    say(&["--jobs", dice.pick(&["1", "2", "3"])]);
    args
}

fn any_history(seed: u64) {
    let mut dice = Dice(seed);
    let mut project = Project::of(&INSTRUMENTS, "2015-02-02", "2015-05-29", &stages());
    let mut taken = Vec::new();
    let mut story = format!("the story of seed {seed}:\n");
    for _ in 0..9 {
        for _ in 0..dice.below(4) {
            project.edit_bars(|bars| story.push_str(&format!("  - {}\n", edit(bars, &mut dice, &mut taken))));
        }
        if dice.one_in(3) {
            story.push_str(&format!("  - {}\n", larger_edit(&mut project, &mut dice)));
        }
        let args = piece(&mut dice);
        story.push_str(&format!("  - assetctl {}\n", args.join(" ")));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = project.run(&args);
        assert!(output.code == Some(0), "{output}\n\nafter {story}");
    }
    let output = project.run(&["materialize", "--batch", dice.pick(&["5", "30", "1000"])]);
    assert!(output.code == Some(0), "{output}\n\nafter {story}");
    assert_as_rebuilt(&project, &story);
    let left = project.run(&["plan", "--exit-code"]);
    assert!(left.code == Some(0), "something is still stale\n{left}\n\nafter {story}");
}

#[test]
fn any_history_gives_what_a_rebuild_gives() {
    for seed in [1, 2] {
        any_history(seed);
    }
}

#[test]
fn any_history_gives_what_a_rebuild_gives_again() {
    for seed in [4, 5] {
        any_history(seed);
    }
}

/// Kills at random instants, corrections between them: what was committed stays, and the end is that of a rebuild.
fn killed(seed: u64) {
    let mut dice = Dice(seed);
    let mut project = Project::of(&INSTRUMENTS, "2015-02-02", "2015-06-30", &stages());
    let mut story = format!("the story of seed {seed}:\n");
    let (mut committed, mut kills) = (0, 0);
    for at in 0..12 {
        if at > 0 && dice.one_in(2) {
            // Values only: no partition goes.
            let rows = project.bars().rows.len();
            project.edit_bars(|bars| {
                let bar = &mut bars.rows[dice.below(rows)];
                bar.values[3] = format!("{:.3}", 1.0 + dice.below(50_000) as f64 / 1000.0);
                story.push_str(&format!("  - corrects the close of {} {}\n", bar.symbol, bar.date));
            });
        }
        let args: &[&str] = if at > 3 && dice.one_in(5) {
            &["gc", "--keep-runs", "1", "--keep-days", "0"]
        } else {
            &["materialize", "--batch", dice.pick(&["1", "3", "11"]), "--jobs", dice.pick(&["1", "2"])]
        };
        let running = project.start(args);
        let moment = 5 + dice.below(395) as u64;
        std::thread::sleep(Duration::from_millis(moment));
        let output = running.kill();
        let ended = output.code == Some(0);
        kills += usize::from(!ended);
        story.push_str(&format!("  - assetctl {} {}\n", args.join(" "), if ended { "ends" } else { "is killed" }));
        assert!(ended || output.code.is_none() || cfg!(windows), "neither ended nor killed\n{output}\n\nafter {story}");

        // The store opens, and the warehouse is published by whatever comes next.
        let kept = if project.path("data/state.db").exists() { committed_of(&project) } else { 0 };
        assert!(kept >= committed, "{committed} partitions were committed, {kept} are left\n\nafter {story}");
        committed = kept;
    }
    assert!(kills >= 3, "only {kills} kills came in time: the story says little");
    let output = project.run(&["materialize"]);
    assert!(output.code == Some(0), "{output}\n\nafter {story}");
    assert_as_rebuilt(&project, &story);

    let runs = project.json(&["runs", "-n", "100"]);
    let of = |wanted: &str| runs.as_array().unwrap().iter().filter(|run| run["status"] == wanted).count();
    assert_eq!(of("running"), 0, "{runs}");
    assert!(of("interrupted") >= 1, "{runs}");
    assert_eq!(runs[0]["status"], "succeeded", "{runs}");
    assert_only_known_files_after_gc(&project, &story);
}

/// Partitions that the next reader sees. Nothing at all, if the kill came before the first commit.
fn committed_of(project: &Project) -> usize {
    let output = project.run(&["sql", "select count(*) as n from assetctl.partitions", "-o", "json"]);
    if output.code == Some(2) {
        output.says(&["nothing was materialized yet"]);
        return 0;
    }
    output.exits(0).json()[0]["n"].as_u64().unwrap() as usize
}

/// After `gc` the lake holds the files of the ledger, and no folder one half written.
#[track_caller]
fn assert_only_known_files_after_gc(project: &Project, story: &str) {
    let before = project.contents();
    project.run(&["gc", "--keep-runs", "0", "--keep-days", "0", "--forget-revisions"]).ok();
    assert_eq!(project.contents(), before);
    let known: BTreeSet<String> = project
        .rows("select file from assetctl.segments")
        .iter()
        .map(|row| name_of(Path::new(row["file"].as_str().unwrap())))
        .collect();
    let mut there = BTreeSet::new();
    for asset in std::fs::read_dir(project.path("data/lake")).unwrap() {
        let files = crate::support::project::files(&asset.unwrap().path());
        there.extend(files.iter().map(|path| name_of(path)));
    }
    assert_eq!(there, known, "after {story}");
    let left: Vec<String> = crate::support::project::files(&project.path("data"))
        .iter()
        .map(|path| name_of(path))
        .filter(|name| name.starts_with(".tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?} is left\n\nafter {story}");
}

/// The name of a file with that of its folder.
fn name_of(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    format!("{}/{}", folder.to_string_lossy(), path.file_name().unwrap_or_default().to_string_lossy())
}

#[test]
fn kills_at_random_instants_lose_nothing_committed() {
    for seed in [11, 12] {
        killed(seed);
    }
}

#[test]
fn files_of_a_killed_commit_go_with_gc() {
    let project = Project::new();
    project.materialize();
    let segment = project.segments("indicators")[0].clone();
    let month = name_of(&segment);
    let month = month.split('/').nth(1).unwrap().split('.').next().unwrap();
    let whole = std::fs::read(&segment).unwrap();
    project.write(&format!("data/lake/indicators/{month}.00112233445566778899aabbccddeeff.parquet"), &whole);
    project.write("data/lake/indicators/.tmp-1-1-half", &whole[..whole.len() / 2]);
    project.write("data/lake/never_committed/2015-02.00112233445566778899aabbccddeeff.parquet", &whole);
    project.write("data/.tmp-1-2-warehouse.duckdb", "half");
    project.materialize().assert_nothing();
    let report = project.json(&["gc"]);
    assert_eq!((report["orphans"].as_u64(), report["warehouses"].as_u64()), (Some(3), Some(1)), "{report}");
    assert_only_known_files_after_gc(&project, "strangers' files");
}

/// Bars of an index that trades every day, and of one instrument that traded on the first and on the last day of three years.
fn one_long_suspension() -> (Project, usize) {
    const YAML: &str = "\
calendar: XSHG
start: 2014-01-02
assets:
  raw_bars:
    kind: source
    csv: data/source/bars/*.csv
    columns: { instrument: symbol, session: date }
  completed_bars:
    kind: complete
    input: raw_bars
  change:
    kind: indicators
    input: completed_bars
    columns:
      change: close / ref(close, 1) - 1
      held: mean(close, 30)
";
    let (first, last) = ("2014-01-02", "2016-12-30");
    let mut project = Project::of(&["sh.000300", "sh.600028"], first, last, YAML);
    project.edit_bars(|bars| {
        bars.rows.retain(|bar| bar.symbol == "sh.000300" || [first, last].contains(&bar.date.to_string().as_str()));
    });
    (project, sessions(first, last).len())
}

#[test]
fn a_correction_is_carried_through_a_suspension_of_any_length() {
    let (mut project, sessions) = one_long_suspension();
    project.materialize();
    project.edit_close("sh.600028", "2014-01-02", 4.321);
    let ran = project.materialize();
    // All days but the last, on which the instrument trades again.
    assert_eq!(ran.of_asset("completed_bars").len(), sessions - 1);
    let carried = "select count(*) as n from completed_bars where instrument = 'sh.600028' and close = 4.321";
    assert_eq!(project.rows(carried)[0]["n"], sessions - 1);
    assert_as_rebuilt(&project, "a correction on the first day");
}

/// Between a commit of `completed_bars` and what follows from it: the carried value is on its way.
#[test]
fn a_kill_in_the_middle_of_a_carry_walk_is_made_good() {
    for moment in [0, 4, 12, 30] {
        let (mut project, _) = one_long_suspension();
        project.materialize();
        let files = project.segment_count("completed_bars");
        project.edit_close("sh.600028", "2014-01-02", 4.321);
        // A second correction, far behind, so that there is more than one batch to be killed between.
        project.edit_close("sh.000300", "2016-05-05", 3333.0);
        let mut running = project.start(&["materialize", "--batch", "1"]);
        wait_until("`completed_bars` has a new file", || {
            project.segment_count("completed_bars") > files || !running.is_running()
        });
        std::thread::sleep(Duration::from_millis(moment));
        running.kill();
        project.run(&["materialize"]).ok();
        assert_as_rebuilt(&project, &format!("a kill {moment} ms after the first new file"));
    }
}

/// Not the hashes alone: the numbers that are read back are the same to the last bit.
#[test]
fn numbers_read_back_are_equal_bit_for_bit() {
    let whole = Project::of(&INSTRUMENTS, "2015-02-02", "2015-06-30", &stages());
    whole.materialize();
    let pieces = Project::of(&INSTRUMENTS, "2015-02-02", "2015-06-30", &stages());
    pieces.run(&["materialize", "--select", "completed_bars", "--batch", "7"]).ok();
    pieces.run(&["materialize", "--from", "2015-05-04", "--to", "2015-05-20", "--batch", "3"]).ok();
    pieces.run(&["materialize", "--batch", "1", "--jobs", "1"]).ok();
    for (asset, columns) in [("trend", ["slope", "pair"]), ("indicators", ["vol_20", "busy"])] {
        let query = format!("select session::varchar, instrument, {} from {asset} order by 1, 2", columns.join(", "));
        let (one, other) = (numbers(&whole, &query), numbers(&pieces, &query));
        assert!(one.len() > 500 && one.iter().any(|row| row.1[0].is_some()));
        let differ = one.iter().zip(&other).find(|(one, other)| one != other);
        assert!(one.len() == other.len() && differ.is_none(), "{asset}: {differ:?}");
    }
}

type NumberRow = (String, [Option<u64>; 2]);

/// Rows of two keys and two numbers, the numbers as their bits.
fn numbers(project: &Project, query: &str) -> Vec<NumberRow> {
    let config = duckdb::Config::default().access_mode(duckdb::AccessMode::ReadOnly).unwrap();
    let connection =
        duckdb::Connection::open_with_flags(project.path("data/warehouse.duckdb"), config).expect("a warehouse");
    let mut statement = connection.prepare(query).unwrap();
    let bits = |row: &duckdb::Row<'_>, at| row.get::<_, Option<f64>>(at).map(|number| number.map(f64::to_bits));
    let rows = statement.query_map([], |row| {
        let key = format!("{} {}", row.get::<_, String>(0)?, row.get::<_, String>(1)?);
        Ok((key, [bits(row, 2)?, bits(row, 3)?]))
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// DuckDB plans a query by the sizes of its tables: those must not hang on the batch.
#[test]
fn sql_gives_the_same_bits_in_every_batch() {
    let whole = Project::of(&INSTRUMENTS, "2015-02-02", "2015-04-30", &stages());
    whole.materialize_with(&["--select", "breadth"]);
    let pieces = Project::of(&INSTRUMENTS, "2015-02-02", "2015-04-30", &stages());
    pieces.materialize_with(&["--select", "completed_bars"]);
    pieces.materialize_with(&["--select", "breadth", "--batch", "1", "--to", "2015-02-27"]);
    pieces.materialize_with(&["--select", "breadth", "--batch", "2", "--to", "2015-03-31"]);
    pieces.materialize_with(&["--select", "breadth", "--batch", "9"]);
    let differ = changes(&whole.contents(), &pieces.contents());
    assert!(differ.is_empty(), "{differ:?}");
}

/// A correction of two days of which a run takes one; then the file is again what it was.
#[test]
fn a_correction_taken_in_half_and_taken_back_leaves_nothing() {
    let mut project = Project::new();
    project.materialize();
    let original = project.bars().clone();
    project.edit_close("sh.600036", "2015-03-04", 14.71);
    project.edit_close("sh.600036", "2015-05-04", 17.17);
    let taken = project.materialize_with(&["--to", "2015-03-04"]);
    assert_eq!(taken.of_asset("completed_bars"), [date("2015-03-04")]);
    project.edit_bars(|bars| *bars = original);
    project.materialize();
    assert_as_rebuilt(&project, "half a correction");
}

/// A file that came with half of its sessions taken, and went.
#[test]
fn a_file_taken_in_half_and_removed_leaves_nothing() {
    let project = Project::new();
    project.materialize();
    let row = |day| format!("sz.999999,{day},1,2,1,1.5,100\n");
    let more = format!("symbol,date,open,high,low,close,volume\n{}{}", row("2015-03-04"), row("2015-05-04"));
    project.write("data/source/bars/more.csv", more);
    project.edit_yaml("    listing: listing\n", "");
    project.materialize_with(&["--to", "2015-03-04"]);
    std::fs::remove_file(project.path("data/source/bars/more.csv")).unwrap();
    project.materialize();
    assert_as_rebuilt(&project, "half a file");
}

/// A run that wants sessions before the correction must not take the file for seen.
#[test]
fn a_run_of_other_sessions_does_not_overlook_a_correction() {
    let mut project = Project::new();
    project.materialize();
    project.edit_close("sh.600036", "2015-05-04", 17.17);
    project.materialize_with(&["--to", "2015-03-04"]).assert_nothing();
    assert!(project.materialize().of_asset("raw_bars") == [date("2015-05-04")]);
    assert_as_rebuilt(&project, "a run of other sessions");
}

/// Windows lose their first sessions when an input starts later, whatever else moves before anyone looks.
#[test]
fn a_later_start_is_seen_behind_other_changes() {
    let mut project = Project::of(&INSTRUMENTS, "2015-02-02", "2015-06-30", &stages());
    project.materialize();
    project.edit_yaml("start: 2015-02-02", "start: 2015-02-16");
    project.run(&["materialize", "--select", "completed_bars"]).ok();
    project.edit_close("sh.600036", "2015-05-04", 17.17);
    project.run(&["materialize", "--select", "completed_bars"]).ok();
    project.materialize();
    assert_as_rebuilt(&project, "a later start");
}

#[test]
fn the_comparison_can_fail() {
    let mut project = Project::new();
    project.materialize();
    let before: Contents = project.contents();
    project.edit_close("sh.600036", "2015-03-04", 14.71);
    project.materialize();
    assert!(!changes(&before, &project.contents()).is_empty());
}
