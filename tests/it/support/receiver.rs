//! Who is told of events.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use serde_json::Value;

/// A receiver on loopback that says these, the last of them for ever, and keeps what it got.
pub struct Receiver {
    pub url: String,
    got: Arc<Mutex<Vec<Value>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Receiver {
    pub fn new(says: &[(u16, &'static str)]) -> Self {
        let got = Arc::new(Mutex::new(Vec::new()));
        let (keep, says) = (Arc::clone(&got), Arc::new(Mutex::new(says.iter().copied().collect::<VecDeque<_>>())));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let router = axum::Router::new().fallback(move |body: String| {
            keep.lock().unwrap().push(serde_json::from_str(&body).unwrap());
            let mut says = says.lock().unwrap();
            let (status, text) = if says.len() > 1 { says.pop_front().unwrap() } else { says[0] };
            async move { (StatusCode::from_u16(status).unwrap(), text) }
        });
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/hook/s3cr3t-s3cr3t", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, got, _runtime: runtime }
    }

    pub fn got(&self) -> Vec<Value> {
        self.got.lock().unwrap().clone()
    }
}
