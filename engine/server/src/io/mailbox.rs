//! Mailboxes: how cores pass each other what their shards have to say.
//!
//! A core has one mailbox. Senders never wait: two full mailboxes would be a deadlock. What a full
//! mailbox does not take stays with the sender, whose shard refuses new events before that grows
//! without bound.
//!
//! A core that found its mailbox empty says so before it sleeps and looks again; a sender looks at
//! that flag after it has put its envelope in. The fences make sure that one of the two sees the
//! other, so no envelope waits for a ring that never comes.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::signal::{Bell, Ringer, bell};
use crate::api::CallOutcome;
use crate::app::Apps;
use crate::shard::{CoreMessage, Refusal};
use crate::side::CallId;
use crate::storage::commit::Committed;

/// What one core is told at a time.
#[derive(Debug)]
pub(super) enum Envelope {
    /// From another core's shard, in its order.
    Messages(Vec<CoreMessage>),
    /// From the main thread: other cores may speak of these apps before this one serves them. The
    /// sender is dropped when the core has learned them.
    LearnApps(Arc<Apps>, Sender<()>),
    /// From the main thread: serve these apps from now on.
    SetApps(Arc<Apps>),
    /// From the main thread: count what it has refused.
    Refused(Refusal),
    /// From the main thread: stop accepting and close what is open.
    Drain,
    /// From the side thread: what came of a call that this core made.
    Called(CallId, CallOutcome),
    /// From the log thread: what came of records that this core handed over.
    Committed(Committed),
}

#[derive(Debug)]
struct Shared {
    is_waiting: AtomicBool,
    /// Whether the core has more for others than it may keep: what goes through it must wait.
    is_backlogged: AtomicBool,
    /// Messages in the mailbox, for the metrics.
    depth: AtomicUsize,
    ringer: Ringer,
}

/// The sending side; any thread may hold it.
#[derive(Clone, Debug)]
pub(super) struct Address {
    sender: Sender<Envelope>,
    shared: Arc<Shared>,
}

/// The receiving side, on its way to its core.
#[derive(Debug)]
pub(super) struct Mailbox {
    receiver: Receiver<Envelope>,
    shared: Arc<Shared>,
    bell: OwnedFd,
}

/// The receiving side, on its core.
pub(super) struct Inbox {
    receiver: Receiver<Envelope>,
    shared: Arc<Shared>,
    bell: Bell,
}

/// A mailbox that holds up to `envelopes_max` envelopes, and its address.
pub(super) fn mailbox(envelopes_max: usize) -> io::Result<(Address, Mailbox)> {
    let (sender, receiver) = bounded(envelopes_max);
    let (bell, ringer) = bell()?;
    let shared = Shared {
        is_waiting: AtomicBool::new(false),
        is_backlogged: AtomicBool::new(false),
        depth: AtomicUsize::new(0),
        ringer,
    };
    let shared = Arc::new(shared);
    let address = Address { sender, shared: Arc::clone(&shared) };
    Ok((address, Mailbox { receiver, shared, bell }))
}

impl Address {
    /// Put `envelope` in, or give it back if the mailbox is full or its core has gone.
    pub(super) fn post(&self, envelope: Envelope) -> Result<(), Envelope> {
        let messages = envelope.messages();
        self.shared.depth.fetch_add(messages, Ordering::Relaxed);
        match self.sender.try_send(envelope) {
            Ok(()) => {}
            Err(TrySendError::Full(envelope) | TrySendError::Disconnected(envelope)) => {
                self.shared.depth.fetch_sub(messages, Ordering::Relaxed);
                return Err(envelope);
            }
        }
        fence(Ordering::SeqCst);
        if self.shared.is_waiting.swap(false, Ordering::SeqCst) {
            self.shared.ringer.ring();
        }
        Ok(())
    }
}

impl Address {
    /// Whether the core has more for others than it may keep.
    pub(super) fn is_backlogged(&self) -> bool {
        self.shared.is_backlogged.load(Ordering::Relaxed)
    }
}

impl Mailbox {
    /// Take the mailbox to the runtime of this thread.
    pub(super) fn install(self) -> io::Result<Inbox> {
        let Self { receiver, shared, bell } = self;
        Ok(Inbox { receiver, shared, bell: Bell::install(bell)? })
    }
}

impl Inbox {
    /// The next envelope, or `None` while there is none.
    pub(super) fn take(&self) -> Option<Envelope> {
        let envelope = self.receiver.try_recv().ok()?;
        self.shared.depth.fetch_sub(envelope.messages(), Ordering::Relaxed);
        Some(envelope)
    }

    /// Wait until there may be an envelope; others run meanwhile even if there is one.
    pub(super) async fn wait(&self) -> io::Result<()> {
        self.shared.is_waiting.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if !self.receiver.is_empty() && self.shared.is_waiting.swap(false, Ordering::SeqCst) {
            self.shared.ringer.ring();
        }
        self.bell.rung().await
    }

    /// Tell the others whether what goes through this core must wait.
    pub(super) fn set_backlogged(&self, is_backlogged: bool) {
        self.shared.is_backlogged.store(is_backlogged, Ordering::Relaxed);
    }

    /// Envelopes waiting in this mailbox.
    pub(super) fn len(&self) -> usize {
        self.receiver.len()
    }

    /// Messages waiting in this mailbox.
    pub(super) fn depth(&self) -> usize {
        self.shared.depth.load(Ordering::Relaxed)
    }
}

impl Envelope {
    fn messages(&self) -> usize {
        match self {
            Self::Messages(messages) => messages.len(),
            Self::LearnApps(..)
            | Self::SetApps(_)
            | Self::Refused(_)
            | Self::Drain
            | Self::Called(..)
            | Self::Committed(_) => 1,
        }
    }
}
