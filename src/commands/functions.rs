//! `assetctl functions`: the functions of the expression language, as a list, one in full, or the page of the documentation.

use std::fmt::Write as _;

use assetctl_config::did_you_mean;
use assetctl_expr::{Class, Example, Function, Param, ParamKind, functions};
use serde::Serialize;

use crate::args::{FunctionClass, FunctionForm, Functions};
use crate::context::Context;
use crate::error::CliError;
use crate::report::{self, table};

/// `--format json`: one per entry; a name may have several, which differ in their parameters.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    signature: String,
    class: String,
    aliases: &'a [&'a str],
    parameters: Vec<Parameter<'a>>,
    /// The names of its results, if it has several.
    parts: &'a [&'a str],
    what: &'a str,
    formula: &'a str,
    /// Whether `formula` is the definition itself, in the language.
    is_definition: bool,
    missing: &'a str,
    first_valid: &'a str,
    source: &'a str,
    version: u32,
    /// Over the sample bars of the catalogue: calls, and the values of the last sessions.
    examples: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    expression: &'static str,
    /// The newest last; `null` is missing.
    gives: &'static [Option<f64>],
}

#[derive(Serialize)]
struct Parameter<'a> {
    name: &'a str,
    required: bool,
    by_name: bool,
    default: Option<f64>,
    /// The words of a choice; `default` is the place of one of them.
    choices: &'a [&'a str],
}

pub fn run(context: &Context, args: &Functions) -> Result<(), CliError> {
    let class = args.class.map(class);
    let is_named = |function: &&Function| {
        args.name.as_deref().is_none_or(|name| function.name == name || function.aliases.contains(&name))
    };
    let of_class = |function: &&Function| class.is_none_or(|class| function.class == class);
    let chosen: Vec<&Function> = functions().iter().filter(is_named).filter(of_class).collect();
    if let Some(name) = args.name.as_deref().filter(|_| chosen.is_empty()) {
        return Err(unknown(name));
    }
    if args.form == FunctionForm::Markdown {
        return report::text(&markdown(&chosen));
    }
    let listed: Vec<Listed<'_>> = chosen.iter().map(|function| listed(function)).collect();
    report::result(context.format, &listed, |_| {
        if args.name.is_some() {
            chosen.iter().map(|function| in_full(function)).collect::<Vec<_>>().join("\n")
        } else {
            list(&chosen)
        }
    })
}

fn class(class: FunctionClass) -> Class {
    match class {
        FunctionClass::Pointwise => Class::Pointwise,
        FunctionClass::Window => Class::Window,
        FunctionClass::Forward => Class::Forward,
        FunctionClass::Recursive => Class::Recursive,
        FunctionClass::Expanding => Class::Expanding,
        FunctionClass::CrossSection => Class::CrossSection,
    }
}

fn unknown(name: &str) -> CliError {
    let names = functions().iter().flat_map(|function| function.aliases.iter().chain([&function.name])).copied();
    let help = match did_you_mean(name, names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "`assetctl functions` lists them all".to_owned(),
    };
    CliError::usage(format!("there is no function `{name}`, or none of that class"), Some(&help))
}

fn listed(function: &Function) -> Listed<'_> {
    let parameter = |param: &'static Param| Parameter {
        name: param.name,
        required: param.is_required(),
        by_name: param.named_only,
        default: param.default,
        choices: if let ParamKind::Choice(words) = param.kind { words } else { &[] },
    };
    Listed {
        name: function.name,
        signature: function.signature(),
        class: function.class.to_string(),
        aliases: function.aliases,
        parameters: function.params.iter().map(parameter).collect(),
        parts: function.parts,
        what: function.doc,
        formula: function.formula,
        is_definition: function.is_formula(),
        missing: function.missing,
        first_valid: function.first_valid,
        source: function.source,
        version: function.version,
        examples: function.examples().iter().map(shown).collect(),
    }
}

fn shown(example: &Example) -> Shown {
    Shown { expression: example.expression, gives: example.expected }
}

/// What the functions of a class read.
fn subtitle(class: Class) -> &'static str {
    match class {
        Class::Pointwise => "the same session and instrument",
        Class::Window => "the last sessions of the same instrument",
        Class::Forward => "sessions after its own: refused, as a partition may read nothing after its own session",
        Class::Recursive => "the same session, and a state that the session before left",
        Class::Expanding => "all sessions of the same instrument so far",
        Class::CrossSection => "all instruments of the same session",
    }
}

/// `Cross-section: all instruments of the same session`
fn title(class: Class) -> String {
    let name = class.to_string();
    let (first, rest) = name.split_at(1);
    format!("{}{rest}: {}", first.to_uppercase(), subtitle(class))
}

/// The functions of each class that has some.
fn by_class<'a>(chosen: &[&'a Function]) -> Vec<(Class, Vec<&'a Function>)> {
    let of = |class| chosen.iter().copied().filter(move |function| function.class == class).collect();
    let all = Class::ALL.into_iter().map(|class| (class, of(class)));
    all.filter(|(_, functions): &(Class, Vec<&Function>)| !functions.is_empty()).collect()
}

fn list(chosen: &[&Function]) -> String {
    let mut text = String::new();
    for (class, functions) in by_class(chosen) {
        let mut rows = table::table(&["function", "what"]);
        for function in functions {
            rows.add_row([function.signature() + &parts(function), function.doc.to_owned()]);
        }
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = write!(text, "{gap}{}\n{}", title(class), table::render(&rows));
    }
    text + "\n`assetctl functions NAME` tells all about one.\n"
}

/// `.line .signal .hist`, behind a space.
fn parts(function: &Function) -> String {
    function.parts.iter().map(|part| format!(" .{part}")).collect()
}

fn in_full(function: &Function) -> String {
    let definition = if function.is_formula() { "definition" } else { "formula" };
    let facts = [
        ("class", format!("{}: {}", function.class, subtitle(function.class))),
        ("also called", function.aliases.join(", ")),
        ("results", parts(function).trim_start().to_owned()),
        (definition, function.formula.split(';').map(str::trim).collect::<Vec<_>>().join("\n")),
        ("missing values", function.missing.to_owned()),
        ("first valid row", function.first_valid.to_owned()),
        ("defined by", function.source.to_owned()),
        ("version", function.version.to_string()),
        ("examples", function.examples().iter().map(in_words).collect::<Vec<_>>().join("\n")),
    ];
    let mut text = format!("{}\n  {}\n\n", function.signature(), function.doc);
    for (name, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        let lines = fact.lines().enumerate();
        for (at, line) in lines {
            let _ = writeln!(text, "  {:<16}{line}", if at == 0 { name } else { "" });
        }
    }
    text
}

/// `mean(close, 5)  →  19.5 20.25 missing`: the last values over the sample bars.
fn in_words(example: &Example) -> String {
    let value = |value: &Option<f64>| value.map_or_else(|| "missing".to_owned(), number);
    format!("{}  →  {}", example.expression, example.expected.iter().map(value).collect::<Vec<_>>().join(" "))
}

/// A number with six digits behind the point, as far as they say something.
fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-3 {
        return format!("{value:.3e}");
    }
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The page `docs/functions.md`, or the part of it that was asked for.
fn markdown(chosen: &[&Function]) -> String {
    let mut text = "\
# Functions

Made by `assetctl functions --form markdown`: the text of each entry stands beside the function it tells of, in `src/expr/table`.

`x`, `y` are expressions; `n` is a number of sessions that is written out, and 0 all sessions so far where the function is told to have that form.
Arguments with `=` may be left out, or are given by their name. Where a formula is set in code it is the definition itself, in the
language: definitions separated by `;`. \"First valid row\" counts the sessions of an instrument from 1.
"
    .to_owned();
    for (class, functions) in by_class(chosen) {
        let _ = write!(
            text,
            "\n## {}\n\n| function | what | formula | missing values | first valid row | defined by |\n|---|---|---|---|---|---|\n",
            title(class)
        );
        for function in functions {
            let aliases: Vec<String> = function.aliases.iter().map(|alias| format!("`{alias}`")).collect();
            let also = if aliases.is_empty() { String::new() } else { format!(" (also {})", aliases.join(", ")) };
            let results: Vec<String> = function.parts.iter().map(|part| format!("`.{part}`")).collect();
            let results = if results.is_empty() { String::new() } else { format!(": {}", results.join(", ")) };
            let formula = if function.is_formula() {
                format!("`{}`", one_line(function.formula))
            } else {
                one_line(function.formula)
            };
            let cells = [
                format!("`{}`{results}{also}", function.signature()),
                function.doc.to_owned(),
                formula,
                function.missing.to_owned(),
                function.first_valid.to_owned(),
                function.source.to_owned(),
            ];
            let _ = writeln!(text, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
        }
    }
    text
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
