//! Ending a websocket, from either side.
//!
//! A close is an exchange: our close frame is the last thing queued, the peer's is waited for, and
//! only then does the stream end; whoever does not play along is cut off after a time.

use bytes::Bytes;
use uringcast_proto::ws::close::CloseCode;
use uringcast_proto::ws::encode;

use crate::connection::{Closing, Farewell, Phase};
use crate::id::ConnId;
use crate::local::Local;
use crate::route::Route;
use crate::word::Said;
use crate::{Ending, Output, Segment, Shard, Word};

impl Shard {
    /// Close `conn`: `code` is the last thing it is told, and the peer's answer is waited for.
    pub fn close(&mut self, conn: ConnId, code: CloseCode, reason: &str) {
        self.close_by_frame(conn, (encode::close(code, reason), reason), Farewell::Awaited);
    }

    /// Fail `conn` (RFC 6455 section 7.1.7): tell it `code` and end, whatever it still says.
    pub fn fail(&mut self, conn: ConnId, code: CloseCode, reason: &str) {
        self.close_by_frame(conn, (encode::close(code, reason), reason), Farewell::Ignored);
    }

    /// The peer's close frame is here; it is answered with the same code if it came first.
    pub fn on_peer_close(&mut self, conn: ConnId, code: Option<CloseCode>) {
        let Some(connection) = self.local.connection(conn) else { return };
        if let Phase::Closing(closing) = &mut connection.phase {
            closing.farewell = Farewell::Heard;
            self.local.finish_if_done(&mut self.route, conn);
        } else {
            let answer = code.map(|code| encode::close(code, ""));
            let answer = answer.unwrap_or_else(encode::close_without_code);
            self.close_by_frame(conn, (answer, ""), Farewell::Heard);
        }
    }

    /// End `conn`: its dialect says why, with `reason` where it has no words of its own. One that
    /// says nothing is cut off.
    pub fn end(&mut self, conn: ConnId, ending: Ending, reason: &str) {
        let Some((_, dialect)) = self.local.speaks(conn) else { return };
        let row = self.route.row(dialect);
        let said = row.said(&[Word::Farewell { ending, reason }]);
        if said.frames == 0 {
            return self.route.outputs.push_back(Output::Abort(conn));
        }
        // Who is closed by something else than a frame has no answer to give.
        let farewell = if row.closes_by_frame { Farewell::Awaited } else { Farewell::Ignored };
        self.begin_close(conn, said, farewell);
    }

    /// Close `conn` by `frame`, or with its `reason` alone where the dialect has no such frames.
    fn close_by_frame(&mut self, conn: ConnId, (frame, reason): (Bytes, &str), farewell: Farewell) {
        let Some((_, dialect)) = self.local.speaks(conn) else { return };
        if self.route.row(dialect).closes_by_frame {
            self.begin_close(conn, Said { bytes: frame, frames: 1 }, farewell);
        } else {
            self.end(conn, Ending::Failed, reason);
        }
    }

    /// The last words of `conn`, which is open.
    fn begin_close(&mut self, conn: ConnId, said: Said, farewell: Farewell) {
        let until = self.route.now.plus(self.route.config.close_timeout_ms);
        self.leave_all(conn);
        self.local.connections[conn.slot as usize].is_over = false;
        let segment = Segment::private(said.bytes, said.frames, &self.local.retained);
        // The last words are sent whatever waits already.
        self.local.enqueue(&mut self.route, conn.slot, segment);
        let connection =
            self.local.connection(conn).expect("leaving channels closes no connection");
        connection.phase = Phase::Closing(Closing { until, farewell, finished: false });
        self.local.reschedule(&self.route, conn);
    }

    /// End whatever `conn` has with others: its subscriptions and its user's being here.
    pub(super) fn leave_all(&mut self, conn: ConnId) {
        while let Some(connection) = self.local.connection(conn)
            && let Some(&local) = connection.channels.last()
        {
            let index = connection.channels.len() - 1;
            self.local.end_subscription(&mut self.route, conn.slot, local, index);
            self.settle();
        }
        self.local.leave_users(&mut self.route, conn);
        self.settle();
        self.local.sign_out(&mut self.route, conn);
        self.settle();
    }
}

impl Local {
    /// End the stream once both sides have said all they had to.
    pub(super) fn finish_if_done(&mut self, route: &mut Route, conn: ConnId) {
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
            route.outputs.push_back(output);
        }
    }
}
