//! What tests need: somebody who listens, and a server that keeps what it is sent.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};

use crate::trouble::Tell;

/// Remembers what is said.
#[derive(Clone, Default)]
pub struct Said(Arc<Mutex<Vec<String>>>);

impl Said {
    pub fn tell(&self) -> Tell {
        let said = self.0.clone();
        Arc::new(move |text| said.lock().unwrap().push(text.to_owned()))
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// One request that came.
#[derive(Debug, Clone)]
pub struct Got {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// A server of HTTP on a port of its own.
#[derive(Clone)]
pub struct Receiver {
    pub address: String,
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<Vec<StatusCode>>>,
}

impl Receiver {
    /// Answers as `answers` say, the last first; then 200.
    pub async fn start(answers: &[StatusCode]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let receiver = Self { address, got: Arc::default(), answers: Arc::new(Mutex::new(answers.to_vec())) };
        let router = Router::new().fallback(keep).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub fn all(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

async fn keep(State(receiver): State<Receiver>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    receiver.got.lock().unwrap().push(Got { path: uri.path().to_owned(), headers, body: body.to_vec() });
    receiver.answers.lock().unwrap().pop().unwrap_or(StatusCode::OK)
}
