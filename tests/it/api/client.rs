//! A daemon that answers, and who asks it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::TOKEN;
use crate::support::project::NOW;
use crate::support::running::Running;
use crate::support::{Output, Project, wait_until};

/// What it says goes here.
const SAID: &str = "said.jsonl";

/// A daemon on a clock that stands still, with its API on a port that was free.
pub struct Served {
    pub daemon: Running,
    /// `127.0.0.1:41234`
    pub address: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Served {
    pub fn new(project: &Project) -> Self {
        Self::with(project, &["--listen", "127.0.0.1:0"])
    }

    pub fn with(project: &Project, args: &[&str]) -> Self {
        // Of an earlier one.
        project.write(SAID, "");
        let said = std::fs::OpenOptions::new().append(true).open(project.path(SAID)).unwrap();
        let all: Vec<&str> =
            ["serve", "--format", "json", "--now", NOW].into_iter().chain(args.iter().copied()).collect();
        let mut command = project.command(&all);
        command.env("ASSETCTL_TOKEN", TOKEN).stdout(said.try_clone().unwrap()).stderr(said);
        let daemon = Running::new(command, "serve");
        let mut address = None;
        wait_until("the API answers", || {
            let said = project.read(SAID);
            let begun = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let begun = begun.into_iter().find(|event| event["kind"] == "daemon_started");
            address = begun.map(|event| event["api"].as_str().unwrap().replace("http://", ""));
            address.is_some()
        });
        let address = address.unwrap().replace("0.0.0.0", "127.0.0.1");
        Self { daemon, address }
    }

    /// All that it has said.
    pub fn said(project: &Project) -> String {
        project.read(SAID)
    }

    /// Sends a request as it is written, and gives the connection.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut text = format!("{method} {path} HTTP/1.1\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "Host") {
            text.push_str(&format!("Host: {}\r\n", self.address));
        }
        if !headers.iter().any(|(name, _)| *name == "Accept") {
            text.push_str("Connection: close\r\n");
        }
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() && !headers.iter().any(|(name, _)| *name == "Content-Type") {
            text.push_str("Content-Type: application/json\r\n");
        }
        stream.write_all(format!("{text}\r\n{body}").as_bytes()).unwrap();
        stream
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain([("Connection", "close")]).collect();
        let mut stream = self.send(method, path, &headers, body);
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {path}: {text}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_lowercase(), value.trim().to_owned())
        });
        Answer { status, headers: headers.collect(), body: body.to_owned() }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    /// With the token.
    pub fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, &[("Authorization", &format!("Bearer {TOKEN}"))], body)
    }

    /// Listens to events: each as its `id`, its kind and what it says; until `done` says so or there are no more.
    pub fn listen(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        mut done: impl FnMut(&str, &Value) -> bool,
    ) -> Vec<(String, String)> {
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain([("Accept", "text/event-stream")]).collect();
        let reader = BufReader::new(self.send("GET", path, &headers, ""));
        let (mut heard, mut id, mut kind) = (Vec::new(), String::new(), String::new());
        for line in reader.lines() {
            let Ok(line) = line else { break };
            if let Some(text) = line.strip_prefix("id: ") {
                id = text.to_owned();
            } else if let Some(text) = line.strip_prefix("event: ") {
                kind = text.to_owned();
            } else if let Some(text) = line.strip_prefix("data: ") {
                let event: Value = serde_json::from_str(text).unwrap();
                heard.push((std::mem::take(&mut id), kind.clone()));
                if done(&kind, &event) {
                    break;
                }
            }
        }
        heard
    }

    /// Ends it as a service manager does.
    #[cfg(unix)]
    pub fn end(self) -> Output {
        self.daemon.interrupt();
        self.daemon.wait().ok()
    }
}

impl Answer {
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        assert!(self.header("content-type").contains("json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON: {error}: {self:?}"))
    }

    /// A mistake in the form of RFC 9457, with what is said of it.
    #[track_caller]
    pub fn is_problem(self, status: u16, words: &str) -> Value {
        let answer = self.is(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.json();
        assert_eq!(problem["status"], status);
        assert!(problem["type"].as_str().unwrap().starts_with("urn:assetctl:problem:"), "{problem}");
        assert!(problem["title"].is_string(), "{problem}");
        assert!(problem.to_string().contains(words), "expected `{words}` in {problem}");
        problem
    }
}

impl Answer {
    /// One of these mistakes: which one comes first is the machine's affair.
    #[track_caller]
    pub fn is_problem_of(self, either: &[(u16, &str)]) -> Value {
        let found = either.iter().find(|(status, _)| *status == self.status);
        let (status, words) = found.unwrap_or_else(|| panic!("none of {either:?}: {self:?}"));
        self.is_problem(*status, words)
    }
}
