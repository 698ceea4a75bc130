//! `assetctl serve`: the daemon of a project's store.
//!
//! - [`runner`]: a job, run within this process as its command would run it
//! - [`project`]: the project's files, read again when they change
//! - [`look`]: what sensors wait for
//! - [`publishing`]: what runs commit, written to the sinks
//! - [`stop`]: being told to end
//! - [`telling`]: what happens, told: printed, and handed to observers and listeners
//! - [`api`]: the HTTP API beside it
//! - [`watch`]: what watches over the daemon: metrics, traces, lineage; [`datasets`]: the assets as they are told then
//! - [`idle`]: the same work, but only until nothing is left to do: `assetctl schedule tick`

mod api;
mod datasets;
mod idle;
mod look;
mod project;
mod publishing;
mod runner;
mod stop;
mod telling;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use assetctl_daemon::{Daemon, Declared, StepClock};
use assetctl_store::{DaemonLock, DaemonRow, Store};
use chrono::{DateTime, Utc};

use self::api::Answering;
pub use self::idle::{Worked, until_idle};
use self::look::Eyes;
use self::project::Files;
use self::publishing::Publishing;
use self::runner::InProcess;
use self::stop::Stop;
use self::telling::Telling;
use self::watch::{Watch, Watched};
use crate::args::{Serve, Stretch};
use crate::clock::Clock;
use crate::context::{Context, Loaded};
use crate::error::CliError;
use crate::report;

/// How often somebody who waits for the end of another daemon looks.
const STANDBY: Duration = Duration::from_millis(250);
/// The daemon tries again by itself: it does not wait for who has the ledger, and sees what is wanted of it meanwhile.
const PATIENCE: Duration = Duration::from_millis(300);
/// What is left of runs that did not stop in time is given so long.
const LEAVE: Duration = Duration::from_millis(200);

impl assetctl_daemon::Clock for Clock {
    fn now(&self) -> DateTime<Utc> {
        Clock::now(*self)
    }
}

pub fn run(context: &Context, args: &Serve) -> Result<(), CliError> {
    let loaded = context.load()?;
    loaded.show_warnings(context.quiet);
    if let Some(Stretch { to, .. }) = args.simulate
        && to > context.clock.wall()
    {
        return Err(CliError::usage(
            "`--simulate` ends in the future",
            Some("ticks that were decided there would be over when their time comes"),
        ));
    }
    let store = Arc::new(loaded.store()?);
    store.set_patience(PATIENCE)?;
    let runtime = runtime()?;
    let mut held = None;
    let served = runtime.block_on(async {
        let stop = Stop::listen();
        held = lock(context, args.standby, &store, &stop).await?;
        if held.is_none() {
            return Ok(());
        }
        // Who has waited for long finds other files than it had read.
        let loaded = if args.standby { context.load()? } else { loaded };
        serve(context, args, loaded, store, &stop).await
    });
    // Who takes over finds nobody who still writes.
    runtime.shutdown_timeout(LEAVE);
    drop(held);
    served
}

async fn serve(
    context: &Context,
    args: &Serve,
    loaded: Loaded,
    store: Arc<Store>,
    stop: &Stop,
) -> Result<(), CliError> {
    let files = Files::new(context.clone(), &loaded.project);
    let runner = InProcess::new(context.clone(), args.running.clone());
    let eyes = Eyes::new(context.clone());
    let telling = Telling::printing(context, &loaded.project)?;
    // Nobody is woken by a rehearsal, and nobody asks one.
    let (telling, answering) = match args.simulate {
        None => {
            let answering = Answering::bind(context, args.listen, &loaded.project).await?;
            let telling = telling.with_observers(context, &loaded.project)?;
            (telling.with_listeners(answering.as_ref().map(Answering::events)), answering)
        }
        Some(_) => (telling, None),
    };
    let declared = Arc::new(Declared { project: loaded.project, graph: loaded.graph });
    let (served, told, beside) = match args.simulate {
        None => {
            let watch = Watch::new(context, &declared)?;
            let files = Watched::new(files, watch.clone());
            let mut daemon = Daemon::new(store, declared.clone(), Box::new(files), runner, eyes, context.clock);
            let routes = watch.routes();
            let watching = watch.clone().over(&mut daemon).await?;
            let told = telling.start(&mut daemon);
            if let Some(answering) = &answering {
                daemon.begin_with("api", answering.url());
            }
            let publishing = Publishing::start(context.clock, watch.clone(), &mut daemon)?;
            let serving = answering.map(|answering| answering.serve(declared, daemon.pulse(), routes));
            let served = daemon.serve(stop.told()).await;
            publishing.stop().await;
            (served, told, Some((watching, serving)))
        }
        Some(Stretch { from, to }) => {
            let clock = Arc::new(StepClock::new(from));
            let mut daemon = Daemon::new(store, declared, Box::new(files), runner, eyes, clock.clone());
            let told = telling.start(&mut daemon);
            (daemon.rehearse(&clock, to, stop.told()).await, told, None)
        }
    };
    told.end().await;
    if let Some((watching, serving)) = beside {
        if let Some(serving) = serving {
            serving.end().await;
        }
        watching.end().await;
    }
    served.map_err(CliError::other("serving"))
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::other("starting the runtime"))
}

/// The lock of the daemon; `None` where somebody ends the waiting.
async fn lock(context: &Context, standby: bool, store: &Store, stop: &Stop) -> Result<Option<DaemonLock>, CliError> {
    let mut told = false;
    loop {
        let holder = match become_daemon(context, store)? {
            Ok(lock) => return Ok(Some(lock)),
            Err(holder) => holder,
        };
        if !standby {
            return Err(CliError::usage(
                in_words(&holder),
                Some("there is one at a time; `assetctl serve --standby` waits for its end and takes over"),
            ));
        }
        if !std::mem::replace(&mut told, true) && !context.quiet {
            anstream::eprintln!("{}: waiting for its end", in_words(&holder));
        }
        tokio::select! {
            () = stop.told() => return Ok(None),
            () = tokio::time::sleep(STANDBY) => {}
        }
    }
}

fn become_daemon(context: &Context, store: &Store) -> Result<Result<DaemonLock, DaemonRow>, CliError> {
    let who = assetctl_config::who().unwrap_or_else(|| "somebody".to_owned());
    Ok(store.become_daemon(&format!("{who}, process {}", std::process::id()), context.clock.wall())?)
}

fn in_words(holder: &DaemonRow) -> String {
    format!("the daemon of this store is {} since {}", holder.who, report::instant(holder.since))
}
