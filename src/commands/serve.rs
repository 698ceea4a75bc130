//! `assetctl serve`: the daemon of a project's store.
//!
//! - [`runner`]: a job, run within this process as its command would run it
//! - [`project`]: the project's files, read again when they change
//! - [`look`]: what sensors wait for
//! - [`telling`]: what happens, told: printed, and handed to observers
//! - [`watch`]: what watches over the daemon: metrics, traces, lineage; [`datasets`]: the assets as they are told then

mod datasets;
mod look;
mod project;
mod runner;
mod telling;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use assetctl_daemon::{Daemon, Declared, StepClock};
use assetctl_store::{DaemonLock, Store};
use chrono::{DateTime, SecondsFormat, Utc};

use self::look::Eyes;
use self::project::Files;
use self::runner::InProcess;
use self::telling::Telling;
use self::watch::{Watch, Watched};
use crate::args::{Serve, Stretch};
use crate::clock::Clock;
use crate::context::{Context, Loaded};
use crate::error::CliError;

/// How often somebody who waits for the end of another daemon looks.
const STANDBY: Duration = Duration::from_millis(250);
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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CliError::other("starting the runtime"))?;
    let served = runtime.block_on(serve(context, args, loaded, store));
    runtime.shutdown_timeout(LEAVE);
    served
}

async fn serve(context: &Context, args: &Serve, loaded: Loaded, store: Arc<Store>) -> Result<(), CliError> {
    let Some(_lock) = lock(context, args, &store).await? else { return Ok(()) };
    let files = Files::new(context.clone(), &loaded.project);
    let runner = InProcess::new(context.clone(), args.running.clone());
    let eyes = Eyes::new(context.clone());
    let telling = Telling::printing(context);
    // Nobody is woken by a rehearsal.
    let telling = match args.simulate {
        None => telling.with_observers(context, &loaded.project)?,
        Some(_) => telling,
    };
    let declared = Arc::new(Declared { project: loaded.project, graph: loaded.graph });
    let (served, told) = match args.simulate {
        None => {
            let watch = Watch::new(context, &declared)?;
            let files = Watched::new(files, watch.clone());
            let mut daemon = Daemon::new(store, declared, Box::new(files), runner, eyes, context.clock);
            watch.over(&mut daemon).await?;
            let telling = telling.with_watch(watch);
            let told = tokio::spawn(telling.tell(daemon.listen()));
            (daemon.serve(told_to_stop()).await, told)
        }
        Some(Stretch { from, to }) => {
            let clock = Arc::new(StepClock::new(from));
            let mut daemon = Daemon::new(store, declared, Box::new(files), runner, eyes, clock.clone());
            let told = tokio::spawn(telling.tell(daemon.listen()));
            (daemon.rehearse(&clock, to, told_to_stop()).await, told)
        }
    };
    // It ends with the daemon, once everything is told.
    let _ = told.await;
    served.map_err(CliError::other("serving"))
}

/// The lock of the daemon; `None` where somebody ends the waiting.
async fn lock(context: &Context, args: &Serve, store: &Store) -> Result<Option<DaemonLock>, CliError> {
    let who = assetctl_config::who().unwrap_or_else(|| "somebody".to_owned());
    let who = format!("{who}, process {}", std::process::id());
    let stop = told_to_stop();
    tokio::pin!(stop);
    let mut told = false;
    loop {
        let holder = match store.become_daemon(&who, context.clock.wall())? {
            Ok(lock) => return Ok(Some(lock)),
            Err(holder) => holder,
        };
        let since = holder.since.to_rfc3339_opts(SecondsFormat::Secs, true);
        if !args.standby {
            return Err(CliError::usage(
                format!("the daemon of this store is {} since {since}", holder.who),
                Some("there is one at a time; `assetctl serve --standby` waits for its end and takes over"),
            ));
        }
        if !std::mem::replace(&mut told, true) && !context.quiet {
            anstream::eprintln!("the daemon of this store is {} since {since}: waiting for its end", holder.who);
        }
        tokio::select! {
            () = &mut stop => return Ok(None),
            () = tokio::time::sleep(STANDBY) => {}
        }
    }
}

/// Ctrl-C, or what service managers send.
async fn told_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Where signals cannot be had, nothing tells it to stop but a kill.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
