//! The side thread: what cores must not wait for happens here, on a runtime of its own.
//!
//! It is one thread for the whole process. Cores hand it work through bounded channels and never
//! wait for one; what it has to say to a core goes through that core's mailbox. It knows neither
//! shards nor sockets of clients.
//!
//! Invariant: every call that was taken is answered exactly once, whatever the other server does.

pub mod registry;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::{JoinError, JoinSet, LocalSet};

use crate::api::{Call, CallError, CallOutcome};
use crate::config::WebhookConfig;
use crate::http_client::Client;
use crate::id::CoreId;
use crate::webhook::{AppNotice, Courier, Flush, WebhookCounters};

/// How soon a core whose mailbox was full is told again.
const REDELIVER_INTERVAL: Duration = Duration::from_millis(1);

/// Turns' worth of notices on their way; what does not fit stays with its core, up to a limit.
const NOTICES_MAX: usize = 4;

/// The side thread, as cores see it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Side {
    calls: mpsc::Sender<Asked>,
    notices: mpsc::Sender<Vec<AppNotice>>,
    flushes: mpsc::Sender<Flush>,
    counters: Arc<WebhookCounters>,
}

/// Names a call among those of its core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallId(pub u64);

/// A call on its way to the side thread.
#[derive(Debug)]
struct Asked {
    core: CoreId,
    id: CallId,
    call: Call,
    /// When the time for an answer is over, the wait for a free place included.
    deadline: Instant,
}

/// Passes an outcome to the core that called, or gives it back while that core's mailbox is full.
pub type Deliver = Box<dyn Fn(CoreId, CallId, CallOutcome) -> Result<(), CallOutcome> + Send>;

/// Start the side thread, which also watches the `registry` if there is one.
///
/// `failed` is told if the thread ends, which it does by a panic only.
///
/// # Errors
/// If the thread or its runtime cannot be started.
pub fn start(
    config: WebhookConfig,
    deliver: Deliver,
    failed: impl FnOnce(io::Error) + Send + 'static,
    registry: Option<registry::Watch>,
) -> io::Result<Side> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (calls, asked) = mpsc::channel(config.calls_in_flight_max as usize);
    let (notices, noticed) = mpsc::channel(NOTICES_MAX);
    let (flushes, flushed) = mpsc::channel(1);
    let counters = Arc::new(WebhookCounters::default());
    let side = Side { calls, notices, flushes, counters: Arc::clone(&counters) };
    let thread = Thread { config, asked, noticed, flushed, counters, deliver, registry };
    thread::Builder::new().name("side".to_owned()).spawn(move || {
        let run = || LocalSet::new().block_on(&runtime, thread.run());
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            failed(io::Error::other("the side thread has panicked"));
        }
    })?;
    Ok(side)
}

impl Side {
    /// Make `call` for `core`; the outcome is delivered under `id`.
    ///
    /// # Errors
    /// [`CallError::Busy`] if there is no room for it; then nothing is delivered.
    pub fn call(&self, core: CoreId, id: CallId, call: Call) -> Result<(), CallError> {
        let deadline = Instant::now() + call.timeout;
        self.calls.try_send(Asked { core, id, call, deadline }).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Closed(_) => CallError::Busy,
        })
    }

    /// Tell apps' servers of `notices`, in their order; while there is no room they come back.
    pub fn tell(&self, notices: Vec<AppNotice>) -> Result<(), Vec<AppNotice>> {
        self.notices.try_send(notices).map_err(|error| match error {
            TrySendError::Full(notices) | TrySendError::Closed(notices) => notices,
        })
    }

    /// Deliver what waits until `deadline` and give up the rest; told when nothing is left to do.
    pub fn flush(&self, deadline: Instant) -> Receiver<()> {
        let (done, flushed) = crossbeam_channel::bounded(1);
        // A second flush changes nothing, and its asker sees that nobody will answer.
        let _ = self.flushes.try_send(Flush::new(deadline, done));
        flushed
    }

    /// What has become of webhooks.
    pub fn webhook_counters(&self) -> &WebhookCounters {
        &self.counters
    }
}

/// What runs on the side thread.
struct Thread {
    config: WebhookConfig,
    asked: mpsc::Receiver<Asked>,
    noticed: mpsc::Receiver<Vec<AppNotice>>,
    flushed: mpsc::Receiver<Flush>,
    counters: Arc<WebhookCounters>,
    deliver: Deliver,
    registry: Option<registry::Watch>,
}

impl Thread {
    /// Run until every [`Side`] is gone.
    async fn run(self) {
        let Self { config, mut asked, noticed, flushed, counters, deliver, registry } = self;
        let mut watching = JoinSet::new();
        if let Some(registry) = registry {
            watching.spawn_local(registry::watch(registry));
        }
        let (client, deliver) = (Client::default(), Rc::new(deliver));
        let bytes_max = config.call_answer_bytes_max as usize;
        let calls_max = config.calls_in_flight_max as usize;
        let (mut calls, mut courier) = (JoinSet::new(), JoinSet::new());
        courier.spawn_local(Courier::new(config, client.clone(), counters).run(noticed, flushed));
        loop {
            let has_room = calls.len() < calls_max;
            tokio::select! {
                Some(ended) = calls.join_next() => propagate(ended),
                Some(ended) = courier.join_next() => propagate(ended),
                Some(ended) = watching.join_next() => propagate(ended),
                asked = asked.recv(), if has_room => {
                    let Some(asked) = asked else { return };
                    let (client, deliver) = (client.clone(), Rc::clone(&deliver));
                    calls.spawn_local(async move {
                        let outcome = client.call(asked.call, asked.deadline, bytes_max).await;
                        hand_over(&deliver, asked.core, asked.id, outcome).await;
                    });
                }
            }
        }
    }
}

/// Deliver an outcome, however long its core's mailbox is full.
async fn hand_over(deliver: &Deliver, core: CoreId, id: CallId, mut outcome: CallOutcome) {
    while let Err(returned) = deliver(core, id, outcome) {
        outcome = returned;
        tokio::time::sleep(REDELIVER_INTERVAL).await;
    }
}

/// A task's panic is the thread's: its caller would wait for ever.
fn propagate(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

#[cfg(test)]
mod tests;
