//! An application's own server, for what the server under test asks and tells it.

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use serde_json::Value;

use crate::until;

/// One HTTP server on a port of its own; it ends with the test's process.
pub struct Endpoint {
    address: SocketAddr,
    /// Requests that have been looked at, and those that have come since.
    seen: RefCell<Vec<Posted>>,
    posted: Receiver<Posted>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The target, as the request line has it.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// What it is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A status and a body.
    Status(u16, String),
    /// Nothing, for as long as the asker keeps the connection.
    Never,
}

impl Posted {
    /// The body, which must be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Endpoint {
    /// A server that answers each request as `reply` says, which may wait.
    pub fn start(reply: impl Fn(&Posted) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        Self::serve(listener, reply)
    }

    /// A server on `listener` that answers each request as `reply` says, which may wait.
    pub fn serve(
        listener: TcpListener,
        reply: impl Fn(&Posted) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("the listener is bound");
        let (noted, posted) = channel();
        let reply = Arc::new(reply);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (reply, noted) = (Arc::clone(&reply), noted.clone());
                thread::spawn(move || {
                    // The asker hangs up when it likes.
                    let _ = answer_all(&stream, &*reply, &noted);
                });
            }
        });
        Self { address, seen: RefCell::default(), posted }
    }

    /// A URL at which nobody answers.
    pub fn nobody() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        format!("http://{}/", listener.local_addr().expect("the listener is bound"))
    }

    /// The URL of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far, in the order in which they came.
    pub fn posted(&self) -> Vec<Posted> {
        let mut seen = self.seen.borrow_mut();
        seen.extend(self.posted.try_iter());
        seen.clone()
    }

    /// Waits until there have been `count` requests.
    pub fn until_posted(&self, count: usize) -> Vec<Posted> {
        until(&format!("{count} requests have come"), || self.posted().len() >= count);
        self.posted()
    }
}

fn answer_all(
    stream: &TcpStream,
    reply: &dyn Fn(&Posted) -> Reply,
    noted: &Sender<Posted>,
) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(posted) = read(&mut reader)? {
        let _ = noted.send(posted.clone()); // The test may be over.
        match reply(&posted) {
            Reply::Status(status, body) => {
                let length = body.len();
                let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n");
                (&*stream).write_all(format!("{head}{body}").as_bytes())?;
            }
            Reply::Never => while reader.read(&mut [0; 64])? > 0 {},
        }
    }
    Ok(())
}

fn read(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Posted>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers: Vec<(String, String)> = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Posted { path, headers, body }))
}
