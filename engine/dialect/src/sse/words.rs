//! What the shard has to say, as the blocks of a stream of server-sent events.
//!
//! A stream is told what zero-pub-sub's websockets are told, each message as a block.

use uringcast_proto::sse;
use uringcast_proto::ws::client::FrameCursor;
use uringcast_shard::{Ending, Word};

use super::super::zps;

/// Append `word` as whole blocks, and return how many.
pub fn say(word: &Word<'_>, blocks: &mut Vec<u8>) -> u32 {
    match *word {
        Word::KeepAlive => blocks.extend_from_slice(sse::HEARTBEAT),
        // Its client never says anything. Its machine acknowledges what it is sent; where that is
        // missing, our own kernel breaks the connection.
        Word::Ping | Word::Farewell { ending: Ending::Silent, .. } => return 0,
        Word::Farewell { ending, reason } => {
            blocks.extend_from_slice(&sse::closing(zps::last_words(ending, reason)));
        }
        _ => return translate(word, blocks),
    }
    1
}

fn translate(word: &Word<'_>, blocks: &mut Vec<u8>) -> u32 {
    let mut frames = Vec::new();
    let count = zps::say(word, &mut frames);
    let (mut cursor, mut rest) = (FrameCursor::new(), &frames[..]);
    while let Some(frame) = cursor.next(&mut rest).expect("these are frames of our own") {
        sse::message_into(frame.payload, blocks);
    }
    count
}
