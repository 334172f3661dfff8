//! What a load connection does about everything that is not an event of the load.

use uringcast_proto::ws::client::Frame;
use uringcast_proto::ws::{Opcode, encode};

use crate::failure::Failure;
use crate::message::Message;
use crate::socket::outbox::Outbox;

/// The answer to the protocol's own ping.
const PONG: &[u8] = br#"{"event":"pusher:pong","data":{}}"#;
/// Answers are too rare, and acks too short, to care about the mask.
const MASK: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];

/// Answer a frame, or end the load because of it.
pub fn on_frame(frame: Frame<'_>, outbox: &mut Outbox) -> Result<(), Failure> {
    match frame.opcode {
        Opcode::Text | Opcode::Binary if !frame.is_final => Err(Failure::Fragmented),
        Opcode::Continuation => Err(Failure::Fragmented),
        Opcode::Text => on_message(&Message::parse(frame.payload)?, outbox),
        Opcode::Ping => {
            encode::masked_into(Opcode::Pong, frame.payload, MASK, &mut outbox.filling);
            Ok(())
        }
        Opcode::Close => Err(Failure::Closed(close_reason(frame.payload))),
        Opcode::Pong | Opcode::Binary => Ok(()),
    }
}

/// Answer a parsed message, or end the load because of it. What is no complaint is no concern.
pub fn on_message(message: &Message<'_>, outbox: &mut Outbox) -> Result<(), Failure> {
    if message.event == "pusher:ping" {
        send_text(PONG, outbox);
    }
    match message.complaint() {
        Some(complaint) => Err(Failure::Complaint(complaint)),
        None => Ok(()),
    }
}

/// Queue a text message.
#[inline]
pub fn send_text(text: &[u8], outbox: &mut Outbox) {
    encode::masked_into(Opcode::Text, text, MASK, &mut outbox.filling);
}

fn close_reason(payload: &[u8]) -> String {
    match payload.split_first_chunk() {
        Some((code, reason)) => {
            format!("{} {}", u16::from_be_bytes(*code), String::from_utf8_lossy(reason))
        }
        None => "without a code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(opcode: Opcode, payload: &[u8]) -> Result<usize, String> {
        let mut outbox = Outbox::default();
        match on_frame(Frame { is_final: true, is_compressed: false, opcode, payload }, &mut outbox)
        {
            Ok(()) => Ok(outbox.filling.len()),
            Err(failure) => Err(failure.to_string()),
        }
    }

    #[test]
    fn both_kinds_of_ping_are_answered() {
        assert_eq!(answer(Opcode::Ping, b"abc"), Ok(2 + 4 + 3));
        let ping = br#"{"event":"pusher:ping","data":"{}"}"#;
        assert_eq!(answer(Opcode::Text, ping), Ok(2 + 4 + PONG.len()));
    }

    #[test]
    fn a_close_and_an_error_end_the_load() {
        let close = answer(Opcode::Close, &[0x10, 0x69, b'x']).unwrap_err();
        assert_eq!(close, "the server closed a connection: 4201 x");
        let error = br#"{"event":"pusher:error","data":{"code":4301}}"#;
        assert!(answer(Opcode::Text, error).unwrap_err().contains("4301"));
    }

    #[test]
    fn a_message_in_pieces_ends_the_load() {
        let start =
            Frame { is_final: false, is_compressed: false, opcode: Opcode::Text, payload: b"{" };
        let failure = on_frame(start, &mut Outbox::default()).unwrap_err();
        assert!(matches!(failure, Failure::Fragmented));
        assert!(answer(Opcode::Continuation, b"}").unwrap_err().contains("fragments"));
    }

    #[test]
    fn other_messages_need_no_answer() {
        let count = br#"{"event":"pusher_internal:subscription_count","channel":"c","data":"{}"}"#;
        assert_eq!(answer(Opcode::Text, count), Ok(0));
    }
}
