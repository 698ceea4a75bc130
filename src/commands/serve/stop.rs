//! Being told to end.

use tokio::sync::watch;

use crate::error::CliError;

/// Knows whether somebody has said to end: Ctrl-C, or what service managers send.
#[derive(Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens from now on. Who says it a second time does not want to wait.
    pub fn listen() -> Self {
        let (tell, told) = watch::channel(false);
        tokio::spawn(async move {
            asked_to_end().await;
            let _ = tell.send(true);
            asked_to_end().await;
            std::process::exit(CliError::Cancelled.exit_code().into());
        });
        Self(told)
    }

    /// Until somebody says so.
    pub async fn told(&self) {
        let mut told = self.0.clone();
        if told.wait_for(|told| *told).await.is_err() {
            // Nobody listens any more.
            std::future::pending::<()>().await;
        }
    }
}

async fn asked_to_end() {
    tokio::select! {
        () = asked_by_keyboard() => {}
        () = asked_by_system() => {}
    }
}

async fn asked_by_keyboard() {
    // Where signals cannot be had, nothing tells it to stop but a kill.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(unix)]
async fn asked_by_system() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

/// The window was closed, or Windows goes down; both leave a few seconds.
#[cfg(windows)]
async fn asked_by_system() {
    use tokio::signal::windows::{ctrl_break, ctrl_close, ctrl_shutdown};
    match (ctrl_break(), ctrl_close(), ctrl_shutdown()) {
        (Ok(mut brk), Ok(mut close), Ok(mut shutdown)) => {
            tokio::select! {
                _ = brk.recv() => {}
                _ = close.recv() => {}
                _ = shutdown.recv() => {}
            }
        }
        _ => std::future::pending().await,
    }
}

#[cfg(not(any(unix, windows)))]
async fn asked_by_system() {
    std::future::pending().await
}
