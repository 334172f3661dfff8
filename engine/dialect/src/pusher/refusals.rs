//! How Pusher's clients are told what did not come to pass, and why a connection ends.

use bytes::Bytes;
use uringcast_proto::pusher::codes::Code;
use uringcast_proto::pusher::server;
use uringcast_proto::ws::close::CloseCode;
use uringcast_proto::ws::encode;
use uringcast_shard::log::AckError;
use uringcast_shard::{Ending, JoinRefused};

/// The frames that say that the owner of `channel` did not let a client in.
pub(super) fn join_refused(channel: &str, refused: JoinRefused) -> [Bytes; 2] {
    let text = match refused {
        JoinRefused::PresenceFull { .. } | JoinRefused::NoLog(_) => refused.to_string(),
    };
    [
        server::subscription_error(channel, "LimitReached", &text, 403),
        server::error(None, &text), // With a code of its own, clients would close.
    ]
}

/// Why an acknowledgement does not count.
pub(super) fn ack_refused(channel: &str, sequence: u64, error: AckError) -> String {
    match error {
        AckError::NotKept(why) => {
            format!("{channel}: acknowledgement {sequence} is not kept: {why}")
        }
        AckError::AboveHead { .. } | AckError::Full => format!("{channel}: {error}"),
    }
}

/// The last frames of a connection. What pusher-js shows its page is an error, so one comes first
/// where the client itself is at fault.
pub(super) fn farewell(ending: Ending, reason: &str) -> Vec<Bytes> {
    let close = |code: Code, text: &str| encode::close(CloseCode(code.value()), text);
    let own = |code: Code| vec![close(code, code.text())];
    match ending {
        Ending::Slow => vec![close(Code::OverCapacity, reason)],
        Ending::Silent => own(Code::PongMissing),
        Ending::Unauthorized | Ending::Expired | Ending::Terminated => {
            let code = Code::Unauthorized;
            vec![server::error(Some(code.value()), reason), close(code, reason)]
        }
        Ending::AppGone => own(Code::AppUnknown),
        Ending::AppDisabled => own(Code::AppDisabled),
        Ending::Draining => own(Code::Reconnect),
        Ending::Failed => vec![encode::close(CloseCode::INTERNAL, reason)],
    }
}
