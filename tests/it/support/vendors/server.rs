//! A small HTTP/1.1 server that can fail in all the ways that servers do.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One request.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn query(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub fn json(value: &serde_json::Value) -> Self {
        Self::new(200, value.to_string())
    }
}

/// What goes wrong with one answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Another answer: status, headers, body.
    Instead(u16, &'static [(&'static str, &'static str)], &'static str),
    /// The connection is reset before an answer.
    Reset,
    /// The body ends in the middle, and then the connection.
    Cut,
    /// The body ends in the middle, as if that were all.
    Short,
    /// The body comes in two parts, with a pause between.
    Slow(Duration),
    /// This text of the body is that text.
    Wrong(&'static str, &'static str),
}

type Handler = Box<dyn Fn(&Asked) -> Reply + Send + Sync>;

struct State {
    handler: Handler,
    faults: Mutex<BTreeMap<usize, Fault>>,
    asked: Mutex<Vec<(Instant, Asked)>>,
    over: AtomicBool,
}

/// Serves until it is dropped.
pub struct Server {
    address: SocketAddr,
    state: Arc<State>,
}

impl Server {
    pub fn start(handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            handler: Box::new(handler),
            faults: Mutex::default(),
            asked: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let served = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if served.over.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), state) = (stream, Arc::clone(&served)) else { continue };
                // A client that goes away is none of the server's concern.
                std::thread::spawn(move || drop(connection(&state, stream)));
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The answers to the requests of these numbers, counted from 0 over all, go wrong.
    pub fn fail(&self, faults: impl IntoIterator<Item = (usize, Fault)>) {
        self.state.faults.lock().unwrap().extend(faults);
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().iter().map(|(_, asked)| asked.clone()).collect()
    }

    pub fn count(&self) -> usize {
        self.state.asked.lock().unwrap().len()
    }

    /// The most requests in any stretch of time of this length.
    pub fn most_in(&self, length: Duration) -> usize {
        let asked = self.state.asked.lock().unwrap();
        let mut times: Vec<Instant> = asked.iter().map(|(at, _)| *at).collect();
        times.sort();
        let inside = |at: usize| times[at..].iter().take_while(|time| **time - times[at] < length).count();
        (0..times.len()).map(inside).max().unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        drop(TcpStream::connect(self.address));
    }
}

fn connection(state: &State, stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    while let Some(asked) = request(&mut reader)? {
        let fault = {
            let mut all = state.asked.lock().unwrap();
            all.push((Instant::now(), asked.clone()));
            state.faults.lock().unwrap().remove(&(all.len() - 1))
        };
        if matches!(fault, Some(Fault::Reset)) {
            // Unread bytes make the system reset the connection rather than close it.
            return stream.shutdown(std::net::Shutdown::Both);
        }
        let mut reply = match &fault {
            Some(Fault::Instead(status, headers, body)) => Reply {
                status: *status,
                headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
                body: body.as_bytes().to_vec(),
            },
            _ => (state.handler)(&asked),
        };
        match &fault {
            Some(Fault::Short) => reply.body.truncate(reply.body.len() / 2),
            Some(Fault::Wrong(from, to)) => {
                let text = String::from_utf8_lossy(&reply.body).replacen(from, to, 1);
                assert_ne!(text.as_bytes(), reply.body, "`{from}` is not in the answer");
                reply.body = text.into_bytes();
            }
            _ => {}
        }
        let mut head = format!("HTTP/1.1 {} X\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes())?;
        let (first, second) = reply.body.split_at(reply.body.len() / 2);
        stream.write_all(first)?;
        match fault {
            Some(Fault::Cut) => return stream.shutdown(std::net::Shutdown::Both),
            Some(Fault::Slow(pause)) => std::thread::sleep(pause),
            _ => {}
        }
        stream.write_all(second)?;
    }
    Ok(())
}

/// `None` at the end of the connection.
fn request(reader: &mut impl BufRead) -> std::io::Result<Option<Asked>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query =
        query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decoded(name), decoded(value)));
    Ok(Some(Asked { method, path: decoded(path), query: query.collect(), headers, body }))
}

/// Without `%20` and `+`.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&first, behind)) = rest.split_first() {
        let hex = behind.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &behind[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(first),
        }
        rest = behind;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
