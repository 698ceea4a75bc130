//! `assetctl notify`.

use std::sync::Arc;

use assetctl_config::{Observer as Declared, did_you_mean};
use assetctl_notify::{Notifier, Observer, observers, try_out};
use assetctl_store::MessageRow;
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::args::{Notify, NotifyHistory, NotifyTest};
use crate::context::Context;
use crate::error::CliError;
use crate::outbox::LedgerOutbox;
use crate::report::{self, instant, table};

pub fn run(context: &Context, command: &Notify) -> Result<(), CliError> {
    match command {
        Notify::List => list(context),
        Notify::Test(args) => test(context, args),
        Notify::History(args) => history(context, args),
        Notify::Send => send(context),
    }
}

/// `--format json`: an observer.
#[derive(Serialize)]
struct Listed<'a> {
    observer: &'a str,
    description: Option<&'a str>,
    on: &'a [String],
    to: &'static str,
    /// Why it cannot tell anything; `null` where it can.
    problem: Option<String>,
}

fn list(context: &Context) -> Result<(), CliError> {
    let loaded = context.load()?;
    let listed: Vec<Listed<'_>> = loaded
        .project
        .schedules
        .observers
        .iter()
        .map(|declared| Listed {
            observer: &declared.name,
            description: declared.spec.description.as_deref(),
            on: declared.spec.on.as_slice(),
            to: declared.destination(),
            problem: Observer::new(declared).err().map(|error| error.to_string()),
        })
        .collect();
    report::result(context.format, &listed, |listed| {
        if listed.is_empty() {
            return "no observer is declared; docs/observers.md says how\n".to_owned();
        }
        let mut shown = table::table(&["observer", "on", "to", "problem"]);
        for one in listed {
            let problem = one.problem.clone().unwrap_or_default();
            shown.add_row([one.observer.to_owned(), one.on.join(", "), one.to.to_owned(), problem]);
        }
        table::render(&shown)
    })
}

/// `--format json`: what the server said.
#[derive(Serialize)]
struct Tried<'a> {
    observer: &'a str,
    answer: String,
}

fn test(context: &Context, args: &NotifyTest) -> Result<(), CliError> {
    let loaded = context.load()?;
    let declared = find(&loaded.project.schedules.observers, &args.name)?;
    let doing = format!("telling by observer `{}`", args.name);
    let observer = Observer::new(declared).map_err(CliError::other(doing.clone()))?;
    let answer = runtime()?.block_on(try_out(&observer, context.clock.wall())).map_err(CliError::other(doing))?;
    report::result(context.format, &Tried { observer: &args.name, answer }, |tried| {
        format!("`{}` has told a made-up event; the server says: {}\n", tried.observer, tried.answer)
    })
}

fn find<'a>(declared: &'a [Declared], name: &str) -> Result<&'a Declared, CliError> {
    declared.iter().find(|one| one.name == name).ok_or_else(|| {
        let known: Vec<&str> = declared.iter().map(|one| one.name.as_str()).collect();
        let help = match did_you_mean(name, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if known.is_empty() => "observers are declared in `schedules.yaml`, beside `assets.yaml`".to_owned(),
            None => format!("there are `{}`", known.join("`, `")),
        };
        CliError::usage(format!("there is no observer `{name}`"), Some(&help))
    })
}

fn history(context: &Context, args: &NotifyHistory) -> Result<(), CliError> {
    let loaded = context.load()?;
    let messages = match loaded.existing_store()? {
        Some(store) => store.messages(args.limit as usize)?,
        None => Vec::new(),
    };
    report::result(context.format, &messages, |messages| {
        if messages.is_empty() {
            return "nobody was told anything yet\n".to_owned();
        }
        let mut shown = table::table(&["message", "observer", "made", "events", "tries", "state", "why"]);
        for MessageRow { id, observer, made_at, events, attempts, state, next_at, error } in messages {
            let state = match state.as_str() {
                "waiting" => format!("waits until {}", instant(*next_at)),
                "sent" => "sent".to_owned(),
                _ => "given up".to_owned(),
            };
            shown.add_row([
                id.to_string(),
                observer.clone(),
                instant(*made_at),
                events.to_string(),
                attempts.to_string(),
                state,
                error.clone().unwrap_or_default(),
            ]);
        }
        table::render(&shown)
    })
}

/// `--format json`: what is left.
#[derive(Serialize)]
struct Sent {
    /// Observers that cannot tell anything, with the reason.
    problems: Vec<String>,
    /// When the next message, or the end of the next group, is due; `null` where nothing waits.
    next: Option<DateTime<Utc>>,
}

fn send(context: &Context) -> Result<(), CliError> {
    let loaded = context.load()?;
    let (observers, problems) = observers(&loaded.project.schedules);
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let clock = context.clock;
    let next = match loaded.existing_store()? {
        Some(store) => {
            let outbox = Arc::new(LedgerOutbox(store));
            let notifier = Notifier::new(observers, outbox, Arc::new(move || clock.now()));
            let notifier = notifier.map_err(CliError::other("telling what waits"))?;
            runtime()?.block_on(notifier.step())
        }
        None => None,
    };
    report::result(context.format, &Sent { problems, next }, |sent| {
        let problems: String = sent.problems.iter().map(|problem| format!("{problem}\n")).collect();
        match sent.next {
            Some(next) => format!("{problems}something waits until {}\n", instant(next)),
            None => format!("{problems}nothing waits\n"),
        }
    })
}

fn runtime() -> Result<Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::other("starting the runtime"))
}
