//! How zero-pub-sub's clients are told what does not count, and why a connection ends.
//!
//! Original clients come back after any code; those who look at it find what they know.

use uringcast_proto::ws::close::CloseCode;
use uringcast_proto::ws::encode;
use uringcast_proto::zps::codes::Code;
use uringcast_proto::zps::server;
use uringcast_shard::Ending;
use uringcast_shard::log::AckError;

/// Why an acknowledgement does not count.
pub(super) fn ack_refused(room: &str, sequence: u64, error: AckError) -> String {
    match error {
        AckError::NotKept(why) => format!("{room}: acknowledgement {sequence} is not kept: {why}"),
        AckError::AboveHead { .. } | AckError::Full => format!("{room}: {error}"),
    }
}

/// Append the last frames of a connection, and return how many; 0 if it is cut off.
pub(super) fn farewell(ending: Ending, reason: &str, frames: &mut Vec<u8>) -> u32 {
    match ending {
        Ending::Silent => 0, // The original cuts such a connection off without a word.
        Ending::Slow => close_into(frames, Code::Backpressure),
        Ending::Unauthorized => close_into(frames, Code::InitTimeout),
        Ending::Failed => close_into(frames, Code::SendFailed),
        Ending::Expired | Ending::Terminated => {
            frames.extend_from_slice(&server::error(reason));
            1 + close_into(frames, Code::Unauthorized)
        }
        Ending::AppGone => {
            let code = CloseCode(Code::Unauthorized.value());
            frames.extend_from_slice(&encode::close(code, last_words(ending, reason)));
            1
        }
        Ending::AppDisabled | Ending::Draining => {
            let words = last_words(ending, reason);
            frames.extend_from_slice(&encode::close(CloseCode::TRY_AGAIN_LATER, words));
            1
        }
    }
}

/// Why a connection ends, in words; `reason` where there are no others.
pub(in super::super) fn last_words(ending: Ending, reason: &str) -> &str {
    match ending {
        Ending::Slow => Code::Backpressure.text(),
        Ending::AppGone => "Application does not exist",
        Ending::AppDisabled => "Application disabled",
        Ending::Draining => "Generic reconnect immediately",
        Ending::Silent
        | Ending::Unauthorized
        | Ending::Failed
        | Ending::Expired
        | Ending::Terminated => reason,
    }
}

/// Append the close frame that says `code`, behind what announces it if the protocol has it so.
fn close_into(frames: &mut Vec<u8>, code: Code) -> u32 {
    if code.is_announced() {
        frames.extend_from_slice(&server::closing_error(code));
    }
    frames.extend_from_slice(&encode::close(CloseCode(code.value()), code.text()));
    1 + u32::from(code.is_announced())
}
