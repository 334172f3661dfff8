//! A client that says the same thing for ever, faster than it can be heard.

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::{self, JoinHandle};

/// Bytes that are sent at a time: enough that the server never finds the socket empty.
const CHUNK_BYTES: usize = 256 * 1024;

/// A flood that goes on in threads of its own until the server hangs up or the value is dropped.
#[derive(Debug)]
pub struct Flood {
    stream: TcpStream,
    threads: Vec<JoinHandle<()>>,
}

impl Flood {
    /// Sends `frame` over and over on `stream` and reads nothing.
    pub fn deaf(stream: &TcpStream, frame: &[u8]) -> Self {
        let stream = stream.try_clone().expect("the socket is open");
        let mut writer = stream.try_clone().expect("the socket is open");
        let chunk = frame.repeat(CHUNK_BYTES.div_ceil(frame.len()));
        let write = move || while writer.write_all(&chunk).is_ok() {};
        Self { stream, threads: vec![thread::spawn(write)] }
    }

    /// Sends `frame` over and over on `stream` and reads whatever comes.
    pub fn hearing(stream: &TcpStream, frame: &[u8]) -> Self {
        let mut flood = Self::deaf(stream, frame);
        let mut reader = flood.stream.try_clone().expect("the socket is open");
        flood.threads.push(thread::spawn(move || {
            drop(io::copy(&mut reader, &mut io::sink())); // Until the end, however it comes.
        }));
        flood
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        drop(self.stream.shutdown(Shutdown::Both)); // The server may have been faster.
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}
