//! One core's thread: its runtime and the tasks that run as long as it does.

use std::io;
use std::net::TcpListener as StdTcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use crossbeam_channel::Sender;
use io_uring_of_monoio::{Builder, IoUring};
use monoio::net::TcpListener;
use monoio::{FusionDriver, RuntimeBuilder};

use super::core::{Core, Setup};
use super::cores;
use super::http::Purpose;
use super::listener::{self, accept};
use super::log::{LogThread, Restored};
use super::mailbox::{Address, Mailbox};
use super::websocket::{run_going_on, run_inflating, run_readers};
use crate::app::Apps;
use crate::shard::{Millis, Shard, ShardConfig};
use crate::side::Side;

/// Completions that a ring has room for, for each submission: a channel with more subscribers than
/// that would make the kernel keep the rest in a list, or old ones refuse.
const COMPLETIONS_PER_ENTRY: u32 = 4;

/// The most completions a ring may have room for (`IORING_MAX_CQ_ENTRIES`).
const COMPLETIONS_MAX: u32 = 65_536;

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
    pub(super) events: Sender<Event>,
}

/// What a core tells the main thread.
pub(super) enum Event {
    /// It accepts connections; whether on `io_uring`.
    Ready {
        /// Or else on epoll.
        is_uring: bool,
    },
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
    let entries = start.setup.config.core.uring_entries;
    let builder = RuntimeBuilder::<FusionDriver>::new().with_entries(entries);
    let builder = builder.uring_builder(ring(entries));
    builder.enable_timer().build()?.block_on(run_core(start))
}

/// What the runtime is to ask of the kernel for its ring.
///
/// What ends on the ring while the core is busy waits for its next system call, instead of
/// interrupting it: on a virtual machine each of these interrupts is an exit to the host. Kernels
/// before 5.19 cannot do that.
fn ring(entries: u32) -> Builder {
    let mut plain = IoUring::builder();
    plain.setup_cqsize((entries * COMPLETIONS_PER_ENTRY).clamp(entries, COMPLETIONS_MAX));
    let mut best = plain.clone();
    best.setup_coop_taskrun();
    if best.build(entries).is_ok() { best } else { plain }
}

async fn run_core(start: Start) -> io::Result<()> {
    let Start { setup, apps, shard, listeners, addresses, mailbox, side, events, .. } = start;
    let mut shard = Shard::new(shard, apps, Millis::default());
    shard.set_middleware(Arc::clone(&setup.middleware));
    start.restored.fill(&mut shard);
    let core = Core::new(setup, shard, addresses, mailbox.install()?, side, start.log)?;
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
    let is_uring = !monoio::utils::is_legacy();
    events.send(Event::Ready { is_uring }).map_err(io::Error::other)?;
    core.drain_begins().await;
    for (listener, purpose) in &accepting {
        listener::close(&core, listener, *purpose);
    }
    core.drain().await;
    events.send(Event::Drained).map_err(io::Error::other)?;
    std::future::pending().await // The process exits; dropping a runtime would leak.
}
