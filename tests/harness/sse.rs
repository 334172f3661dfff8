//! A reader of server-sent events that hides nothing.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;

use serde_json::Value;
use socket2::{SockFilter, SockRef};

use crate::{Raw, Server};

/// One stream, from its request to its end.
#[derive(Debug)]
pub struct Stream {
    reader: BufReader<TcpStream>,
    /// The status of the response.
    pub status: u16,
    /// Its head as it came, in lower case.
    pub head: String,
}

/// One block of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// `event`, or empty.
    pub event: String,
    /// `id`, or empty.
    pub id: String,
    /// `data`.
    pub data: String,
}

impl Block {
    /// The data as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The sequence of the event in it.
    pub fn sequence(&self) -> u64 {
        self.json()["event"]["sequence"].as_u64().unwrap_or_else(|| panic!("no event: {self:?}"))
    }
}

impl Stream {
    /// Asks `server` for `target` with these lines in the head, each with its end.
    pub fn open(server: &Server, target: &str, lines: &str) -> Self {
        Self::on(Raw::connect(server.address()), target, lines)
    }

    /// Asks for `target` on a connection that may have had other requests.
    pub fn on(mut raw: Raw, target: &str, lines: &str) -> Self {
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{lines}\r\n"
        );
        raw.send(head.as_bytes());
        let mut reader = raw.into_reader();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let bytes = reader.read_line(&mut head).expect("the server answers");
            assert!(bytes > 0, "the server hangs up after {head:?}");
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.expect("a head begins with its status");
        Self { reader, status, head: head.to_ascii_lowercase() }
    }

    /// Asks `server` for `target`, a stream that must begin: its first block is read. Returns the
    /// stream and the block's `since`.
    pub fn begin(server: &Server, target: &str) -> (Self, Value) {
        let mut stream = Self::open(server, target, "");
        assert_eq!(stream.status, 200, "{}", stream.head);
        let ready = stream.block();
        assert_eq!(ready.event, "ready");
        let since = ready.json()["since"].clone();
        (stream, since)
    }

    /// The next block, whatever it is.
    pub fn block(&mut self) -> Block {
        self.try_block().expect("there is another block")
    }

    /// The next block; `None` at the end of the stream.
    pub fn try_block(&mut self) -> Option<Block> {
        let mut block = Block::default();
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).expect("the server goes on") == 0 {
                assert_eq!(block, Block::default(), "a block is whole");
                return None;
            }
            assert!(line.ends_with('\n') && !line.contains('\r'), "{line:?}");
            let line = line.trim_end_matches('\n');
            if line.is_empty() {
                return Some(block);
            }
            let (field, value) = line.split_once(": ").expect("a field and its value");
            match field {
                "event" => value.clone_into(&mut block.event),
                "id" => value.clone_into(&mut block.id),
                "data" => value.clone_into(&mut block.data),
                other => panic!("no such field: {other}"),
            }
        }
    }

    /// The next block with an event of a log; others are passed over.
    pub fn event(&mut self) -> Block {
        loop {
            let block = self.block();
            if block.event.is_empty() {
                return block;
            }
            assert_ne!(block.event, "error", "{block:?}");
        }
    }

    /// Vanishes as a machine does that loses its network: nothing that comes is acknowledged any
    /// more, or refused.
    pub fn vanish(&self) {
        const RETURN_CONSTANT: u16 = 0x06; // BPF_RET | BPF_K
        let drop_all = SockFilter::new(RETURN_CONSTANT, 0, 0, 0);
        let socket = SockRef::from(self.reader.get_ref());
        socket.attach_filter(&[drop_all]).expect("any process may filter its own sockets");
    }

    /// The whole body of a response that is no stream.
    pub fn body(mut self) -> String {
        let mut body = String::new();
        self.reader.read_to_string(&mut body).expect("the server closes");
        body
    }
}
