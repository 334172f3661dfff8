//! What moves a core's bytes: two rings of the kernel's, or epoll.
//!
//! A ring belongs to the thread that makes it, and that the kernel knows rings does not mean that
//! it lets everybody have some, or use them: memory, descriptors and a seccomp profile are counted
//! and asked when a ring is made, or first used. So each core makes and tries what it needs before
//! any core serves, and the main thread decides for all of them: rings of one size for each core,
//! or epoll for each, and a line that says why.

use std::io;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use io_uring_of_monoio::{Builder, IoUring};
use monoio::time::TimeDriver;
use monoio::{FusionRuntime, IoUringDriver, LegacyDriver, RuntimeBuilder};

use super::sends::ring::Ring;
use super::server::ended;
use super::thread::Event;

/// Completions that a ring has room for, for each submission: a channel with more subscribers than
/// that would make the kernel keep the rest in a list, or old ones refuse.
const COMPLETIONS_PER_ENTRY: u32 = 4;

/// The most completions a ring may have room for (`IORING_MAX_CQ_ENTRIES`).
const COMPLETIONS_MAX: u32 = 65_536;

/// The least entries that a ring is worth having with, and by how much less is tried next.
const ENTRIES_MIN: u32 = 256;
const SHRINK: u32 = 4;

/// How long the kernel may take to give back what rings took, before smaller ones are tried: it
/// tears them down in the background.
const TEARDOWN_TIME: Duration = Duration::from_millis(250);

/// One core's runtime.
pub(super) type Runtime = FusionRuntime<TimeDriver<IoUringDriver>, TimeDriver<LegacyDriver>>;

/// What all cores run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Driver {
    /// Two rings a core, with as many entries each.
    Rings { entries: u32 },
    /// No ring at all.
    Epoll,
}

/// What a core is told before it serves.
#[derive(Clone, Copy)]
pub(super) enum Order {
    /// Make what this needs and say whether it works.
    Make(Driver),
    /// Drop what was made: somebody else could not.
    Drop,
    /// Serve with what was made last.
    Serve,
}

/// What one core has made.
pub(super) struct Made {
    pub(super) runtime: Runtime,
    /// For its sends; none on epoll.
    pub(super) ring: Option<Ring>,
}

impl Made {
    fn new(driver: Driver) -> io::Result<Self> {
        match driver {
            Driver::Rings { entries } => {
                // First: it tries whether rings may be used, too.
                let ring = Some(Ring::new(entries)?);
                Ok(Self { ring, runtime: uring(entries)? })
            }
            Driver::Epoll => {
                let builder = RuntimeBuilder::<LegacyDriver>::new().enable_timer();
                Ok(Self { ring: None, runtime: builder.build()?.into() })
            }
        }
    }
}

/// The runtime on a ring.
///
/// What ends on the ring while the core is busy waits for its next system call, instead of
/// interrupting it: on a virtual machine each of these interrupts is an exit to the host. Kernels
/// before 5.19 cannot do that.
fn uring(entries: u32) -> io::Result<Runtime> {
    let mut plain = IoUring::builder();
    plain.setup_cqsize(completions(entries));
    let mut best = plain.clone();
    best.setup_coop_taskrun();
    let build = |ring: Builder| {
        let builder = RuntimeBuilder::<IoUringDriver>::new().with_entries(entries);
        builder.uring_builder(ring).enable_timer().build()
    };
    Ok(build(best).or_else(|_| build(plain))?.into())
}

/// Completions that a ring of `entries` should have room for.
pub(super) fn completions(entries: u32) -> u32 {
    (entries * COMPLETIONS_PER_ENTRY).clamp(entries, COMPLETIONS_MAX)
}

/// On a core's thread: make what `orders` say until they say to serve with it; `None` if they end
/// before.
pub(super) fn make(orders: &Receiver<Order>, told: &Sender<Event>) -> Option<Made> {
    let mut made = None;
    loop {
        match orders.recv().ok()? {
            Order::Make(driver) => {
                let (outcome, new) = match Made::new(driver) {
                    Ok(new) => (Ok(()), Some(new)),
                    Err(error) => (Err(error), None),
                };
                made = new;
                told.send(Event::Made(outcome)).ok()?;
            }
            Order::Drop => made = None, // Nothing has begun on it.
            Order::Serve => return made,
        }
    }
}

/// On the main thread: have every core make the best that all of them can, and serve with it.
///
/// # Errors
/// If even epoll cannot be had, or something else ends meanwhile.
pub(super) fn agree(
    cores: &[Sender<Order>],
    events: &Receiver<Event>,
    entries: u32,
) -> io::Result<Driver> {
    let mut driver = Driver::Epoll;
    let mut refused = None;
    if monoio::utils::detect_uring() {
        driver = Driver::Rings { entries };
    } else {
        tracing::warn!(
            "io_uring is not available (kernel, seccomp profile or MONOIO_FORCE_LEGACY_DRIVER), \
             falling back to epoll, which costs more CPU"
        );
    }
    while let Some(error) = try_all(cores, events, driver)? {
        let Some(next) = next(driver, &error) else { return Err(error) };
        driver = next;
        refused.get_or_insert(error);
        tell(cores, Order::Drop)?;
        thread::sleep(TEARDOWN_TIME);
    }
    if let Some(error) = refused {
        tracing::warn!("{}", describe(driver, entries, &error));
    }
    tell(cores, Order::Serve)?;
    Ok(driver)
}

/// Have every core make what `driver` needs; the first reason why one cannot.
fn try_all(
    cores: &[Sender<Order>],
    events: &Receiver<Event>,
    driver: Driver,
) -> io::Result<Option<io::Error>> {
    tell(cores, Order::Make(driver))?;
    let mut refused = None;
    for _ in cores {
        match events.recv().map_err(io::Error::other)? {
            Event::Made(Ok(())) => {}
            Event::Made(Err(error)) => {
                refused.get_or_insert(error);
            }
            event => return Err(ended(Some(event))),
        }
    }
    Ok(refused)
}

fn tell(cores: &[Sender<Order>], order: Order) -> io::Result<()> {
    cores.iter().try_for_each(|core| core.send(order).map_err(io::Error::other))
}

/// What to try after `driver` was refused with `error`; smaller rings help only against a want of
/// memory.
fn next(driver: Driver, error: &io::Error) -> Option<Driver> {
    let Driver::Rings { entries } = driver else { return None };
    let smaller = entries / SHRINK;
    let is_memory = error.raw_os_error() == Some(libc::ENOMEM);
    let is_worth_it = is_memory && smaller >= ENTRIES_MIN;
    Some(if is_worth_it { Driver::Rings { entries: smaller } } else { Driver::Epoll })
}

/// Why `driver` it is and not rings of `wanted` entries, and what to do about it.
fn describe(driver: Driver, wanted: u32, error: &io::Error) -> String {
    let cure = match error.raw_os_error() {
        Some(libc::ENOMEM) => {
            "; raise the memory that may be locked (ulimit -l, LimitMEMLOCK), or lower \
             core.uring_entries"
        }
        Some(libc::EMFILE | libc::ENFILE) => "; raise the limit on files (ulimit -n, LimitNOFILE)",
        Some(libc::EPERM | libc::EACCES | libc::ENOSYS) => {
            "; allow it in the seccomp profile, as packaging/seccomp.json does"
        }
        _ => "",
    };
    match driver {
        Driver::Rings { entries } => {
            format!("rings of {wanted} entries are refused: {error}; they have {entries}{cure}")
        }
        Driver::Epoll => format!(
            "io_uring is refused: {error}; falling back to epoll on all cores, which costs more \
             CPU{cure}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is tried one after the other where all is refused for this reason.
    fn tried(errno: i32) -> Vec<Driver> {
        let error = io::Error::from_raw_os_error(errno);
        let first = Driver::Rings { entries: 4_096 };
        std::iter::successors(Some(first), |driver| next(*driver, &error)).collect()
    }

    #[test]
    fn smaller_rings_are_tried_for_want_of_memory_and_then_epoll() {
        let rings = [4_096, 1_024, 256].map(|entries| Driver::Rings { entries });
        assert_eq!(tried(libc::ENOMEM), [&rings[..], &[Driver::Epoll]].concat());
    }

    #[test]
    fn where_rings_are_forbidden_small_ones_are_too() {
        for errno in [libc::EPERM, libc::EMFILE, libc::ENOSYS] {
            assert_eq!(tried(errno), [Driver::Rings { entries: 4_096 }, Driver::Epoll]);
        }
    }

    #[test]
    fn the_operator_is_told_what_to_raise() {
        let told = |driver, errno| describe(driver, 4_096, &io::Error::from_raw_os_error(errno));
        let smaller = told(Driver::Rings { entries: 256 }, libc::ENOMEM);
        assert!(smaller.contains("4096") && smaller.contains("LimitMEMLOCK"), "{smaller}");
        assert!(told(Driver::Epoll, libc::EMFILE).contains("LimitNOFILE"));
        assert!(told(Driver::Epoll, libc::EPERM).contains("seccomp"));
    }
}
