//! Publishing by messages, client events among them: one masked frame each, on one websocket.

use uringcast_proto::ws::client::FrameCursor;
use uringcast_proto::ws::{Opcode, encode};

use super::{Context, Due};
use crate::control;
use crate::failure::Failure;
use crate::payload::Stamp;
use crate::room::Room;
use crate::socket::outbox::Outbox;

/// A websocket connection that publishes into its rooms.
#[derive(Debug)]
pub struct Publisher {
    /// Frames to be sent.
    pub outbox: Outbox,
    inbox: FrameCursor,
    /// Per room, the bytes before an event's data; empty for rooms of other publishers.
    heads: Vec<Vec<u8>>,
    /// Changes with every frame, as RFC 6455 section 5.3 wants it.
    mask: u32,
    /// The event being written, before it is masked.
    message: Vec<u8>,
}

impl Publisher {
    /// The `index`th of `count` publishers, with every `count`th room.
    pub fn new(inbox: FrameCursor, rooms: &[Room], index: usize, count: usize) -> Self {
        let head = |room: &Room| room.publish_head().into_bytes();
        let owned = |room: &&Room| room.index as usize % count == index;
        let head = |room: &Room| Some(room).filter(owned).map(head).unwrap_or_default();
        let heads = rooms.iter().map(head).collect();
        Self { outbox: Outbox::default(), inbox, heads, mask: 0x9e37_79b9, message: Vec::new() }
    }

    /// Write one event out.
    #[inline]
    pub fn push(&mut self, due: Due, context: Context<'_>) {
        let room = &context.rooms[due.room as usize];
        let head = &self.heads[due.room as usize];
        let due_ns = due.at_ns.unwrap_or_else(|| context.clock.now_ns());
        let stamp = Stamp { sequence: due.sequence, room: due.room, due_ns };
        self.message.clear();
        self.message.extend_from_slice(head);
        context.template.write(&mut self.message, stamp, room.text_bytes);
        self.message.extend_from_slice(room.publish_tail());
        self.mask = self.mask.wrapping_mul(0x915f_77f5).wrapping_add(1);
        let mask = self.mask.to_ne_bytes();
        encode::masked_into(Opcode::Text, &self.message, mask, &mut self.outbox.filling);
    }

    /// Answer what the server says; it sends a publisher no events.
    pub fn on_received(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let mut input = bytes;
        while let Some(frame) = self.inbox.next(&mut input)? {
            control::on_frame(frame, &mut self.outbox)?;
        }
        Ok(())
    }
}
