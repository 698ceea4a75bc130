//! Where the API listens, and how it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::ring::Events;
use super::routes::router;
use super::state::{Api, Settings};

/// How long answers that have begun may take when the daemon ends.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why the API cannot begin.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct ApiError {
    pub address: SocketAddr,
    #[source]
    pub source: std::io::Error,
}

impl Settings {
    /// Takes its address; a port of 0 becomes one that is free.
    ///
    /// # Errors
    /// Somebody listens there already, or this machine has no such address.
    pub async fn bind(mut self) -> Result<Bound, ApiError> {
        let failed = |source| ApiError { address: self.listen, source };
        let listener = TcpListener::bind(self.listen).await.map_err(failed)?;
        self.listen = listener.local_addr().map_err(failed)?;
        Ok(Bound { settings: self, listener })
    }
}

/// An address that nobody else has any more.
#[derive(Debug)]
pub struct Bound {
    pub settings: Settings,
    listener: TcpListener,
}

impl Bound {
    /// Where it is asked: `http://127.0.0.1:8123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.settings.listen)
    }

    /// Answers from now on. `api` is made of its settings.
    pub fn serve(self, api: Api) -> Serving {
        let (stop, stopped) = oneshot::channel::<()>();
        let events = api.events.clone();
        // Small answers are not to wait for each other.
        let listener = self.listener.tap_io(|io| {
            let _ = io.set_nodelay(true);
        });
        let router = router(Arc::new(api));
        let task = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
                tracing::error!("the API has ended: {error}");
            }
        });
        Serving { stop, events, task }
    }
}

/// The API while it answers.
pub struct Serving {
    stop: oneshot::Sender<()>,
    events: Arc<Events>,
    task: JoinHandle<()>,
}

impl Serving {
    /// Lets listeners go, and ends once all that was asked is answered, or soon after.
    pub async fn end(mut self) {
        self.events.close();
        let _ = self.stop.send(());
        if tokio::time::timeout(LAST_WORDS, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}
