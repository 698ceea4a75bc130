//! Mistakes as a compiler shows them: file, line, column, the line itself, an underline, and what to do.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use assetctl_config::{Diagnostic, DiagnosticSeverity, Label, SourceMap};
use assetctl_connect::{ConnectError, Problem};

use crate::error::CliError;

/// Shows what ended a command, on standard error.
pub fn show(error: &CliError) {
    if !error.is_silent() {
        anstream::eprintln!("{}", render(error).trim_end());
    }
}

/// The same as plain text, for records.
pub fn in_words(error: &CliError) -> String {
    anstream::adapter::strip_str(render(error).trim_end()).to_string()
}

fn render(error: &CliError) -> String {
    match error {
        CliError::Config { sources, diagnostics } => {
            let mut text: String = diagnostics.iter().map(|one| diagnostic(sources, one)).collect();
            text.push_str(&format!("{}\n", summary(diagnostics)));
            text
        }
        CliError::Sources(refused) => {
            let each: Vec<String> =
                refused.iter().map(|(asset, error)| connect(asset, error, "nothing was changed")).collect();
            each.join("\n")
        }
        CliError::Usage { message, help } => plain(message, help.as_deref()),
        CliError::Backup(error) => plain(&chain(error), crate::commands::help_with_backup(error)),
        other => plain(&chain(other), None),
    }
}

/// Warnings and errors of a configuration, one after another.
pub fn diagnostic(sources: &SourceMap, diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        DiagnosticSeverity::Error => Level::ERROR,
        DiagnosticSeverity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&diagnostic.message));
    let mut labels: Vec<(AnnotationKind, &Label)> =
        diagnostic.primary.iter().map(|label| (AnnotationKind::Primary, label)).collect();
    labels.extend(diagnostic.secondary.iter().map(|label| (AnnotationKind::Context, label)));
    // One excerpt per file, in the order in which the labels first name it.
    let mut files = Vec::new();
    for (_, label) in &labels {
        if !files.contains(&label.loc.file) {
            files.push(label.loc.file);
        }
    }
    for file in files {
        let text = sources.file(file).text.as_str();
        let annotations = labels.iter().filter(|(_, label)| label.loc.file == file).map(|(kind, label)| {
            let start = label.loc.range.start.min(text.len());
            let end = label.loc.range.end.clamp(start, text.len());
            let annotation = kind.span(start..end);
            if label.text.is_empty() { annotation } else { annotation.label(label.text.as_str()) }
        });
        group = group
            .element(Snippet::source(text).path(sources.path(file).display().to_string()).annotations(annotations));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    format!("{}\n\n", Renderer::styled().render(&[group]))
}

/// `3 errors, 1 warning`.
fn summary(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|one| one.severity == DiagnosticSeverity::Error).count();
    let warnings = diagnostics.len() - errors;
    let errors = super::table::count(errors as u64, "error");
    if warnings == 0 { errors } else { format!("{errors}, {}", super::table::count(warnings as u64, "warning")) }
}

/// What is wrong with a source's files, and what became of the rest.
pub fn connect(asset: &str, error: &ConnectError, rest: &str) -> String {
    let mut text = String::new();
    for one in &error.problems {
        text.push_str(&problem(one));
    }
    let found = super::table::count(error.problems.len() as u64, "problem");
    let more = if error.truncated { "; there may be more" } else { "" };
    text.push_str(&format!("{found} in the files of `{asset}`{more}; {rest}\n"));
    text
}

fn problem(problem: &Problem) -> String {
    let mut group = Group::with_title(Level::ERROR.primary_title(&problem.message));
    let path = problem.place.to_string();
    let other = problem.other.as_ref().map(|other| (other, other.to_string()));
    let places = std::iter::once((&problem.place, path.as_str()))
        .chain(other.as_ref().map(|(place, path)| (*place, path.as_str())));
    for (at, (place, path)) in places.enumerate() {
        let kind = if at == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        group = match &place.text {
            Some(excerpt) => {
                let span = excerpt.span.start.min(excerpt.text.len())..excerpt.span.end.min(excerpt.text.len());
                let mut annotation = kind.span(span);
                if at > 0 {
                    annotation = annotation.label("here too");
                } else if let Some(field) = &place.field {
                    annotation = annotation.label(format!("field {}, `{}`", field.number, field.name));
                }
                let file = place.path.display().to_string();
                group.element(
                    Snippet::source(excerpt.text.as_str())
                        .path(file)
                        .line_start(place.line.unwrap_or(1))
                        .annotation(annotation),
                )
            }
            None => group.element(annotate_snippets::Origin::path(path)),
        };
    }
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    format!("{}\n\n", Renderer::styled().render(&[group]))
}

fn plain(message: &str, help: Option<&str>) -> String {
    let mut group = Group::with_title(Level::ERROR.primary_title(message));
    if let Some(help) = help {
        group = group.element(Level::HELP.message(help));
    }
    format!("{}\n", Renderer::styled().render(&[group]))
}

/// An error and what caused it, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let message = next.to_string();
        // A transparent error repeats its cause, and so does one that has it in its message.
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = next.source();
    }
    text
}
