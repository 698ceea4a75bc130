//! `assetctl validate`: every mistake at once, or one line that says all is well.

use serde::Serialize;

use crate::args::Format;
use crate::context::Context;
use crate::error::CliError;
use crate::report::{self, table::count};

/// `--format json`: what was found; `place` is `null` where a mistake is in no file.
#[derive(Serialize)]
struct Validation {
    valid: bool,
    assets: usize,
    jobs: usize,
    schedules: usize,
    sensors: usize,
    observers: usize,
    diagnostics: Vec<Finding>,
}

#[derive(Serialize)]
struct Finding {
    severity: &'static str,
    message: String,
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    help: Vec<String>,
}

pub fn run(context: &Context) -> Result<(), CliError> {
    match context.load() {
        Ok(loaded) => {
            if context.format == Format::Human {
                loaded.show_warnings(context.quiet);
            }
            let findings = findings(&loaded.project.sources, &loaded.warnings);
            let declared = &loaded.project.schedules;
            let validation = Validation {
                valid: true,
                assets: loaded.graph.nodes().len(),
                jobs: declared.jobs.len(),
                schedules: declared.schedules.len(),
                sensors: declared.sensors.len(),
                observers: declared.observers.len(),
                diagnostics: findings,
            };
            report::result(context.format, &validation, |found| {
                let warnings = match found.diagnostics.len() {
                    0 => String::new(),
                    n => format!(", {}", count(n as u64, "warning")),
                };
                let there = [
                    (found.jobs, "job"),
                    (found.schedules, "schedule"),
                    (found.sensors, "sensor"),
                    (found.observers, "observer"),
                ];
                let more: String = there
                    .into_iter()
                    .filter(|(number, _)| *number > 0)
                    .map(|(number, noun)| format!(", {}", count(number as u64, noun)))
                    .collect();
                format!("{}{more} valid{warnings}\n", count(found.assets as u64, "asset"))
            })
        }
        Err(CliError::Config { sources, diagnostics }) if context.format == Format::Json => {
            let validation = Validation {
                valid: false,
                assets: 0,
                jobs: 0,
                schedules: 0,
                sensors: 0,
                observers: 0,
                diagnostics: findings(&sources, &diagnostics),
            };
            report::result(context.format, &validation, |_| String::new())?;
            Err(CliError::Config { sources, diagnostics })
        }
        Err(other) => Err(other),
    }
}

fn findings(sources: &assetctl_config::SourceMap, diagnostics: &[assetctl_config::Diagnostic]) -> Vec<Finding> {
    diagnostics
        .iter()
        .map(|one| {
            let place = one.primary.as_ref().map(|label| (&label.loc, sources.line_column(&label.loc)));
            Finding {
                severity: match one.severity {
                    assetctl_config::DiagnosticSeverity::Error => "error",
                    assetctl_config::DiagnosticSeverity::Warning => "warning",
                },
                message: one.message.clone(),
                file: place.map(|(loc, _)| sources.path(loc.file).display().to_string()),
                line: place.map(|(_, (line, _))| line),
                column: place.map(|(_, (_, column))| column),
                help: one.help.clone(),
            }
        })
        .collect()
}
