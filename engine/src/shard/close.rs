//! Ending a websocket, from either side.
//!
//! A close is an exchange: our close frame is the last thing queued, the peer's is waited for, and
//! only then does the stream end; whoever does not play along is cut off after a time.

use bytes::Bytes;
use uringcast_proto::pusher::codes::Code;
use uringcast_proto::ws::close::CloseCode;
use uringcast_proto::ws::encode;

use super::channel::Form;
use super::connection::{Closing, Farewell, Phase};
use super::stream::closing_block;
use super::{Output, Segment, Shard};
use crate::id::ConnId;

impl Shard {
    /// Close `conn`: `code` is the last thing it is told, and the peer's answer is waited for.
    pub fn close(&mut self, conn: ConnId, code: CloseCode, reason: &str) {
        self.begin_close(conn, encode::close(code, reason), Farewell::Awaited);
    }

    /// Fail `conn` (RFC 6455 section 7.1.7): tell it `code` and end, whatever it still says.
    pub fn fail(&mut self, conn: ConnId, code: CloseCode, reason: &str) {
        self.begin_close(conn, encode::close(code, reason), Farewell::Ignored);
    }

    /// The peer's close frame is here; it is answered with the same code if it came first.
    pub fn on_peer_close(&mut self, conn: ConnId, code: Option<CloseCode>) {
        let Some(connection) = self.connection(conn) else { return };
        if let Phase::Closing(closing) = &mut connection.phase {
            closing.farewell = Farewell::Heard;
            self.finish_if_done(conn);
        } else {
            let answer = code.map(|code| encode::close(code, ""));
            let answer = answer.unwrap_or_else(encode::close_without_code);
            self.begin_close(conn, answer, Farewell::Heard);
        }
    }

    /// Close `conn` for a reason of Pusher's, in the words of its own dialect.
    pub(super) fn close_with(&mut self, conn: ConnId, code: Code, reason: &str) {
        let Some(dialect) = self.connection(conn).map(|it| it.dialect) else { return };
        self.begin_close(conn, dialect.farewell(code, reason), Farewell::Awaited);
    }

    /// Close `conn` with these frames, of which the last one is its close frame.
    pub fn close_saying(&mut self, conn: ConnId, mut frames: Vec<Bytes>) {
        let Some(close) = frames.pop() else { return };
        for frame in frames {
            self.send(conn, frame);
        }
        self.begin_close(conn, close, Farewell::Awaited);
    }

    pub(super) fn begin_close(&mut self, conn: ConnId, frame: Bytes, farewell: Farewell) {
        let until = self.now.plus(self.config.close_timeout_ms);
        let Some(form) = self.connection(conn).filter(|it| it.is_open()).map(|it| it.form()) else {
            return;
        };
        let (frame, farewell) = match form {
            Form::Plain | Form::Deflated => (frame, farewell),
            Form::Blocks => (closing_block(&frame), Farewell::Ignored), // It has no answer to give.
        };
        self.leave_all(conn);
        self.connections[conn.slot as usize].is_over = false;
        let segment = Segment::private(frame, 1, &self.retained);
        self.enqueue(conn.slot, segment); // The last words are sent whatever waits already.
        let connection = self.connection(conn).expect("leaving channels closes no connection");
        connection.phase = Phase::Closing(Closing { until, farewell, finished: false });
        self.reschedule(conn);
    }

    /// End whatever `conn` has with others: its subscriptions and its user's being here.
    pub(super) fn leave_all(&mut self, conn: ConnId) {
        while let Some(connection) = self.connection(conn)
            && let Some(&local) = connection.channels.last()
        {
            let index = connection.channels.len() - 1;
            self.end_subscription(conn.slot, local, index);
        }
        self.leave_users(conn);
        self.sign_out(conn);
    }

    /// End the stream once both sides have said all they had to.
    pub(super) fn finish_if_done(&mut self, conn: ConnId) {
        let Some(connection) = self.connection(conn) else { return };
        let is_idle = connection.outbox.is_idle();
        if let Phase::Closing(closing) = &mut connection.phase
            && is_idle
            && !closing.finished
        {
            let output = match closing.farewell {
                Farewell::Awaited => return,
                Farewell::Heard => Output::Abort(conn),
                Farewell::Ignored => Output::Finish(conn),
            };
            closing.finished = true;
            self.outputs.push_back(output);
        }
    }
}
