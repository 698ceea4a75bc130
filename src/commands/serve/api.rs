//! The HTTP API beside the daemon.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use assetctl_config::{Listen, Project};
use assetctl_daemon::{Declared, Declares};
use assetctl_serve::{Api, Bound, Desk, Events, Serving, Settings};
use assetctl_store::Store;
use assetctl_telemetry::metrics::Router;
use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::project::Files;
use crate::clock::Clock;
use crate::context::Context;
use crate::error::CliError;

/// An API that has its address.
pub struct Answering {
    context: Context,
    bound: Bound,
    events: Arc<Events>,
    store: Store,
    files: Files,
}

impl Answering {
    /// Takes the address that is said on the command line, or in the configuration. `None` where it is `off`.
    pub async fn bind(context: &Context, listen: Option<Listen>, project: &Project) -> Result<Option<Self>, CliError> {
        let spec = &project.schedules.api;
        let listen = listen.unwrap_or_else(|| spec.listen());
        let Listen::At(address) = listen else { return Ok(None) };
        let token = token(project)?;
        if listen.is_open() && token.is_none() {
            return Err(CliError::usage(
                format!("`{address}` can be reached from other machines, and there is no token"),
                Some(
                    "write `api: { token: { env: ASSETCTL_TOKEN } }` into schedules.yaml, or listen on `127.0.0.1:8123`",
                ),
            ));
        }
        let bound =
            Settings::new(spec, address, token.as_deref()).bind().await.map_err(|error| busy(address, &error))?;
        if !context.quiet {
            anstream::eprintln!("the API answers on {}", bound.url());
        }
        // Numbers of events are another daemon's if it began at another instant.
        let epoch = format!("{:x}", context.clock.wall().timestamp_micros());
        Ok(Some(Self {
            context: context.clone(),
            bound,
            events: Arc::new(Events::new(epoch)),
            store: Store::open(&project.data_dir)?,
            files: Files::new(context.clone(), project),
        }))
    }

    pub fn events(&self) -> Arc<Events> {
        self.events.clone()
    }

    pub fn url(&self) -> String {
        self.bound.url()
    }

    /// Answers from now on.
    pub fn serve(self, declared: Arc<Declared>, pulse: watch::Receiver<Instant>, more: Router) -> Serving {
        let read = Mutex::new(Read { files: self.files, declared, problem: None });
        let desk = Front { read, clock: self.context.clock, pulse };
        let api = Api::new(desk, self.store, self.bound.settings.clone(), self.events).with_routes(more);
        self.bound.serve(api)
    }
}

/// The token, from where the configuration says that it is kept.
fn token(project: &Project) -> Result<Option<String>, CliError> {
    let schedules = &project.schedules;
    let Some(kept) = &schedules.api.token else { return Ok(None) };
    let base = schedules.path.as_deref().and_then(std::path::Path::parent).unwrap_or(&project.root);
    let token = kept.read(base).map_err(|error| {
        CliError::usage(
            format!("the token of the API cannot be had: {error}"),
            Some("set it, or take `token:` out of `api:`"),
        )
    })?;
    Ok(Some(token))
}

fn busy(address: SocketAddr, error: &assetctl_serve::ApiError) -> CliError {
    let help = match error.source.kind() {
        std::io::ErrorKind::AddrInUse => {
            "somebody listens there already: `--listen 127.0.0.1:8124` takes another port, `--listen off` none"
        }
        _ => "`--listen ADDRESS` takes another address, `--listen off` none",
    };
    CliError::usage(format!("the API cannot listen on {address}: {}", error.source), Some(help))
}

/// What the API is told.
struct Front {
    read: Mutex<Read>,
    clock: Clock,
    pulse: watch::Receiver<Instant>,
}

/// The project as it was last read.
struct Read {
    files: Files,
    declared: Arc<Declared>,
    problem: Option<String>,
}

impl Desk for Front {
    fn declared(&self) -> (Arc<Declared>, Option<String>) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match read.files.declared() {
            Ok(None) => {}
            Ok(Some(declared)) => {
                read.declared = declared;
                read.problem = None;
            }
            Err(mistakes) => read.problem = Some(mistakes),
        }
        (read.declared.clone(), read.problem.clone())
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    fn idle(&self) -> Duration {
        self.pulse.borrow().elapsed()
    }
}
