//! Publishing by signed requests on one kept-alive connection, one request in flight at a time.
//!
//! All events of a room take the same connection, so their order holds without pipelining. A server
//! that closes after each answer is dialled again for the next request, as any client of it must.

use std::collections::VecDeque;
use std::io::{self, Write as _};

use super::response::Responses;
use super::{Context, Due};
use crate::dialect::Dialect;
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::payload::Stamp;
use crate::socket::connect::dial;
use crate::socket::outbox::Outbox;
use crate::socket::ring::{Link, Ring};

/// Most events one batch request may carry (Pusher's own limit).
const BATCH_MAX: usize = 10;

/// Which of the two endpoints takes the events.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Route {
    /// `POST /apps/{id}/events`: one event each.
    Events,
    /// `POST /apps/{id}/batch_events`: up to ten.
    Batch,
}

impl Route {
    /// The last part of its path.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Batch => "batch_events",
        }
    }

    const fn events_max(self) -> usize {
        match self {
            Self::Events => 1,
            Self::Batch => BATCH_MAX,
        }
    }
}

/// What a request says besides its events.
#[derive(Clone, Debug)]
pub struct Target {
    /// The server.
    pub endpoint: Endpoint,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// The endpoint there.
    pub route: Route,
}

/// Whether the connection can take a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Line {
    Open,
    /// The server has said that it closes it.
    Closing,
    Closed,
}

/// A connection that publishes into its rooms.
#[derive(Debug)]
pub struct Publisher {
    /// The request being sent.
    pub outbox: Outbox,
    target: Target,
    path: String,
    responses: Responses,
    line: Line,
    /// How often a connection was opened, this one included.
    dialled: usize,
    waiting: VecDeque<Due>,
    /// The rooms of the events in the request that is sent and not answered.
    asked: Vec<u32>,
    rooms: u64,
    /// Events to wait for before a request is made, unless no more are to come.
    enough: usize,
    /// Events of this connection's rooms that were not pushed yet.
    to_come: u64,
    body: Vec<u8>,
}

impl Publisher {
    /// A publisher for `rooms` rooms that can always count on `certain` events being pushed without
    /// an answer to the ones before.
    pub fn new(target: Target, rooms: u64, certain: usize) -> Self {
        let path = target.endpoint.prefix.clone() + &target.dialect.publish_path(target.route);
        Self {
            outbox: Outbox::default(),
            enough: target.route.events_max().min(certain).max(1),
            target,
            path,
            responses: Responses::default(),
            line: Line::Open,
            dialled: 1,
            waiting: VecDeque::new(),
            asked: Vec::new(),
            rooms,
            to_come: 0,
            body: Vec::new(),
        }
    }

    /// Count on `to_come` more events for each room.
    pub fn expect(&mut self, to_come: u64) {
        self.to_come = self.rooms * to_come;
    }

    /// Queue one event.
    pub fn push(&mut self, due: Due) {
        self.waiting.push_back(due);
        self.to_come = self.to_come.saturating_sub(1);
    }

    /// Read answers; any refusal ends the load. The rooms of accepted events go to `answered`.
    pub fn on_received(&mut self, bytes: &[u8], answered: &mut Vec<u32>) -> Result<(), Failure> {
        self.responses.feed(bytes)?;
        while let Some(response) = self.responses.take()? {
            if !(200..300).contains(&response.status) {
                return Err(Failure::Publish { status: response.status, body: response.body });
            }
            answered.append(&mut self.asked);
            if response.is_last {
                self.line = Line::Closing;
            }
        }
        Ok(())
    }

    /// The server has closed the connection: whether it had said that it would.
    pub fn on_closed(&mut self) -> bool {
        let is_expected = self.line == Line::Closing;
        self.line = Line::Closed;
        is_expected
    }

    /// Send the next request, if the last one is answered and there is enough for it.
    ///
    /// An answer may be reported before the send it answers: the request made then waits in the
    /// outbox, so that is flushed every time.
    pub fn flush(&mut self, ring: &mut Ring, link: Link, context: Context<'_>) -> io::Result<()> {
        self.next_request(context)?;
        match self.line {
            Line::Open => {}
            Line::Closing => return Ok(()),
            // The last send may be reported after the answer to it, and after the end.
            Line::Closed if self.outbox.filling.is_empty() || self.outbox.is_in_flight() => {
                return Ok(());
            }
            Line::Closed => self.dial_again(ring, link)?,
        }
        self.outbox.flush(ring, link)
    }

    fn dial_again(&mut self, ring: &mut Ring, link: Link) -> io::Result<()> {
        ring.replace(link, dial(self.target.endpoint.address, self.dialled)?)?;
        self.dialled += 1;
        self.line = Line::Open;
        Ok(())
    }

    fn next_request(&mut self, context: Context<'_>) -> io::Result<()> {
        let ready = self.waiting.len() >= self.enough || self.to_come == 0;
        if !self.asked.is_empty() || self.waiting.is_empty() || !ready {
            return Ok(());
        }
        self.write_body(context);
        self.write_request()
    }

    fn write_body(&mut self, context: Context<'_>) {
        let body = &mut self.body;
        body.clear();
        let batch = self.target.route == Route::Batch;
        body.extend_from_slice(if batch { b"{\"batch\":[" } else { b"" });
        let count = self.waiting.len().min(self.target.route.events_max());
        for (index, due) in self.waiting.drain(..count).enumerate() {
            if index > 0 {
                body.push(b',');
            }
            write_event(body, self.target.dialect.event_key(), due, context);
            self.asked.push(due.room);
        }
        body.extend_from_slice(if batch { b"]}" } else { b"" });
    }

    fn write_request(&mut self) -> io::Result<()> {
        let query = self.target.dialect.query(&self.path, &self.body);
        let out = &mut self.outbox.filling;
        write!(
            out,
            "POST {}{query} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.path,
            self.target.endpoint.authority,
            self.body.len()
        )?;
        out.extend_from_slice(&self.body);
        Ok(())
    }
}

fn write_event(body: &mut Vec<u8>, key: &str, due: Due, context: Context<'_>) {
    let room = &context.rooms[due.room as usize];
    let due_ns = due.at_ns.unwrap_or_else(|| context.clock.now_ns());
    for part in
        ["{\"", key, "\":\"", room.event, "\",\"channel\":\"", &room.channel, "\",\"data\":\""]
    {
        body.extend_from_slice(part.as_bytes());
    }
    let stamp = Stamp { sequence: due.sequence, room: due.room, due_ns };
    context.template.write(body, stamp, room.text_bytes);
    body.extend_from_slice(b"\"}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use crate::clock::Clock;
    use crate::payload::Template;
    use crate::room::Room;
    use crate::socket::ring::Event;

    fn publisher(route: Route) -> Publisher {
        let endpoint = "ws://127.0.0.1:1".parse().unwrap();
        let dialect = Dialect::Pusher("app-id:app-key:app-secret".parse().unwrap());
        let mut publisher = Publisher::new(Target { endpoint, dialect, route }, 12, 64);
        publisher.expect(1);
        publisher
    }

    fn written(publisher: &mut Publisher) -> serde_json::Value {
        let rooms = [Room::new(0, "private-load-0".to_owned(), "load", 1, 267)];
        let template = Template::new(300);
        let context = Context { rooms: &rooms, template: &template, clock: Clock::start() };
        publisher.write_body(context);
        serde_json::from_slice(&publisher.body).unwrap()
    }

    #[test]
    fn a_batch_takes_ten_events_in_order_and_leaves_the_rest() {
        let mut publisher = publisher(Route::Batch);
        for sequence in 0..12 {
            publisher.push(Due { room: 0, sequence, at_ns: Some(7) });
        }
        let body = written(&mut publisher);
        let items = body["batch"].as_array().unwrap();
        assert_eq!((items.len(), publisher.waiting.len()), (10, 2));
        for (sequence, item) in items.iter().enumerate() {
            assert_eq!(
                (&item["name"], &item["channel"]),
                (&"load".into(), &"private-load-0".into())
            );
            assert!(
                item["data"].as_str().unwrap().starts_with(&format!("{sequence:010x}.000000."))
            );
        }
    }

    #[test]
    fn a_single_event_is_the_whole_body() {
        let mut publisher = publisher(Route::Events);
        publisher.push(Due { room: 0, sequence: 0, at_ns: Some(7) });
        assert_eq!(written(&mut publisher)["name"], "load");
    }

    #[test]
    fn a_refusal_ends_the_load() {
        let mut publisher = publisher(Route::Events);
        let refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno";
        let failure = publisher.on_received(refusal, &mut Vec::new()).unwrap_err();
        assert_eq!(failure.to_string(), "publish answered 401: no");
    }

    #[test]
    fn a_server_that_closes_after_each_answer_is_dialled_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut ring = Ring::new(Duration::ZERO).unwrap();
        let link = ring.add(TcpStream::connect(address).unwrap()).unwrap();
        let rooms = [Room::new(0, "private-load-0".to_owned(), "load", 1, 267)];
        let template = Template::new(300);
        let context = Context { rooms: &rooms, template: &template, clock: Clock::start() };
        let mut publisher = publisher(Route::Events);
        publisher.target.endpoint = format!("ws://{address}").parse().unwrap();
        for sequence in 0..3 {
            let (mut served, _) = listener.accept().unwrap();
            publisher.push(Due { room: 0, sequence, at_ns: Some(7) });
            publisher.flush(&mut ring, link, context).unwrap();
            let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
            served.write_all(answer).unwrap();
            served.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answered = Vec::new();
            while publisher.line != Line::Closed || publisher.outbox.is_in_flight() {
                ring.wait(Duration::from_secs(10), |_, event| {
                    match event {
                        Event::Received(bytes) => publisher.on_received(bytes, &mut answered)?,
                        Event::Sent(spare) => publisher.outbox.on_sent(spare),
                        Event::Closed => assert!(publisher.on_closed(), "it was announced"),
                        Event::Failed(error) => return Err(Failure::Io(error)),
                    }
                    Ok::<_, Failure>(())
                })
                .unwrap();
            }
            assert_eq!(answered, [0]);
            if sequence < 2 {
                publisher.dial_again(&mut ring, link).unwrap();
            }
        }
        assert!(!publisher.on_closed(), "an end that nobody announced is a failure");
    }

    /// With the last answer read and the last send not yet reported, the next request must wait for
    /// the report and then go out.
    #[test]
    fn an_answer_before_the_report_of_its_send_loses_no_request() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut ring = Ring::new(Duration::ZERO).unwrap();
        let link = ring.add(client).unwrap();
        let rooms = [Room::new(0, "private-load-0".to_owned(), "load", 1, 267)];
        let template = Template::new(300);
        let context = Context { rooms: &rooms, template: &template, clock: Clock::start() };
        let mut publisher = publisher(Route::Events);
        for sequence in 0..2 {
            publisher.push(Due { room: 0, sequence, at_ns: Some(7) });
            publisher.flush(&mut ring, link, context).unwrap();
            let mut answered = Vec::new();
            let accepted = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
            publisher.on_received(accepted, &mut answered).unwrap();
            assert_eq!(answered, [0]);
        }
        assert!(!publisher.outbox.filling.is_empty());
        let mut reported = 0;
        ring.wait(Duration::from_secs(10), |_, event| {
            if let Event::Sent(spare) = event {
                publisher.outbox.on_sent(spare);
                reported += 1;
            }
            Ok::<(), io::Error>(())
        })
        .unwrap();
        assert_eq!(reported, 1);
        publisher.flush(&mut ring, link, context).unwrap();
        assert!(publisher.outbox.filling.is_empty());
    }
}
