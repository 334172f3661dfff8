//! Code of an operator's own around what clients and publishers of rooms do.
//!
//! Whoever embeds the engine may hand it a chain of [`Middleware`] when it is launched. Each
//! is shown each [`Call`] before it is carried out, in the chain's order, and may block it. The
//! operations are those of zero-pub-sub's own middleware (spec seeds.md, S3-32).
//!
//! What a client or publisher asks is refused if it is blocked, in the words of who blocks. What
//! the engine does by itself has nobody to refuse it to; what happens instead stands with each
//! [`Operation`]. It is shown by the room's owner, once for each event and not for each subscriber:
//! without a chain that is one addition to a counter, and with one the fan-out is still what it
//! was.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// What is done in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Operation {
    /// A publisher sends an event for the room's log.
    Publish,
    /// A client subscribes.
    Subscribe,
    /// The room's owner passes an event on to all subscribers, once for all of them. Blocked, it is
    /// kept and acknowledged all the same, and those who see the gap may ask for it again.
    Deliver,
    /// Somebody asks for events again.
    Replay,
    /// A new subscriber is about to be given what it has missed. Blocked, it begins with what comes
    /// next, and is told so as if what was before were gone.
    CatchUp,
    /// A subscriber says how far it has come.
    Ack,
    /// A publisher keeps a snapshot.
    Snapshot,
    /// Somebody asks for the snapshot.
    GetSnapshot,
    /// A publisher sends an event that is not kept.
    EphemeralPublish,
    /// The room's owner passes such an event on, once for all subscribers; the words about who is
    /// present are such events, too. Blocked, nobody gets it.
    EphemeralDeliver,
    /// A client enters a user.
    PresenceEnter,
    /// A client takes a user out.
    PresenceLeave,
    /// An event becomes a dead letter. Blocked, it is none, and lost.
    DlqWrite,
    /// A dead letter's event is published again.
    DlqReplay,
    /// A client's connection has ended. It names no room, and what is said about it changes
    /// nothing.
    Close,
}

impl Operation {
    /// Each with its name, which is the label `action` of `uringcast_zps_actions_total`.
    pub const ALL: [(Self, &'static str); 15] = [
        (Self::Publish, "publish"),
        (Self::Subscribe, "subscribe"),
        (Self::Deliver, "deliver"),
        (Self::Replay, "replay"),
        (Self::CatchUp, "catchUp"),
        (Self::Ack, "ack"),
        (Self::Snapshot, "snapshot"),
        (Self::GetSnapshot, "getSnapshot"),
        (Self::EphemeralPublish, "ephemeralPublish"),
        (Self::EphemeralDeliver, "ephemeralDeliver"),
        (Self::PresenceEnter, "presenceEnter"),
        (Self::PresenceLeave, "presenceLeave"),
        (Self::DlqWrite, "dlqWrite"),
        (Self::DlqReplay, "dlqReplay"),
        (Self::Close, "close"),
    ];

    /// The operation's name.
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// One operation that is about to be carried out.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The operation.
    pub operation: Operation,
    /// The app's id.
    pub app_id: &'a str,
    /// The room, or a scope's wildcard; empty where there is none.
    pub room: &'a str,
    /// The connection's subscriber, or who an ack is of; `None` over HTTP, and for all of a room's
    /// subscribers.
    pub subscriber_id: Option<&'a str>,
    /// What was sent, or is to be delivered: JSON, or nothing where there is no message.
    pub message: &'a [u8],
}

/// Why a call is not carried out. Its sender sees the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked(pub Cow<'static, str>);

impl Blocked {
    /// In the original's words for an operation that was stopped without a reason.
    pub fn without_reason(operation: Operation) -> Self {
        let name = operation.name();
        Self(format!("Realtime {name} was blocked by middleware").into())
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Judges calls.
///
/// It is called on the core that carries a call out, many times a second, and everything else of
/// that core waits meanwhile: it must not wait for anything itself.
pub trait Middleware: fmt::Debug + Send + Sync {
    /// Let `call` through or block it.
    fn judge(&self, call: &Call<'_>) -> Result<(), Blocked>;
}

/// Several, in their order; the first that blocks decides.
pub type Chain = Arc<[Box<dyn Middleware>]>;

/// Show `call` to each of `chain`.
pub fn judge(chain: &[Box<dyn Middleware>], call: &Call<'_>) -> Result<(), Blocked> {
    chain.iter().try_for_each(|middleware| middleware.judge(call))
}

/// A whole chain in one place of another.
#[derive(Debug)]
pub struct Rest(pub Chain);

impl Middleware for Rest {
    fn judge(&self, call: &Call<'_>) -> Result<(), Blocked> {
        judge(&self.0, call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks one room.
    #[derive(Debug)]
    struct NotInRoom(&'static str);

    impl Middleware for NotInRoom {
        fn judge(&self, call: &Call<'_>) -> Result<(), Blocked> {
            if call.room == self.0 { Err(Blocked::without_reason(call.operation)) } else { Ok(()) }
        }
    }

    #[test]
    fn every_operation_has_its_place_and_name() {
        for (place, (operation, name)) in Operation::ALL.into_iter().enumerate() {
            assert_eq!((operation as usize, operation.name()), (place, name));
        }
    }

    #[test]
    fn the_first_that_blocks_decides() {
        let chain: Vec<Box<dyn Middleware>> =
            vec![Box::new(NotInRoom("a:1")), Box::new(NotInRoom("b:1"))];
        let call = |room| Call {
            operation: Operation::Publish,
            app_id: "app",
            room,
            subscriber_id: None,
            message: b"{}",
        };
        assert_eq!(judge(&chain, &call("c:1")), Ok(()));
        for room in ["a:1", "b:1"] {
            let blocked = judge(&chain, &call(room)).unwrap_err();
            assert_eq!(blocked.to_string(), "Realtime publish was blocked by middleware");
        }
    }
}
