//! A mail server for tests: plain TCP, as RFC 5321 has it, which keeps what it is told.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// One session, as the client spoke it.
#[derive(Debug, Clone, Default)]
pub(super) struct Mail {
    pub commands: Vec<String>,
    /// Headers and body, lines ended by `\n`.
    pub data: String,
}

pub(super) struct Catcher {
    pub port: u16,
    got: Arc<Mutex<Vec<Mail>>>,
}

impl Catcher {
    /// Answers the commands that begin with `but.0` by `but.1`, for the first `times` sessions; everything else is fine.
    pub async fn new(but: (&'static str, &'static str), times: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let got = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&got);
        tokio::spawn(async move {
            for session in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let but = if session < times { but } else { ("never", "") };
                let mail = serve(stream, but).await;
                keep.lock().unwrap().push(mail);
            }
        });
        Self { port, got }
    }

    /// What came, once `count` sessions have ended.
    pub async fn got(&self, count: usize) -> Vec<Mail> {
        loop {
            let got = self.got.lock().unwrap().clone();
            if got.len() >= count {
                return got;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

async fn serve(stream: TcpStream, but: (&str, &str)) -> Mail {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let (mut mail, mut in_data) = (Mail::default(), false);
    write.write_all(b"220 catcher\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        if in_data {
            if line != "." {
                mail.data.push_str(line.strip_prefix('.').unwrap_or(&line));
                mail.data.push('\n');
                continue;
            }
            in_data = false;
        } else {
            mail.commands.push(line.clone());
        }
        let answer = match line.as_str() {
            line if line.starts_with(but.0) => but.1,
            line if line.starts_with("EHLO") => "250-catcher\r\n250-8BITMIME\r\n250 AUTH PLAIN",
            line if line.starts_with("AUTH") => "235 welcome",
            "DATA" => {
                in_data = true;
                "354 go on"
            }
            "QUIT" => "221 bye",
            _ => "250 fine",
        };
        if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() || line == "QUIT" {
            break;
        }
    }
    mail
}
