//! Alpha158 on a made-up panel, computed and written, against Qlib and polars. Whole processes, measured from outside. See
//! README.md beside this file.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark writes its own input and is told by cargo where things are"
)]

#[path = "support/bars.rs"]
mod bars;
#[path = "support/compute.rs"]
mod compute;
#[path = "support/features.rs"]
mod features;
#[path = "support/floor.rs"]
mod floor;
#[path = "support/measure.rs"]
mod measure;
#[path = "support/panel.rs"]
mod panel;
#[path = "support/peers.rs"]
mod peers;
#[path = "support/table.rs"]
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use features::Set;
use measure::{Failure, Meter, Taken, measure};
use panel::Panel;
use peers::Peer;

const PANELS: [Panel; 2] = [Panel { instruments: 300, sessions: 4_000 }, Panel { instruments: 5_000, sessions: 2_500 }];
/// Qlib keeps all features in memory, twice when it puts them together: as many instruments as fit are measured.
const MOST_FOR_QLIB: usize = 300;
const NOW: &str = "2025-01-01T00:00:00Z";
/// What can be asked for by name.
const PARTS: [&str; 4] = ["computed", "qlib", "polars", "written"];
/// First word of the process that computes our side.
const COMPUTE: &str = "compute";
/// First word of the process that only writes.
const FLOOR: &str = "floor";

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let known = |name: &String| PANELS.into_iter().find(|panel| panel.name() == *name);
    if let [first, panel, set] = words.as_slice()
        && first == COMPUTE
    {
        let panel = known(panel).ok_or("no such panel")?;
        let valid = compute::compute(panel, Set::of_name(set).ok_or("no such set of features")?)?;
        println!("{valid} values");
        return Ok(());
    }
    if let [first, from, to] = words.as_slice()
        && first == FLOOR
    {
        println!("{}", floor::write_again(Path::new(from), Path::new(to))?);
        return Ok(());
    }
    if let Some(word) = words.iter().find(|word| known(word).is_none() && !PARTS.contains(&word.as_str())) {
        let panels = PANELS.map(Panel::name).join(", ");
        return Err(format!("`{word}` is neither a panel ({panels}) nor a part ({})", PARTS.join(", ")).into());
    }
    let asked: Vec<Panel> = words.iter().filter_map(known).collect();
    let parts: Vec<&str> = PARTS.into_iter().filter(|part| words.iter().any(|word| word == part)).collect();
    for panel in if asked.is_empty() { PANELS.to_vec() } else { asked } {
        panel.prepare()?;
        compare(panel, if parts.is_empty() { &PARTS } else { &parts })?;
    }
    Ok(())
}

fn compare(panel: Panel, parts: &[&str]) -> Result<(), Failure> {
    table::header(&format!("{} instruments × {} sessions", panel.instruments, panel.sessions));
    if parts.contains(&"computed") || parts.contains(&"qlib") {
        table::section("158 features, computed");
        let ours = computed(panel, Set::All)?;
        if parts.contains(&"qlib") {
            qlib(panel, ours)?;
        }
    }
    if parts.contains(&"polars") {
        table::section("128 features, computed");
        polars(panel, computed(panel, Set::InPolars)?)?;
    }
    if parts.contains(&"written") {
        table::section("158 features, computed and written");
        let ours = written(panel)?;
        table::ours(ours);
        above_floor(ours, writing(panel)?);
    }
    Ok(())
}

/// How often what takes seconds is run: what else a machine does weighs on one short run.
fn runs(panel: Panel) -> usize {
    if panel.instruments > MOST_FOR_QLIB { 1 } else { 5 }
}

/// Our side, without writing, in a process of its own.
fn computed(panel: Panel, set: Set) -> Result<Taken, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([COMPUTE, &panel.name(), set.name()]);
    let mut meter = Meter::default();
    for _ in 0..runs(panel) {
        meter.run(&command)?;
    }
    table::ours(meter.taken());
    Ok(meter.taken())
}

/// The program itself, on a project whose source is up to date.
fn written(panel: Panel) -> Result<Taken, Failure> {
    let folder = panel.folder().join("project");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("assets.yaml"), project(panel)?)?;
    let materialize = |asset: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assetctl"));
        command.args(["--quiet", "--now", NOW, "materialize", "--select", asset]).current_dir(&folder);
        command
    };
    measure(&materialize("bars"))?;
    Ok(measure(&materialize("features"))?.0)
}

/// The floor: the same rows, which the program has just written, by the store's own writer alone.
fn writing(panel: Panel) -> Result<Taken, Failure> {
    let project = panel.folder().join("project");
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(FLOOR).arg(project.join("data/lake/features")).arg(panel.folder().join("floor"));
    floor::read(&measure(&command)?.1)
}

/// How many times as long computing and writing take as writing alone.
fn above_floor(ours: Taken, floor: Taken) {
    const TARGET: f64 = 1.5;
    let times = ours.wall / floor.wall;
    let cpu = ours.cpu.zip(floor.cpu).map(|(ours, floor)| ours / floor);
    table::row("the floor: writing alone", floor, ["-", "-"].map(str::to_owned));
    println!();
    let met = if times > TARGET { "missed" } else { "met" };
    println!(
        "  computed and written / floor: {times:.2} × wall, {} × CPU  {met}: {TARGET} × wall",
        table::shown(cpu, 2)
    );
}

fn project(panel: Panel) -> Result<String, Failure> {
    let start = panel.dates()?[0];
    let bars = "  bars:\n    kind: source\n    parquet: ../bars.parquet\n";
    let features = "  features:\n    kind: indicators\n    input: bars\n    features: alpha158\n";
    Ok(format!("calendar: XSHG\nstart: {start}\nassets:\n{bars}{features}"))
}

fn qlib(panel: Panel, ours: Taken) -> Result<(), Failure> {
    let packages = [("pyqlib", "qlib"), ("pandas", "pandas"), ("pyarrow", "pyarrow")];
    let Some(Peer { python, name }) = peers::find(&packages) else { return Ok(()) };
    let prepared = |instruments: usize| -> Result<PathBuf, Failure> {
        let folder = panel.folder().join(format!("qlib-{instruments}"));
        if !folder.exists() {
            let part = folder.with_extension("part");
            if part.exists() {
                fs::remove_dir_all(&part)?;
            }
            let mut prepare = Command::new(&python);
            prepare.arg(peers::script("qlib_prepare.py")).arg(panel.file()).arg(&part).arg(instruments.to_string());
            measure(&prepare)?;
            fs::rename(part, &folder)?;
        }
        Ok(folder)
    };
    for (processes, how) in [("2", "two processes"), ("1", "one process")] {
        let run = |instruments: usize| -> Result<Taken, Failure> {
            let mut command = Command::new(&python);
            command.arg(peers::script("alpha158_qlib.py")).arg(prepared(instruments)?).arg(processes);
            Ok(measure(&command)?.0)
        };
        let (taken, scaled) = if panel.instruments <= MOST_FOR_QLIB {
            (run(panel.instruments)?, "")
        } else {
            let (few, many) = (run(MOST_FOR_QLIB / 10)?, run(MOST_FOR_QLIB)?);
            (scaled(few, MOST_FOR_QLIB / 10, many, MOST_FOR_QLIB, panel.instruments), ", scaled up")
        };
        table::peer(&format!("{name}, {how}{scaled}"), taken, ours, Some(30.0));
    }
    Ok(())
}

/// What more instruments would take, on the line through what `few` and `many` took: starting up counts once.
fn scaled(few: Taken, few_instruments: usize, many: Taken, many_instruments: usize, instruments: usize) -> Taken {
    let times = (instruments - many_instruments) as f64 / (many_instruments - few_instruments) as f64;
    let beyond = |few: f64, many: f64| many + times * (many - few);
    Taken {
        wall: beyond(few.wall, many.wall),
        cpu: few.cpu.zip(many.cpu).map(|(few, many)| beyond(few, many)),
        megabytes: None,
    }
}

fn polars(panel: Panel, ours: Taken) -> Result<(), Failure> {
    let Some(Peer { python, name }) = peers::find(&[("polars", "polars")]) else { return Ok(()) };
    let mut command = Command::new(python);
    command.arg(peers::script("alpha158_polars.py")).arg(panel.file());
    table::peer(&name, measure(&command)?.0, ours, Some(3.0));
    Ok(())
}
