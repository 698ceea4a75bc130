//! Readers of `warehouse.duckdb`: another process that keeps it open, and many that come and go while a run goes on.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Project, STAGES, wait_until};

const D: &str = "2015-03-04";
const CLOSE: &str =
    "select close::varchar from completed_bars where instrument = 'sh.600036' and session = '2015-03-04'";

/// Names the warehouse to the process that [`reader_process`] is.
const WAREHOUSE: &str = "ASSETCTL_TEST_WAREHOUSE";
const ANSWER: &str = "answer: ";

fn open(warehouse: &Path) -> duckdb::Result<duckdb::Connection> {
    let config = duckdb::Config::default().access_mode(duckdb::AccessMode::ReadOnly)?;
    duckdb::Connection::open_with_flags(warehouse, config)
}

fn ask(connection: &duckdb::Connection, query: &str) -> duckdb::Result<String> {
    connection.query_row(query, [], |row| row.get(0))
}

/// Not a test: what [`Reader`] starts as a process of its own. It keeps one connection, and answers one line for each query.
#[test]
#[ignore = "started by other tests as a process"]
fn reader_process() {
    let Some(warehouse) = std::env::var_os(WAREHOUSE) else { return };
    let connection = open(Path::new(&warehouse)).unwrap();
    for query in std::io::stdin().lines() {
        let answer = ask(&connection, &query.unwrap()).unwrap_or_else(|error| format!("error: {error}"));
        println!("\n{ANSWER}{}", answer.replace('\n', " "));
    }
}

/// A process that holds the warehouse open.
struct Reader {
    child: Child,
    queries: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Reader {
    fn new(project: &Project) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "readers::reader_process", "--ignored", "--nocapture"])
            .env(WAREHOUSE, project.path("data/warehouse.duckdb"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (queries, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, queries, answers }
    }

    fn ask(&mut self, query: &str) -> String {
        writeln!(self.queries, "{query}").unwrap();
        loop {
            let mut line = String::new();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "the reader has gone");
            if let Some(answer) = line.strip_prefix(ANSWER) {
                return answer.trim_end().to_owned();
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_reader_keeps_what_it_opened_and_the_next_one_sees_the_new() {
    let mut project = Project::new();
    project.materialize();
    let old = project.bars().close("sh.600036", D).to_string();
    let after_first = project.json(&["runs"])[0]["finished_at"].as_str().unwrap().to_owned();

    let mut early = Reader::new(&project);
    assert_eq!(early.ask(CLOSE), old);
    project.edit_close("sh.600036", D, 14.71);
    project.run(&["materialize"]).ok();
    assert_eq!(early.ask(CLOSE), old, "the reader's query goes on in the state that it opened");
    assert_eq!(early.ask("select count(distinct session)::varchar from scores"), "143");
    let mut late = Reader::new(&project);
    assert_eq!(late.ask(CLOSE), "14.71");
    assert_eq!(early.ask(CLOSE), old, "and after another has opened the new one");

    let as_of = |project: &Project, at: &str| project.run(&["sql", CLOSE, "-o", "csv", "--as-of", at]);
    assert!(as_of(&project, "1").ok().stdout.contains(&old));
    assert!(as_of(&project, &after_first).ok().stdout.contains(&old));
    assert!(as_of(&project, "2").ok().stdout.contains("14.71"));
    assert!(project.run(&["sql", CLOSE, "-o", "csv"]).ok().stdout.contains("14.71"));

    // A third state, so that the first and the second are both past.
    project.edit_close("sh.600036", D, 15.15);
    project.run(&["materialize"]).ok();
    let kept = project.json(&["gc", "--keep-runs", "2", "--keep-days", "0"]);
    assert!(kept["segments"].as_u64().unwrap() > 0, "{kept}");
    as_of(&project, "1").exits(2).says(&["removed by `gc`", "choose a later run or instant"]);
    as_of(&project, &after_first).exits(2).says(&["removed by `gc`"]);
    assert!(as_of(&project, "2").ok().stdout.contains("14.71"), "the newest two runs are kept");
    assert!(as_of(&project, "3").ok().stdout.contains("15.15"));
    project.json(&["gc", "--keep-runs", "1", "--keep-days", "0"]);
    as_of(&project, "2").exits(2).says(&["removed by `gc`"]);
    assert_eq!(Reader::new(&project).ask(CLOSE), "15.15");
    as_of(&project, "7").says(&["there is no run 7"]);
    as_of(&project, "2001-01-01").says(&["nothing was committed at or before"]);
}

/// What every reader must find to belong together: the close of one day in each stage.
const TOGETHER: &str = "
    select concat_ws(' ', r.close, c.close, round(i.ret_1, 9),
        (select count(*) from raw_bars), (select count(*) from completed_bars), (select count(*) from indicators),
        (select round(sum(score), 9) from scores where session = '2015-03-04'))
    from raw_bars r join completed_bars c using (session, instrument) join indicators i using (session, instrument)
    where session = '2015-03-04' and instrument = 'sh.600036'";

#[test]
fn who_opens_the_warehouse_during_a_run_sees_all_of_it_or_nothing() {
    let mut project = Project::new();
    project.materialize();
    let warehouse = project.path("data/warehouse.duckdb");
    let now = || ask(&open(&warehouse).unwrap(), TOGETHER).unwrap();
    let one = now();
    let closes = [("sh.600036", project.bars().close("sh.600036", D)), ("sh.600036", 14.71)];
    project.edit_close(closes[1].0, D, closes[1].1);
    project.materialize();
    let other = now();
    assert_ne!(one, other);

    let done = AtomicBool::new(false);
    let looks = std::thread::scope(|scope| {
        let watch = || {
            let mut looks = 0;
            while !done.load(Ordering::Relaxed) {
                let seen = now();
                assert!(seen == one || seen == other, "neither the one state nor the other:\n{seen}\n{one}\n{other}");
                looks += 1;
            }
            looks
        };
        let readers = [scope.spawn(watch), scope.spawn(watch)];
        for at in 0..6 {
            let (instrument, close) = closes[at % 2];
            project.edit_close(instrument, D, close);
            // Small batches: many commits, of which none must show.
            project.run(&["materialize", "--batch", "2"]).ok();
        }
        done.store(true, Ordering::Relaxed);
        readers.map(|reader| reader.join().unwrap()).iter().sum::<u32>()
    });
    assert!(looks > 10, "{looks} looks say little");
    assert_eq!(now(), other);
}

/// `assetctl sql` publishes what a killed run left unpublished, and not the middle of one that goes on.
#[test]
fn sql_during_a_run_does_not_show_its_middle() {
    const SLOW: &str = "
  slow:
    kind: sql
    query: select instrument, close + 0 * (select sum(range) from range(60000000)) as slow from {{ ref('scores_in') }}
";
    let yaml = format!("{STAGES}{}", SLOW.replace("scores_in", "completed_bars"));
    let mut project = Project::of(&["sh.000300", "sh.600036"], "2015-02-02", "2015-03-13", STAGES);
    project.materialize();
    let old = project.bars().close("sh.600036", D).to_string();
    project.yaml(&yaml);
    project.edit_close("sh.600036", D, 14.71);
    let files = project.segment_count("completed_bars");
    let mut running = project.start(&["materialize", "--batch", "2"]);
    wait_until("`completed_bars` is committed", || {
        assert!(running.is_running(), "the run must not end before it was looked at");
        project.segment_count("completed_bars") > files && project.segment_count("slow") > 0
    });
    let during = project.run(&["sql", CLOSE, "-o", "csv"]).ok();
    assert!(running.is_running(), "the run ended before it was looked at: make it slower");
    assert!(during.stdout.contains(&old), "{during}");
    running.kill();
    // Now nobody else will publish what it committed.
    let after = project.run(&["sql", CLOSE, "-o", "csv"]).ok();
    assert!(after.stdout.contains("14.71"), "{after}");
}
