//! One core's thread: its runtime and the tasks that run as long as it does.

use std::io;
use std::net::TcpListener as StdTcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use monoio::net::TcpListener;

use super::core::{Core, Setup};
use super::cores;
use super::driver::{Made, Order, make};
use super::http::Purpose;
use super::listener::{self, accept};
use super::log::{LogThread, Restored};
use super::mailbox::{Address, Mailbox};
use super::sends::ring::Ring;
use super::websocket::{run_going_on, run_inflating, run_readers};
use crate::app::Apps;
use crate::dialect;
use crate::shard::{Millis, Shard, ShardConfig};
use crate::side::Side;
use crate::storage::commit::unix_ms;

/// What one core's thread is given.
pub(super) struct Start {
    pub(super) setup: Arc<Setup>,
    pub(super) apps: Apps,
    pub(super) shard: ShardConfig,
    /// The processor to stay on, if there is one for each core.
    pub(super) processor: Option<usize>,
    pub(super) listeners: Vec<(StdTcpListener, Purpose)>,
    pub(super) addresses: Vec<Address>,
    pub(super) mailbox: Mailbox,
    pub(super) side: Side,
    /// What is stored of the channels that this core owns.
    pub(super) restored: Restored,
    pub(super) log: Option<LogThread>,
    /// What it is to run on.
    pub(super) orders: Receiver<Order>,
    pub(super) events: Sender<Event>,
}

/// What a core tells the main thread.
pub(super) enum Event {
    /// It has made what it was told to run on, or why it cannot.
    Made(io::Result<()>),
    /// It accepts connections.
    Ready,
    /// A core, or the side thread, could not start or has panicked.
    Failed(io::Error),
    /// Every websocket of it is closed and every request answered.
    Drained,
}

/// Run a core until the process exits.
pub(super) fn run(start: Start) {
    let events = start.events.clone();
    let failed = match catch_unwind(AssertUnwindSafe(|| try_run(start))) {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error,
        // Its channels are gone: better the whole process starts afresh than half of it goes on.
        Err(_) => io::Error::other("a core has panicked"),
    };
    let _ = events.send(Event::Failed(failed)); // Nobody listens once the process exits.
}

fn try_run(start: Start) -> io::Result<()> {
    cores::pin(start.processor)?;
    // The main thread has given up: it says why.
    let Some(Made { mut runtime, ring }) = make(&start.orders, &start.events) else {
        return Ok(());
    };
    runtime.block_on(run_core(start, ring))
}

async fn run_core(start: Start, ring: Option<Ring>) -> io::Result<()> {
    let Start { setup, apps, shard, listeners, addresses, mailbox, side, events, .. } = start;
    let mut shard = Shard::new(shard, apps, &dialect::DIALECTS, Millis::default());
    shard.set_middleware(Arc::clone(&setup.middleware));
    shard.set_unix_ms(unix_ms()); // What is restored may have had its time meanwhile.
    start.restored.fill(&mut shard);
    let core = Core::new(setup, shard, addresses, mailbox.install()?, side, start.log, ring)?;
    monoio::spawn(Rc::clone(&core).run_turns());
    monoio::spawn(Rc::clone(&core).run_sends());
    monoio::spawn(Rc::clone(&core).run_clock());
    monoio::spawn(Rc::clone(&core).run_inbox());
    monoio::spawn(run_readers(Rc::clone(&core)));
    monoio::spawn(run_going_on(Rc::clone(&core)));
    monoio::spawn(run_inflating(Rc::clone(&core)));
    let mut accepting = Vec::new();
    for (listener, purpose) in listeners {
        let listener = Rc::new(TcpListener::from_std(listener)?);
        monoio::spawn(accept(Rc::clone(&core), Rc::clone(&listener), purpose));
        accepting.push((listener, purpose));
    }
    events.send(Event::Ready).map_err(io::Error::other)?;
    core.drain_begins().await;
    for (listener, purpose) in &accepting {
        listener::close(&core, listener, *purpose);
    }
    core.drain().await;
    events.send(Event::Drained).map_err(io::Error::other)?;
    std::future::pending().await // The process exits; dropping a runtime would leak.
}
