//! What a turn has to send, from the outbox to the socket, and answers to requests.

pub(super) mod answer;
pub(super) mod ring;

use std::io;
use std::rc::Rc;

use answer::{Passage, ReadyAnswer};
use ring::{InFlight, Send};

use super::core::Core;
use super::socket::Socket;
use crate::id::ConnId;
use crate::shard::Shard;

/// Rounds of sends before others come: what one round makes room for is sent in the next.
const EXCHANGES_MAX: u32 = 4;

/// The longest answer that is copied, to leave together with others.
const ANSWER_BYTES_MAX: usize = 4 * 1024;

impl Core {
    /// Send what `conn` has queued.
    pub(super) fn flush(self: &Rc<Self>, shard: &mut Shard, conn: ConnId) {
        if let Some(socket) = self.socket(conn)
            && let Some(segment) = shard.take_send(conn)
            && let Err(send) = self.sends.push(Send::new(conn, socket, segment))
        {
            monoio::spawn(Rc::clone(self).send(send));
        }
    }

    /// Send `bytes`, an answer, with the others of this turn; false if there are none, or if events
    /// would leave before it. What `passage` had before has ended.
    pub(super) fn answer_later(
        &self,
        socket: &Rc<Socket>,
        bytes: &[u8],
        passage: &Rc<Passage>,
    ) -> bool {
        let has_others = self.requests_open.get() > 0 || self.sends.is_pushed();
        let is_taken = has_others && bytes.len() <= ANSWER_BYTES_MAX && self.sends.takes_answers();
        if is_taken {
            self.sends.push_answer(ReadyAnswer::new(Rc::clone(socket), bytes.to_vec(), passage));
            self.sending.raise();
        }
        is_taken
    }

    /// A send that the kernel had to keep has ended.
    pub(super) fn sends_ended(&self) {
        self.sends.silence();
        self.sending.raise();
    }

    /// Hand over sends for ever, after what a turn woke: publishers are answered first.
    pub(super) async fn run_sends(self: Rc<Self>) {
        loop {
            self.sending.wait().await;
            let mut shard = self.shard.borrow_mut();
            self.exchange_sends(&mut shard);
            if shard.has_outputs() {
                self.turn.raise();
            }
        }
    }

    /// Hand the kernel what is to be sent, and what becomes possible as that ends.
    fn exchange_sends(&self, shard: &mut Shard) {
        for _ in 0..EXCHANGES_MAX {
            self.sends.exchange();
            while let Some((what, taken)) = self.sends.ended() {
                match what {
                    InFlight::Send(send) => self.on_sent(shard, send, taken),
                    InFlight::ReadyAnswer(answer) => {
                        answer.advance(taken).into_iter().for_each(|it| self.sends.push_answer(it));
                    }
                }
            }
            if !self.sends.is_pushed() {
                return self.sends.watch(&self.readiness);
            }
        }
        self.turn.raise(); // Others come first; then its end raises this again.
    }

    /// The socket has taken bytes of `send`, all that there were, or none ever again.
    fn on_sent(&self, shard: &mut Shard, send: Send, taken: io::Result<usize>) {
        let left = match taken {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(send),
            Ok(0) | Err(_) => return send.socket.cut(), // Its reader sees the end and cleans up.
            Ok(bytes) => {
                shard.landed(send.conn, bytes);
                send.advance(bytes)
            }
        };
        let next = left.or_else(|(conn, socket)| {
            let next = shard.take_send(conn).ok_or(());
            next.map(|segment| Send::new(conn, socket, segment))
        });
        if let Ok(next) = next {
            drop(self.sends.push(next)); // It was taken from the ring that it is put into.
        }
    }

    /// Carry `send` out without a ring, then send whatever has queued meanwhile, until nothing has.
    async fn send(self: Rc<Self>, send: Send) {
        let Send { conn, socket, segment, .. } = send;
        let mut next = Some(segment);
        while let Some(segment) = next {
            let landed = |bytes| self.end_send(|shard| shard.landed(conn, bytes));
            if socket.send(segment, landed).await.is_err() {
                return socket.cut(); // Its reader sees the end and cleans up.
            }
            next = self.end_send(|shard| shard.take_send(conn));
        }
    }

    /// Tell the shard of a send, which seldom makes it want anything.
    fn end_send<R>(&self, tell: impl FnOnce(&mut Shard) -> R) -> R {
        let mut shard = self.shard.borrow_mut();
        let told = tell(&mut shard);
        if shard.has_outputs() {
            self.turn.raise();
        }
        told
    }
}
