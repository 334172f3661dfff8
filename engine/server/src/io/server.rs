//! The process: bind, start the cores, wait for a stop signal, drain, exit.

use std::io::{self, Write};
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, at, select, tick, unbounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::bound::Bound;
use super::core::Setup;
use super::cores;
use super::descriptors::share_out;
use super::driver::{Driver, Order, agree};
use super::log::{self, Opened};
use super::mailbox::{Address, Envelope, mailbox};
use super::memory;
use super::reload::{AllCores, LOOK_INTERVAL, Reload, watch};
use super::thread::{Event, Start, run};
use super::zps;
use crate::action_log::ActionLog;
use crate::api::{ApiConfig, ZpsApiConfig};
use crate::app::{App, Apps};
use crate::config::{AppRow, Config, Sources, Stamp};
use crate::id::{CORES_MAX, CoreId};
use crate::log::LogLimits;
use crate::middleware::{Chain, Middleware, Rest};
use crate::shard::ShardConfig;
use crate::side::registry::Watch;
use crate::side::{self, Side};
use crate::{standard_error, webhook};

/// How soon a core whose mailbox was full is told again to drain.
const REPOST_INTERVAL: Duration = Duration::from_millis(1);

/// The part of the drain time that is kept for telling apps' servers what is left to tell.
const FLUSH_SHARE: u32 = 4;

/// Time to save what is left to tell when somebody does not want to wait for it.
const HURRY_TIME: Duration = Duration::from_millis(500);

/// What a process starts with.
#[derive(Debug)]
pub struct Launch {
    /// The configuration.
    pub config: Config,
    /// The apps to serve: those of the configuration and of `rows`.
    pub apps: Vec<App>,
    /// What the database has, if there is one.
    pub rows: Vec<AppRow>,
    /// Where all of it was read.
    pub sources: Sources,
    /// What the file was then.
    pub read: Option<Stamp>,
    /// Code of an embedder's own that is asked about everything done in rooms; empty for none.
    pub middleware: Chain,
}

/// Serve until SIGTERM or SIGINT, then drain and end the process with status 0.
///
/// On SIGHUP, when the configuration's file changes, and when its database does, the apps are read
/// again. A second stop signal ends the drain at once.
///
/// # Errors
/// If an address cannot be bound, or a core cannot start or ends. Whoever is connected is cut off.
pub fn serve(launch: Launch) -> io::Result<()> {
    let Launch { config, apps, rows, sources, read, middleware } = launch;
    standard_error::start()?;
    let _ = memory::forgo_huge_pages(); // What a kernel without them says no to.
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let (told, signalled) = unbounded();
    thread::spawn(move || signals.forever().try_for_each(|signal| told.send(signal)));
    webhook::check_dead_letter_file(&config.webhook)?;
    let files_max = cores::raise_file_limit()?;
    let processors = cores::allowed()?;
    let cores = match config.server.cores {
        0 => processors.len().min(CORES_MAX),
        cores => usize::from(cores),
    };
    let drain_timeout = Duration::from_secs(config.server.drain_timeout_s.into());
    let apps = Apps::new(apps).map_err(io::Error::other)?;
    let opened = log::open(&config.log).map_err(io::Error::other)?;
    let bound = Bound::new(&config.server, cores)?;
    let recovered = opened.as_ref().map_or("", |opened| opened.described.as_str());
    let described = format!("{}{recovered}", bound.describe(&config));
    let gateway = if sources.is_gateway() { bound.describe_gateway() } else { String::new() };
    let (watch, database) = watch(&config, &rows);
    let entries = config.core.uring_entries;
    let webhooks = apps.iter().map(|(_, app)| app.webhooks.len()).sum();
    let mut capped = config.clone();
    if let Some(line) = share_out(&mut capped, files_max, cores, webhooks)? {
        tracing::warn!("{line}");
    }
    let setup = setup(capped, middleware)?;
    let started = start(setup, &apps, (cores, &processors), bound, watch, opened)?;
    let Started { addresses, events, side, orders } = started;
    let driver = agree(&orders, &events, entries)?;
    wait_ready(&events, cores)?;
    announce(driver, cores, &described, &gateway);
    let cores_told = AllCores::new(addresses.clone(), events.clone());
    let mut reload = Reload::new(cores_told, sources, read, config, apps, rows, database);
    wait_stop(&signalled, &events, &mut reload)?;
    let stopped = Instant::now();
    let deadline = stopped + drain_timeout;
    for address in &addresses {
        while address.post(Envelope::Drain).is_err() && Instant::now() < deadline {
            thread::sleep(REPOST_INTERVAL); // A full mailbox is emptied in milliseconds.
        }
    }
    // What the last clients' leaving causes has yet to be told.
    let kept = if reload.has_webhooks() { drain_timeout / FLUSH_SHARE } else { Duration::ZERO };
    let drained_by = stopped + drain_timeout.saturating_sub(kept);
    let is_done = wait_drained(&events, &signalled, cores, drained_by)?
        && wait_flushed(&side.flush(deadline), &signalled, deadline + HURRY_TIME);
    if !is_done {
        let hurried = Instant::now() + HURRY_TIME;
        let _ = side.flush(hurried).recv_deadline(hurried + HURRY_TIME);
    }
    standard_error::flush();
    // The runtimes are not dropped: operations that are pending would leak what they hold.
    process::exit(0);
}

/// The threads that have been started.
struct Started {
    addresses: Vec<Address>,
    events: Receiver<Event>,
    side: Side,
    /// For each core, what it is to run on.
    orders: Vec<Sender<Order>>,
}

/// Start a thread for each core and one for what they must not wait for.
fn start(
    setup: Setup,
    apps: &Apps,
    (cores, processors): (usize, &[usize]),
    mut bound: Bound,
    watch: Option<Watch>,
    mut opened: Option<Opened>,
) -> io::Result<Started> {
    let envelopes_max = setup.config.core.mailbox_envelopes_max as usize;
    let mailboxes: io::Result<Vec<_>> = (0..cores).map(|_| mailbox(envelopes_max)).collect();
    let (addresses, mailboxes): (Vec<_>, Vec<_>) = mailboxes?.into_iter().unzip();
    let hash_seed = getrandom::u64().map_err(io::Error::other)?;
    let epoch = draw_epoch(&setup.config)?;
    let setup = Arc::new(setup);
    let (events, received) = unbounded();
    let side = start_side(&setup.config, addresses.clone(), events.clone(), watch)?;
    let shares = opened.as_mut().map(|opened| opened.share_out(apps, hash_seed, cores));
    let mut shares = shares.unwrap_or_default().into_iter();
    let log = opened.map(|it| it.start(&setup.config.log, addresses.clone(), events.clone()));
    let log = log.transpose()?;
    let mut orders = Vec::with_capacity(cores);
    for (index, mailbox) in mailboxes.into_iter().enumerate() {
        let core = CoreId(index as u8);
        let (order, ordered) = unbounded();
        orders.push(order);
        let start = Start {
            shard: shard_config(&setup.config, (core, cores), (hash_seed, epoch)),
            setup: Arc::clone(&setup),
            apps: apps.clone(),
            processor: processors.get(index).copied().filter(|_| cores <= processors.len()),
            listeners: bound.take(index),
            addresses: addresses.clone(),
            mailbox,
            side: side.clone(),
            restored: shares.next().unwrap_or_default(),
            log: log.clone(),
            orders: ordered,
            events: events.clone(),
        };
        thread::Builder::new().name(format!("core-{index}")).spawn(move || run(start))?;
    }
    Ok(Started { addresses, events: received, side, orders })
}

/// Start the thread that talks to other servers.
fn start_side(
    config: &Config,
    addresses: Vec<Address>,
    events: Sender<Event>,
    watch: Option<Watch>,
) -> io::Result<Side> {
    let deliver = move |core: CoreId, call, outcome| match addresses[usize::from(core.0)]
        .post(Envelope::Called(call, outcome))
    {
        Err(Envelope::Called(_, outcome)) => Err(outcome),
        Ok(()) | Err(_) => Ok(()),
    };
    let failed = move |error| {
        let _ = events.send(Event::Failed(error)); // Nobody listens once the process exits.
    };
    side::start(config.webhook.clone(), Box::new(deliver), failed, watch)
}

fn setup(config: Config, middleware: Chain) -> io::Result<Setup> {
    let lines = Arc::default();
    let middleware = match ActionLog::start(&config.logging, io::stderr(), &lines)? {
        // In front: it shows what others block, too.
        Some(log) => chain([Box::new(log), Box::new(Rest(middleware))]),
        None => middleware,
    };
    // The asker is to be answered before its own time is over.
    let request_ms = 1_000 * u64::from(config.http.request_timeout_s) * 3 / 4;
    let timeout_ms = 1_000 * u64::from(config.webhook.timeout_s);
    let rest = ApiConfig {
        time_to_answer: Duration::from_millis(timeout_ms.min(request_ms)),
        body_bytes_max: config.http.body_bytes_max as usize,
        cors_origins: config.http.cors_origins.clone(),
        socket_path: config.server.socket_path.clone(),
        zps: ZpsApiConfig {
            provider: config.log.provider(),
            events_max: config.zps.http_events_max as usize,
            replay_events_max: config.zps.http_replay_events_max as usize,
            replay_bytes_max: config.zps.http_replay_bytes_max as usize,
            must_match_sub: config.zps.subscriber_must_match_sub,
            ..ZpsApiConfig::default()
        },
    };
    let zps = Arc::new(zps::rules(&config)?);
    Ok(Setup { config, rest, zps, middleware, lines })
}

fn chain(all: [Box<dyn Middleware>; 2]) -> Chain {
    Arc::new(all)
}

/// What tells this process's logs from those of the one before, if they end with it.
fn draw_epoch(config: &Config) -> io::Result<u32> {
    let drawn = getrandom::u32().map_err(io::Error::other)?;
    Ok(if config.log.is_durable() { 0 } else { drawn.max(1) })
}

pub(super) fn shard_config(
    config: &Config,
    (core, cores): (CoreId, usize),
    (hash_seed, epoch): (u64, u32),
) -> ShardConfig {
    ShardConfig {
        core,
        cores,
        hash_seed,
        log: LogLimits { epoch, ..config.log.limits() },
        ..ShardConfig::new(&config.connection, &config.core)
    }
}

/// Wait until every core accepts.
fn wait_ready(events: &Receiver<Event>, cores: usize) -> io::Result<()> {
    for _ in 0..cores {
        match events.recv().map_err(io::Error::other)? {
            Event::Ready => {}
            event => return Err(ended(Some(event))),
        }
    }
    Ok(())
}

fn announce(driver: Driver, cores: usize, described: &str, last: &str) {
    let driver = if driver == Driver::Epoll { "epoll" } else { "io_uring" };
    let mut stdout = io::stdout().lock();
    let version = env!("CARGO_PKG_VERSION");
    let begin = format!("uringcast {version}\ndriver {driver}\ncores {cores}\n");
    // Who does not want to know is no reason not to serve.
    let _ = write!(stdout, "{begin}{described}ready\n{last}").and_then(|()| stdout.flush());
}

/// Wait for a stop signal; meanwhile the apps are kept as they are configured.
fn wait_stop(
    signalled: &Receiver<i32>,
    events: &Receiver<Event>,
    reload: &mut Reload,
) -> io::Result<()> {
    let looks = tick(LOOK_INTERVAL);
    loop {
        let rows = reload.rows().clone();
        select! {
            recv(signalled) -> signal => match signal.map_err(io::Error::other)? {
                SIGHUP => reload.on_hangup()?,
                _ => return Ok(()),
            },
            recv(looks) -> _ => reload.look()?,
            recv(rows) -> rows => reload.on_rows(rows.map_err(io::Error::other)?)?,
            recv(events) -> event => return Err(ended(event.ok())),
        }
    }
}

/// Why the process cannot go on after `event`, which came before any stop.
pub(super) fn ended(event: Option<Event>) -> io::Error {
    match event {
        Some(Event::Failed(error) | Event::Made(Err(error))) => error,
        Some(Event::Made(Ok(())) | Event::Ready | Event::Drained) | None => {
            io::Error::other("a core ended without a reason")
        }
    }
}

/// Wait until every core has drained, the time is over, or a second signal comes; false after that.
fn wait_drained(
    events: &Receiver<Event>,
    signalled: &Receiver<i32>,
    cores: usize,
    deadline: Instant,
) -> io::Result<bool> {
    let deadline = at(deadline);
    let mut left = cores;
    while left > 0 {
        select! {
            recv(events) -> event => match event {
                Ok(Event::Drained) => left -= 1,
                Ok(Event::Failed(error)) => return Err(error),
                Ok(Event::Made(_) | Event::Ready) | Err(_) => return Ok(true),
            },
            recv(signalled) -> signal => match signal {
                Ok(SIGHUP) => {} // Too late to read anything.
                Ok(_) | Err(_) => return Ok(false),
            },
            recv(deadline) -> _ => return Ok(true),
        }
    }
    Ok(true)
}

/// Wait until `flushed` says so, the time is over, or a second signal comes; false after that.
fn wait_flushed(flushed: &Receiver<()>, signalled: &Receiver<i32>, deadline: Instant) -> bool {
    let deadline = at(deadline);
    loop {
        select! {
            recv(flushed) -> _ => return true,
            recv(signalled) -> signal => match signal {
                Ok(SIGHUP) => {} // Too late to read anything.
                Ok(_) | Err(_) => return false,
            },
            recv(deadline) -> _ => return true,
        }
    }
}
